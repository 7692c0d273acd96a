import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { freePort } from '../support/ports.ts';
import { metricsOn, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** Nothing that is received makes series of our own without end: a real process, and everything at random that may come. */

const REQUESTS = Number(process.env['OWN_METRICS_REQUESTS'] ?? 60);

interface Ports {
  readonly http: number;
  readonly grpc: number;
  readonly metrics: number;
  readonly health: number;
  readonly admin: number;
  readonly target: number;
}

function config(ports: Ports, directory: string, upstream: number): string {
  return `
receivers:
  otlp:
    protocols:
      http: { endpoint: 127.0.0.1:${ports.http}, include_metadata: true }
      grpc: { endpoint: 127.0.0.1:${ports.grpc}, include_metadata: true }
  filelog: { include: ['${directory}/*.log'], start_at: beginning, poll_interval: 100ms }
  prometheus:
    config:
      scrape_configs:
        - { job_name: pages, scrape_interval: 300ms, static_configs: [{ targets: ['127.0.0.1:${ports.target}'] }] }
processors:
  rate_limit: { by: { metadata: x-tenant }, items_per_second: 1, burst: 1s, when_exceeded: drop }
  adaptive_sampler: { items_per_second: 5, keys: [service.name, span.name] }
  tail_sampling:
    decision_wait: 200ms
    policies: [{ name: some, type: probabilistic, probabilistic: { sampling_percentage: 50 } }]
  cardinality_limit: { limit: 10, window: 1s }
connectors:
  span_metrics: { metrics_flush_interval: 300ms, dimensions: [{ name: http.route }] }
exporters:
  otlphttp: { endpoint: 'http://127.0.0.1:${upstream}', sending_queue: { queue_size: 50 } }
extensions:
  health_check: { endpoint: 127.0.0.1:${ports.health} }
  admin: { endpoint: 127.0.0.1:${ports.admin} }
service:
  extensions: [health_check, admin]
  pipelines:
    traces: { receivers: [otlp], processors: [rate_limit, adaptive_sampler], exporters: [otlphttp, span_metrics] }
    traces/tail: { receivers: [otlp], processors: [tail_sampling], exporters: [otlphttp] }
    metrics: { receivers: [otlp, prometheus, span_metrics], processors: [cardinality_limit], exporters: [otlphttp] }
    logs: { receivers: [otlp, filelog], processors: [rate_limit], exporters: [otlphttp] }
`;
}

/** A server on a free port that ends with the test; `answer` gets a request and says status and text. */
async function serving(t: TestContext, answer: () => { status: number; text: string }): Promise<number> {
  const port = await freePort();
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const { status, text } = answer();
      response.writeHead(status, { 'Content-Type': 'text/plain' });
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return port;
}

/** Texts that never come twice, some of them long, some of them no names. */
class Chance {
  readonly #random = seededRandom('own metrics');
  #count = 0;

  text(): string {
    this.#count += 1;
    const ends = ['', ' "quoted"', '\\n', '\u{1f600}', 'x'.repeat(3000), '{a="b"}', '../..', '%00'];
    return `t${this.#count}-${Math.floor(this.#random() * 1e9).toString(36)}${this.of(ends)}`;
  }

  /** For headers, paths and names of files. */
  name(): string {
    return this.text()
      .replaceAll(/[^\w-]/g, '')
      .slice(0, 100);
  }

  of<T>(all: readonly T[]): T {
    const one = all[Math.floor(this.#random() * all.length)];
    if (one === undefined) throw new Error('There is nothing to choose from.');
    return one;
  }

  hex(length: number): string {
    return Array.from({ length }, () => Math.floor(this.#random() * 16).toString(16)).join('');
  }
}

function attributes(chance: Chance): object[] {
  const pair = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  return [pair(chance.text(), chance.text()), pair('http.route', chance.text()), pair('url.path', chance.text())];
}

function bodyOf(chance: Chance, signal: string): object {
  const resource = {
    attributes: [{ key: 'service.name', value: { stringValue: chance.text() } }, ...attributes(chance)],
  };
  const scope = { name: chance.text(), version: chance.text() };
  const named = { name: chance.text(), attributes: attributes(chance) };
  if (signal === 'traces') {
    const span = { ...named, traceId: chance.hex(32), spanId: chance.hex(16), traceState: chance.name() };
    return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] };
  }
  if (signal === 'metrics') {
    const dataPoints = [{ asDouble: 1, attributes: named.attributes }];
    const metric = { name: named.name, sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints } };
    return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: [metric] }] }] };
  }
  const record = { ...named, body: { stringValue: chance.text() }, severityText: chance.text() };
  return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] };
}

/** Whatever comes of it: most of these are refused. */
async function ask(url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5000) }).catch(() => undefined);
  await response?.arrayBuffer().catch(() => undefined);
}

async function oneRound(chance: Chance, ports: Ports, directory: string): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) {
    const headers = {
      'Content-Type': chance.of(['application/json', 'application/json', chance.name()]),
      'User-Agent': chance.name(),
      'X-Tenant': chance.name(),
      Host: chance.name(),
    };
    const signal = chance.of(['traces', 'metrics', 'logs']);
    const body = JSON.stringify(bodyOf(chance, signal));
    await ask(`http://127.0.0.1:${ports.http}/v1/${signal}`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body,
    });
    const port = chance.of([ports.http, ports.grpc, ports.metrics, ports.health, ports.admin]);
    const method = chance.of(['GET', 'POST', 'DELETE', 'PUT', 'PROPFIND', 'BREW']);
    const way = `/${chance.name()}/v1/${signal}?q=${chance.name()}`;
    await ask(`http://127.0.0.1:${port}${way}`, { method, headers, ...(method === 'GET' ? {} : { body }) });
    await writeFile(join(directory, `${chance.name()}.log`), `${chance.text()}\n`);
  }
}

/** The names and labels of all series, without their values. */
async function seriesOf(port: number): Promise<string[]> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
}

test('random methods, paths, agents, tenants, services, names and files make no series of our own', async (t) => {
  const chance = new Chance();
  const directory = await temporaryDirectory(t);
  const answered = new Set<string>();
  const target = await serving(t, () => {
    const status = chance.of([200, 200, 200, 500, 404]);
    answered.add(`target ${status}`);
    const sample = `m_${chance.name().replaceAll('-', '_')}{l="${chance.name()}"} 1\n`;
    return { status, text: chance.of([sample, chance.text()]) };
  });
  // An upstream that refuses for reasons of its own, never the same, in words that go into errors.
  const upstream = await serving(t, () => {
    const status = chance.of([200, 200, 400, 413, 503]);
    answered.add(`upstream ${status}`);
    return { status, text: chance.text() };
  });
  const ports: Ports = {
    http: await freePort(),
    grpc: await freePort(),
    metrics: await freePort(),
    health: await freePort(),
    admin: await freePort(),
    target,
  };
  await startRemora(t, { configs: [config(ports, directory, upstream)], sets: [metricsOn(ports.metrics)] });
  // Tables of keys fill.
  for (let early = 0; early < 3; early++) await oneRound(chance, ports, directory);
  await until(() => answered.size === 3 + 4, 'every answer came once');
  await until(async () => (await seriesOf(ports.metrics)).some(isNamed), 'a name that was received is on the page');
  const before = await seriesOf(ports.metrics);
  for (let more = 0; more < 3; more++) {
    await oneRound(chance, ports, directory);
    const after = await seriesOf(ports.metrics);
    const fresh = own(after).filter((series) => !before.includes(series));
    assert.equal(own(after).length, own(before).length, fresh.slice(0, 20).join('\n'));
    for (const [metric, count] of countsOf(after.filter(isNamed))) {
      assert.ok(count <= (MOST_NAMED[metric] ?? 0), `${metric} has ${count} series with names that were received`);
    }
    for (const reason of new Set(after.flatMap((series) => /\breason="([^"]*)"/.exec(series)?.[1] ?? []))) {
      assert.match(reason, /^[a-z0-9_]{1,40}$/, 'a reason is one of ours');
    }
  }
});

/** Metrics that say what they are about by a name that was received, and how many series each has of them at most. */
const MOST_NAMED: Readonly<Record<string, number>> = {
  remora_sampling_ratio_asked: 20,
  remora_sampling_ratio_got: 20,
  remora_filelog_unread_bytes: 20,
  remora_cardinality_series: 20,
  remora_cardinality_series_limit: 20,
  remora_cardinality_seen_series: 20,
  remora_cardinality_label_values: 80,
};

function isNamed(series: string): boolean {
  return /t\d+-/.test(series);
}

/** Those of which there are as many as the configuration makes; what has a reason comes with the first of its kind. */
function own(all: readonly string[]): string[] {
  return all.filter((series) => !isNamed(series) && !/\b(?:reason|key|file|metric)="/.test(series));
}

function countsOf(all: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const series of all) {
    const metric = /^\w+/.exec(series)?.[0] ?? '';
    counts.set(metric, (counts.get(metric) ?? 0) + 1);
  }
  return counts;
}
