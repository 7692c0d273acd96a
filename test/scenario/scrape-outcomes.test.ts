import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext as Test } from 'node:test';
import { createGzip } from 'node:zlib';
import { pageTarget, TEXT, type PageTarget } from '../receivers/prometheus/page-target.ts';
import { pointsIn, type Scraped } from '../receivers/prometheus/scraped.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * What docs/scraping.md says of targets that misbehave, each as a job of one process: what comes out, that memory stays where
 * it was, and that the ledger is closed.
 */

const MEBIBYTE = 1024 * 1024;
const LARGE_BYTES = 100 * MEBIBYTE;
const FAILURES = 'remora_scrape_failures_total';
const STRICT = 'scrape_timeout: 400ms';
const LINE = Buffer.from(`filler{text="${'x'.repeat(1000)}"} 1\n`);

type Answer = PageTarget['answer'];

/** A page of 100 MB, written as fast as it is read, until the other side has enough. */
function large(response: ServerResponse, into: NodeJS.WritableStream = response): void {
  const chunk = Buffer.concat(Array<Buffer>(64).fill(LINE));
  let left = LARGE_BYTES;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.length;
      if (!into.write(chunk)) return void into.once('drain', more);
    }
    into.end();
  };
  more();
}

const text = (response: ServerResponse, headers: Record<string, string> = {}): ServerResponse =>
  response.writeHead(200, { 'content-type': TEXT, ...headers });

/** Each job: its settings, its target, and why its scrapes fail; undefined when they do not. */
const JOBS: Readonly<Record<string, { keys?: string; answer: Answer; reason?: string }>> = {
  sound: { answer: (_, response) => void text(response).end('sound 1\n') },
  cut_length: {
    reason: 'connect',
    answer: (_, response) =>
      void text(response, { 'content-length': '100' }).write('a 1\nb 12', () => response.destroy()),
  },
  cut_chunked: {
    reason: 'connect',
    answer: (_, response) => void text(response).write('a 1\nb{x="', () => response.destroy()),
  },
  cut_line: { reason: 'parse', answer: (_, response) => void text(response).end('a 1\nb{x="') },
  limited: {
    keys: 'body_size_limit: 1MB',
    reason: 'body_size_limit',
    answer: (_, response) => large(text(response)),
  },
  unlimited: { reason: 'body_size_limit', answer: (_, response) => large(text(response)) },
  packed: {
    reason: 'body_size_limit',
    answer: (_, response) => {
      const gzip = createGzip({ level: 1 });
      gzip.pipe(text(response, { 'content-encoding': 'gzip' }));
      large(response, gzip);
    },
  },
  silent: { keys: STRICT, reason: 'timeout', answer: () => undefined },
  headless: {
    keys: STRICT,
    reason: 'timeout',
    answer: (_, response) => {
      text(response).flushHeaders();
    },
  },
  drip: {
    keys: STRICT,
    reason: 'timeout',
    answer: (_, response) => {
      text(response);
      const dripping = setInterval(() => void response.write('#'), 20);
      response.on('close', () => clearInterval(dripping));
    },
  },
};
/** 100 MB for each scrape. */
const SELDOM = new Set(['limited', 'unlimited', 'packed']);

interface Scene {
  readonly remora: Remora;
  readonly metricsPort: number;
  points(job: string): Scraped[];
}

async function scene(
  t: Test,
  jobs: readonly (readonly [job: string, address: string, keys: string | undefined])[],
): Promise<Scene> {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const metricsPort = await freePort();
  const scrapes = jobs.map(
    ([job, address, keys]) =>
      `        - { job_name: ${job}, scrape_interval: ${SELDOM.has(job) ? '5s' : '500ms'}, static_configs: [{ targets: ['${address}'] }]${keys === undefined ? '' : `, ${keys}`} }\n`,
  );
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  prometheus:
    config:
      scrape_configs:
${scrapes.join('')}
exporters:
  otlphttp: { endpoint: '${upstream.url}', compression: none }
service:
  pipelines: { metrics: { receivers: [prometheus], exporters: [otlphttp] } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const taken: Scraped[] = [];
  let read = 0;
  const points = (job: string): Scraped[] => {
    for (; read < upstream.seen.length; read++) taken.push(...pointsIn(upstream.seen[read]!.body));
    return taken.filter(({ resource }) => resource['service.name'] === job);
  };
  return { remora, metricsPort, points };
}

async function assertClosed({ remora }: Scene): Promise<void> {
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  assert.doesNotMatch(ended.stderr, /BUG|component_failed|A scrape failed inside/);
}

const ups = (points: readonly Scraped[]): (number | undefined)[] =>
  points.filter(({ name, stale }) => name === 'up' && !stale).map(({ value }) => value);

test('pages that are cut, too large, late or never there are up 0 and nothing else, and cost no memory', async (t) => {
  const targets: (readonly [string, PageTarget])[] = [];
  for (const [job, { answer }] of Object.entries(JOBS)) targets.push([job, await pageTarget(answer)]);
  t.after(() => Promise.all(targets.map(([, target]) => target[Symbol.asyncDispose]())));
  const running = await scene(
    t,
    targets.map(([job, { address }]) => [job, address, JOBS[job]?.keys] as const),
  );
  const failures = async (job: string, reason = ''): Promise<number> =>
    (await metricsPage(running.metricsPort)).value(FAILURES, `job="${job}",reason="${reason}`) ?? 0;
  let highestBytes = 0;
  for (const job of Object.keys(JOBS)) {
    const enough = SELDOM.has(job) ? 2 : 3;
    const { reason } = JOBS[job] ?? {};
    // On a busy machine a scrape may also end by its timeout.
    const scraped = async (): Promise<boolean> => {
      highestBytes = Math.max(highestBytes, await running.remora.rssBytes());
      const wellUps = ups(running.points(job)).filter((up) => up === 1).length;
      return (reason === undefined ? wellUps : await failures(job, reason)) >= enough;
    };
    await until(scraped, `${enough} scrapes of ${job}`);
  }
  for (const [job, { reason }] of Object.entries(JOBS)) {
    const points = running.points(job);
    if (reason !== undefined) assert.deepEqual(new Set(ups(points)), new Set([0]), job);
    else assert.equal(await failures(job), await failures(job, 'timeout'));
    const names = new Set(points.map(({ name }) => name).filter((name) => !/^(?:up|scrape_)/.test(name)));
    assert.deepEqual([...names], reason === undefined ? ['sound'] : [], job);
  }
  // Two pages of 64 MiB at once and what they were received in; the 100 MB pages are never there as a whole.
  t.diagnostic(`at most ${Math.round(highestBytes / MEBIBYTE)} MiB resident`);
  assert.ok(highestBytes < 450 * MEBIBYTE, `${highestBytes / MEBIBYTE} MiB`);
  await assertClosed(running);
});

const VALUES = [10, 20, 3, 4];

/** Four scrapes one after the other, none of which failed, whose values are VALUES; a busy machine may cost some. */
function fourInARow(points: readonly Scraped[]): Scraped[] | undefined {
  const counts = points.filter(({ name, stale }) => name === 'c' && !stale);
  const failedMs = points.filter(({ name, value }) => name === 'up' && value === 0).map(({ timeMs }) => timeMs);
  for (let at = 0; at + VALUES.length <= counts.length; at++) {
    const four = counts.slice(at, at + VALUES.length);
    const [fromMs = 0, toMs = 0] = [four[0]?.timeMs, four.at(-1)?.timeMs];
    const isWhole = !failedMs.some((ms) => ms > fromMs && ms < toMs);
    if (isWhole && four.every(({ value }, index) => value === VALUES[index])) return four;
  }
  return undefined;
}

test('a counter that goes down starts at the scrape before', async (t) => {
  let scrapes = 0;
  await using target = await pageTarget((_, response) => {
    text(response).end(`# TYPE c counter\nc ${VALUES[scrapes++ % VALUES.length]}\n`);
  });
  const running = await scene(t, [['reset', target.address, undefined]]);
  await until(() => fourInARow(running.points('reset')) !== undefined, 'four scrapes in a row');
  const [first, second, third, fourth] = fourInARow(running.points('reset')) ?? [];
  assert.deepEqual(
    [second?.startMs, third?.startMs, fourth?.startMs],
    [first?.startMs, second?.timeMs, second?.timeMs],
  );
  await assertClosed(running);
});

test('a target that vanishes ends with stale markers, is up 0, and goes on with its start times when it returns', async (t) => {
  const answer: Answer = (_, response) => void text(response).end('# TYPE c counter\nc 5\ng 1\n');
  const first = await pageTarget(answer);
  t.after(() => first[Symbol.asyncDispose]());
  const running = await scene(t, [['away', first.address, undefined]]);
  const of = (name: string): Scraped[] => running.points('away').filter((point) => point.name === name);
  await until(() => of('c').length >= 2, 'two scrapes');
  await first[Symbol.asyncDispose]();
  const isGone = async (): Promise<boolean> =>
    ((await metricsPage(running.metricsPort)).value(FAILURES, 'reason="connect"') ?? 0) > 0 &&
    ups(running.points('away')).at(-1) === 0;
  await until(isGone, 'that it is gone');
  // Once each time: on a busy machine scrapes may have failed before.
  const ends = ups(running.points('away')).filter((up, at, all) => up === 0 && all[at - 1] === 1).length;
  assert.deepEqual(
    ['c', 'g'].map((name) => of(name).filter(({ stale }) => stale).length),
    [ends, ends],
  );
  const before = of('c').length;
  const port = Number(first.address.split(':')[1]);
  await using back = await pageTarget(answer, port);
  await until(() => of('c').length > before, 'that it is back');
  const { value, startMs, stale, timeMs } = of('c').at(before)!;
  assert.deepEqual([value, startMs, stale], [5, of('c')[0]?.startMs, false]);
  const up = running.points('away').find((point) => point.name === 'up' && point.timeMs === timeMs);
  assert.equal(up?.value, 1);
  assert.ok(back.requests.length > 0);
  await assertClosed(running);
});
