import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test, type TestContext as Test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client';
import { pointsIn, type Scraped } from '../receivers/prometheus/scraped.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora } from '../support/remora.ts';
import { until } from '../support/until.ts';
import { notePoint, type History } from './prometheus/series-history.ts';
import { hasProgram, PrometheusServer, startProgram } from './prometheus/server.ts';
import { PAGE_NUMBER, snapshotOf, snapshotProxy, type Source } from './prometheus/snapshot-proxy.ts';

/**
 * A Prometheus server and Remora scrape the same targets under the same rules. Every series, label and value that Prometheus
 * has, scrape by scrape, must be what Remora's OTLP says, and nothing else; what has ended in one has ended in the other.
 */

/** How long they scrape; three minutes with 180000. */
const COMPARE_MS = Number(process.env['REMORA_COMPARE_MS'] ?? 10_000);
/** Fewer scrapes of a target would show nothing: one in five of them fails. */
const FEWEST = 6;
const PYTHON = '/usr/bin/python3';
/** What depends on the scraper: it must be there, with any value. */
const OF_THE_SCRAPER = 'scrape_duration_seconds{';

const TEXT = 'text/plain; version=0.0.4';

/** A page by number of the scrape: counters that reset, series that come and go, scrapes that fail. */
const changing: Source = (scrape) => {
  if (scrape % 5 === 4) return { status: 503, type: TEXT, body: '' };
  const lines = [
    '# HELP calls_total Calls.',
    '# TYPE calls_total counter',
    `calls_total{path="/users/${scrape % 3}",pod="p",job="inner"} ${(scrape * 7) % 20}`,
    'calls_total{path="/cart",instance="inner:1",scrape_id="5"} 3',
    '# TYPE size_bytes histogram',
    ...[1, 2, 3].map((bound) => `size_bytes_bucket{le="${bound / 10}"} ${bound * scrape}`),
    `size_bytes_bucket{le="+Inf"} ${4 * scrape}`,
    `size_bytes_count ${4 * scrape}`,
    `size_bytes_sum ${scrape * 1.1}`,
    '# TYPE wait summary',
    `wait{quantile="0.5"} ${scrape === 0 ? 'NaN' : scrape / 3}`,
    `wait_count ${scrape}`,
    `wait_sum ${scrape * 0.3}`,
    'internal_secret 1',
    'edge{n="1"} +Inf',
    'edge{n="2"} -Inf',
    'edge{n="3",empty=""} 1e-300',
    `only_${scrape % 2 === 0 ? 'even' : 'odd'} ${scrape}`,
  ];
  if (scrape % 3 === 0) lines.push(`third{scrape_number="${scrape}"} 1`);
  return { status: 200, type: TEXT, body: `${lines.join('\n')}\n` };
};

/** `$` is doubled for Remora. */
const rules = (dollar: string): string => `
    relabel_configs:
      - { source_labels: [__address__], regex: '(.*):.*', target_label: host, replacement: '${dollar}1' }
      - { source_labels: [__metrics_path__], target_label: path_of_page }
    metric_relabel_configs:
      - { source_labels: [__name__], regex: 'internal_.*|go_gc_.*', action: drop }
      - { source_labels: [path], regex: '/users/(\\d+)', target_label: path, replacement: '/users/id${dollar}{1}' }
      - { regex: pod, action: labeldrop }
      - { regex: 'scrape_(.*)', replacement: 'mapped_${dollar}1', action: labelmap }
      - { source_labels: [path, mode], modulus: 7, target_label: shard, action: hashmod }
      - { source_labels: [cpu], target_label: cpu, action: uppercase }
`;

const jobs = (address: string, names: readonly string[], dollar: string): string =>
  names
    .map(
      (name) => `
  - job_name: ${name}
    scrape_interval: 1s
    scrape_timeout: 1s
    metrics_path: /${name}
    honor_labels: ${name === 'honest'}
    static_configs: [{ targets: ['${address}'], labels: { scrape: ${name}, env: test } }]${rules(dollar)}`,
    )
    .join('');

function indented(text: string): string {
  return text.replaceAll('\n', '\n    ');
}

async function nodeExporter(t: Test): Promise<Source> {
  const address = `127.0.0.1:${await freePort()}`;
  await startProgram(t, 'prometheus-node-exporter', [`--web.listen-address=${address}`], `http://${address}/`);
  return () => snapshotOf(address);
}

const PYTHON_PROGRAM = `
import sys, threading, time
from prometheus_client import Counter, Enum, Gauge, Histogram, Info, Summary, start_http_server
c = Counter('py_calls', 'Calls.', ['path']); g = Gauge('py_temperature_celsius', 'Warmth.')
h = Histogram('py_time_seconds', 'Time.', ['path']); s = Summary('py_size_bytes', 'Size.')
Info('py_build', 'Build.').info({'version': '1.2'})
e = Enum('py_state', 'State.', states=['starting', 'running'])
start_http_server(int(sys.argv[1]), addr='127.0.0.1')
n = 0
while True:
    n += 1
    c.labels('/a' if n % 2 else '/b').inc(n); g.set(-n / 3); h.labels('/a').observe(n / 100); s.observe(n)
    e.state('running' if n % 3 else 'starting'); time.sleep(0.1)
`;

async function pythonClient(t: Test): Promise<Source> {
  const port = await freePort();
  await startProgram(t, PYTHON, ['-c', PYTHON_PROGRAM, String(port)], `http://127.0.0.1:${port}/metrics`);
  return () => snapshotOf(`127.0.0.1:${port}`);
}

async function promClient(t: Test): Promise<Source> {
  const registry = new Registry();
  const registers = [registry];
  const calls = new Counter({ name: 'app_calls_total', help: 'Calls.', labelNames: ['path'], registers });
  const load = new Gauge({ name: 'app_load', help: 'Load "now"\\n.', registers });
  const times = new Histogram({ name: 'app_time_seconds', help: 'Time.', labelNames: ['path'], registers });
  const sizes = new Summary({ name: 'app_size_bytes', help: 'Size.', registers });
  let scrapes = 0;
  const server = createServer((_, response) => {
    scrapes += 1;
    calls.inc({ path: '/a' }, scrapes);
    calls.inc({ path: `/b"\\${scrapes % 3}` });
    load.set(1 / scrapes);
    times.observe({ path: '/a' }, scrapes / 7);
    sizes.observe(scrapes);
    void registry.metrics().then((page) => response.writeHead(200, { 'content-type': registry.contentType }).end(page));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return () => snapshotOf(`127.0.0.1:${port}`);
}

/** Scrapes by job, in order, each with its points; a request is one scrape, since nothing batches. */
function scrapesOf(upstream: HttpUpstream): Map<string, Scraped[][]> {
  const scrapes = new Map<string, Scraped[][]>();
  for (const { body } of upstream.seen) {
    const points = pointsIn(body);
    const up = points.find(({ name, stale }) => name === 'up' && !stale);
    const job = up?.resource['service.name'] ?? '';
    if (up !== undefined) scrapes.set(job, [...(scrapes.get(job) ?? []), points]);
  }
  return scrapes;
}

interface Seen {
  readonly up: number | undefined;
  readonly page: number | undefined;
}

interface Run {
  readonly theirs: number;
  readonly ours: number;
  readonly length: number;
}

/**
 * The longest run of scrapes that both have in common, as indexes of its first: on a busy machine one of them runs into
 * its timeout now and then, and is ahead for a while.
 */
function inCommon(theirs: readonly Seen[], ours: readonly Seen[]): Run {
  let longest: Run = { theirs: 0, ours: 0, length: 0 };
  const lengths = new Map<string, number>();
  for (const [at, one] of theirs.entries()) {
    for (const [here, other] of ours.entries()) {
      if (one.up !== other.up || one.page !== other.page) continue;
      const length = (lengths.get(`${at - 1} ${here - 1}`) ?? 0) + 1;
      lengths.set(`${at} ${here}`, length);
      if (length > longest.length) longest = { theirs: at - length + 1, ours: here - length + 1, length };
    }
  }
  return longest;
}

function seenIn(points: readonly Scraped[]): Seen {
  const value = (name: string): number | undefined =>
    points.find((point) => point.name === name && !point.stale)?.value;
  return { up: value('up'), page: value(PAGE_NUMBER) };
}

/** The scrapes of a job that can be compared, by their times there and their points here. */
async function comparable(
  server: PrometheusServer,
  upstream: HttpUpstream,
  job: string,
): Promise<{ times: number[]; scraped: Scraped[][] }> {
  const [found, scraped] = [await server.scrapes(job), scrapesOf(upstream).get(job) ?? []];
  const run = inCommon(found, scraped.map(seenIn));
  // How many series a scrape adds depends on the one before.
  const from = run.theirs === 0 && run.ours === 0 ? 0 : 1;
  return {
    times: found.slice(run.theirs + from, run.theirs + run.length).map(({ timeMs }) => timeMs),
    scraped: scraped.slice(run.ours + from, run.ours + run.length),
  };
}

async function compare(server: PrometheusServer, upstream: HttpUpstream, job: string): Promise<number> {
  const { times, scraped } = await comparable(server, upstream, job);
  assert.ok(times.length >= FEWEST, `${times.length} scrapes of ${job}`);
  const ours: History = new Map();
  for (const [number, points] of scraped.entries()) {
    for (const point of points) notePoint(ours, point, number);
  }
  const theirs = await server.history(job, times);
  const listed = await server.series(job);
  let values = 0;
  const isCreated = (key: string): boolean => /_created\{/.test(key) && !ours.has(key);
  for (const [key, samples] of theirs) {
    samples.delete(-1);
    if (isCreated(key)) mustBeStart(key, samples, scraped);
    else if (samples.size > 0) {
      assert.ok(listed.has(key), key);
      values += sameValues(key, samples, ours.get(key));
    }
  }
  assert.deepEqual(
    [...ours.keys()].filter((key) => (theirs.get(key)?.size ?? 0) === 0),
    [],
    `${job}: series that only Remora has`,
  );
  for (const [number, timeMs] of times.entries()) {
    const alive = [...(await server.alive(job, timeMs))].filter((key) => !isCreated(key)).sort();
    const here = [...ours].filter(([, samples]) => samples.has(number)).map(([key]) => key);
    assert.deepEqual(here.sort(), alive, `${job}: what is alive after scrape ${number}`);
  }
  return values;
}

function sameValues(
  key: string,
  theirs: ReadonlyMap<number, number>,
  ours: ReadonlyMap<number, number> | undefined,
): number {
  assert.ok(ours, `Remora has no ${key}`);
  assert.deepEqual([...ours.keys()], [...theirs.keys()], `scrapes with ${key}`);
  if (!key.startsWith(OF_THE_SCRAPER)) assert.deepEqual([...ours], [...theirs], `values of ${key}`);
  return theirs.size;
}

/** `_created` is a series for Prometheus, and the start time of its metric in OTLP. */
function mustBeStart(key: string, samples: ReadonlyMap<number, number>, scraped: readonly Scraped[][]): void {
  const family = key.slice(0, key.indexOf('_created{'));
  for (const [number, seconds] of samples) {
    const starts = scraped[number]?.filter(({ name }) => name === family || name === `${family}_total`) ?? [];
    assert.ok(
      starts.some(({ startMs }) => Math.abs(startMs - seconds * 1000) < 0.01),
      `start time of ${key}`,
    );
  }
}

test('Remora and a Prometheus server that scrape the same targets have the same series, values and ends', async (t) => {
  if (!hasProgram('prometheus', '--version')) {
    t.skip('There is no Prometheus here (Debian: prometheus).');
    return;
  }
  const sources: Record<string, Source> = { changing, honest: changing, 'prom-client': await promClient(t) };
  if (hasProgram('prometheus-node-exporter', '--version')) sources['node'] = await nodeExporter(t);
  else t.diagnostic('There is no node exporter here (Debian: prometheus-node-exporter); it is left out.');
  if (hasProgram(PYTHON, '-c', 'import prometheus_client')) sources['python'] = await pythonClient(t);
  else t.diagnostic('There is no Python client here (Debian: python3-prometheus-client); it is left out.');
  const proxy = await snapshotProxy(sources);
  t.after(() => proxy[Symbol.asyncDispose]());
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const names = Object.keys(sources);
  const server = await PrometheusServer.start(t, `scrape_configs:${jobs(proxy.address, names, '$')}\n`);
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  prometheus:
    config:
      scrape_configs:${indented(indented(jobs(proxy.address, names, '$$')))}
exporters:
  otlphttp: { endpoint: '${upstream.url}', compression: none }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [prometheus], exporters: [otlphttp] } }
`,
    ],
  });
  await pause(COMPARE_MS);
  for (const job of names) {
    const enough = async (): Promise<boolean> => (await comparable(server, upstream, job)).times.length >= FEWEST;
    await until(enough, `there are scrapes of ${job} to compare`);
  }
  const ended = await remora.stop();
  let values = 0;
  for (const job of names) {
    const ofJob = await compare(server, upstream, job);
    assert.ok(ofJob >= 10 * FEWEST, `${ofJob} values of ${job}`);
    values += ofJob;
  }
  t.diagnostic(`${values} values of ${names.join(', ')} agree`);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
});
