import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { grpcSend, httpSend, LineClient, LineFile } from '../support/line-clients.ts';
import { lineUpstream, numberedLines, type LineUpstream } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * kill -9 at random moments, with queues on disk, under load over OTLP by both protocols and from files that rotate,
 * while the upstreams are away now and then.
 *
 * `KILLS=100 node --test test/scenario/kill9-queues.test.ts` is the full form; `KILL_SEED` repeats one.
 */
const KILLS = Number(process.env['KILLS'] ?? 3);
const SEED = process.env['KILL_SEED'] ?? 'remora';
const PER_REQUEST = 50;
const AT_ONCE = 4;
const PER_SECOND = 10_000;
const CONSUMERS = 4;
const LINE_BYTES = Buffer.byteLength(numberedLines(0, 1));
/**
 * What a crash repeats at most of what came by OTLP, in requests: those the upstream took whose end was not noted yet,
 * a thousand or those of 100 ms; those under way to it; and those whose sender did not get its answer.
 */
const WINDOW_REQUESTS = 1000 + CONSUMERS + AT_ONCE;
/**
 * Of files also what was on disk and not in the checkpoint yet: two of them a second apart, and the batches under way.
 * A process that lives for less than that may leave all it read to be read again.
 */
const WINDOW_LINES = 3 * PER_SECOND + Math.ceil((8 * 1024 * 1024 + 256 * 1024) / LINE_BYTES);

/** A source of numbered lines, where they arrive, and how many a crash may repeat. */
interface Way {
  readonly name: string;
  readonly upstream: LineUpstream;
  readonly source: LineClient | LineFile;
  readonly windowLines: number;
  repeated: number;
  /** Lines that ever arrived, and those of them since the kill before the last. */
  total: number;
  arrived: number;
}

/** Away for a third of the time, in stretches of a fifth of a second. */
function flakyUpstream(random: Random): Promise<LineUpstream> {
  let away = false;
  let untilMs = 0;
  return lineUpstream((_, response) => {
    if (performance.now() > untilMs) {
      away = random() < 1 / 3;
      untilMs = performance.now() + 200;
    }
    if (away) response.writeHead(503).end();
    return away;
  });
}

function repeatsOf({ counts }: LineUpstream): number {
  let lines = 0;
  for (const [, count] of counts) lines += count - 1;
  return lines;
}

interface Place {
  readonly directory: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly upstreams: readonly LineUpstream[];
}

function configOf({ directory, httpPort, grpcPort, upstreams: [http, grpc, files] }: Place): string {
  const exporter = (upstream: LineUpstream | undefined): string => `
    endpoint: ${upstream?.url ?? ''}
    compression: none
    sending_queue: { storage: file_storage, num_consumers: ${CONSUMERS} }
    retry_on_failure: { initial_interval: 50ms, max_interval: 200ms }`;
  return `
receivers:
  otlp/http: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } }
  otlp/grpc: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} } } }
  filelog: { include: [${directory}/app.log], start_at: beginning, storage: file_storage, poll_interval: 20ms }
exporters:
  otlphttp/http: ${exporter(http)}
  otlphttp/grpc: ${exporter(grpc)}
  otlphttp/files: ${exporter(files)}
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines:
    logs/http: { receivers: [otlp/http], exporters: [otlphttp/http] }
    logs/grpc: { receivers: [otlp/grpc], exporters: [otlphttp/grpc] }
    logs/files: { receivers: [filelog], exporters: [otlphttp/files] }
`;
}

async function place(t: TestContext, random: Random): Promise<Place> {
  const upstreams = [await flakyUpstream(random), await flakyUpstream(random), await flakyUpstream(random)];
  t.after(() => Promise.all(upstreams.map((upstream) => upstream[Symbol.asyncDispose]())));
  return {
    directory: await temporaryDirectory(t),
    httpPort: await freePort(),
    grpcPort: await freePort(),
    upstreams,
  };
}

function startLoad(t: TestContext, { directory, httpPort, grpcPort, upstreams: [http, grpc, files] }: Place): Way[] {
  assert.ok(http !== undefined && grpc !== undefined && files !== undefined);
  const send = grpcSend(grpcPort);
  const load = { atOnce: AT_ONCE, perRequest: PER_REQUEST };
  const requests = WINDOW_REQUESTS * PER_REQUEST;
  const file = new LineFile(join(directory, 'app.log'), { perSecond: PER_SECOND, rotateEvery: 7000 });
  const ways = [
    { name: 'http', upstream: http, source: new LineClient(httpSend(httpPort), load), windowLines: requests },
    { name: 'grpc', upstream: grpc, source: new LineClient(send, load), windowLines: requests },
    { name: 'files', upstream: files, source: file, windowLines: WINDOW_LINES },
  ];
  t.after(() => {
    for (const { source } of ways) source.end();
    send[Symbol.dispose]();
  });
  return ways.map((way) => ({ ...way, repeated: 0, total: 0, arrived: 0 }));
}

test(`kill -9 at ${KILLS} random moments with queues on disk: whatever was acknowledged arrives`, async (t) => {
  const random = seededRandom(SEED);
  const at = await place(t, random);
  const start = () => startRemora(t, { configs: [configOf(at)] });
  // What is rotated away before the very first look is none of its business.
  let remora = await start();
  const ways = startLoad(t, at);
  const repeats: string[] = [];
  const note = (): void => {
    for (const way of ways) {
      const lines = repeatsOf(way.upstream) - way.repeated;
      const window = way.windowLines + (way.name === 'files' ? way.arrived : 0);
      assert.ok(lines <= window, `${way.name} repeated ${lines} lines after a kill, with the seed ${SEED}`);
      repeats.push(`${way.name} ${lines}`);
      way.repeated += lines;
      // By this process; of all that come later, those that it read since its last checkpoint are repeats.
      way.arrived = way.upstream.counts.size + way.repeated - way.total;
      way.total += way.arrived;
    }
  };
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(200 + random() * 1500);
    remora.kill('SIGKILL');
    await remora.ended;
    note();
    await pause(random() * 100);
    remora = await start();
  }
  for (const { source } of ways) source.end();
  await Promise.all(ways.map(({ source }) => source.done));
  const missing = (): string =>
    ways.flatMap(({ name, source, upstream }) => `${name} ${source.sent - upstream.counts.size}`).join(', ');
  const none = 'http 0, grpc 0, files 0';
  await until(() => missing() === none, 'every line arrived').catch(() => undefined);
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  note();
  assert.equal(missing(), none, `with the seed ${SEED}`);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  const sent = ways.map(({ name, source }) => `${name} ${source.sent}`).join(', ');
  t.diagnostic(`lines sent: ${sent}; repeated after each kill: ${repeats.slice(3).join(', ')}`);
});
