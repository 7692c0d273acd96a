import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { decodeStatus } from '../../src/otlp/response.ts';
import { grpcClient, post, type Calling } from '../receivers/otlp/running.ts';
import {
  lineUpstream,
  miscounted,
  numberedLines,
  numberedRequest,
  type LineUpstream,
} from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, temporaryDirectory, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

const CAPACITY_BYTES = 2 * 1024 * 1024;
const PER_REQUEST = 500;
/** Lines of the file have numbers of their own. */
const FIRST_LINE = 5_000_000;
const LINES = 50_000;
/** How long the upstream stays away once the queue is full; `OUTAGE_SECONDS=60` for a long one. */
const OUTAGE_SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? 0);

interface Scene {
  readonly remora: Remora;
  readonly file: string;
  readonly http: string;
  readonly grpc: Calling;
  readonly metricsPort: number;
}

async function scene(t: Test, upstreamPort: number, timeout: string): Promise<Scene> {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'app.log');
  const [grpcPort, httpPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} }, http: { endpoint: 127.0.0.1:${httpPort} } } }
  filelog: { include: [${file}], start_at: beginning }
exporters:
  otlphttp:
    endpoint: http://127.0.0.1:${upstreamPort}
    timeout: ${timeout}
    sending_queue: { sizer: bytes, queue_size: ${CAPACITY_BYTES}, num_consumers: 4 }
    retry_on_failure: { initial_interval: 100ms, max_interval: 300ms, max_elapsed_time: 0 }
service: { pipelines: { logs: { receivers: [otlp, filelog], exporters: [otlphttp] } } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const grpc = grpcClient(t, `127.0.0.1:${grpcPort}`);
  return { remora, file, http: `127.0.0.1:${httpPort}`, grpc, metricsPort };
}

/** A client as the specification wants it: keeps what was not taken, and offers it again. */
class Client {
  readonly #to: { readonly http: string };
  #next = 0;

  constructor(to: { readonly http: string }) {
    this.#to = to;
  }

  /** Lines that were accepted: all below this number. */
  get accepted(): number {
    return this.#next;
  }

  /** Sends the next lines; when Remora pushes back, its hint in seconds. */
  async send(): Promise<number | undefined> {
    const body = numberedRequest(this.#next, PER_REQUEST);
    const reply = await post(this.#to, body, { path: '/v1/logs' });
    if (reply.status === 200) {
      this.#next += PER_REQUEST;
      return undefined;
    }
    assert.equal(reply.status, 503);
    const status = decodeStatus(reply.body, 'proto');
    assert.equal(status.code, 14);
    assert.ok((status.retryAfterMs ?? 0) >= 1000);
    return Number(reply.headers['retry-after']);
  }
}

const QUEUE = 'otelcol_exporter_queue_size';

async function outage(t: Test, running: Scene): Promise<Client> {
  const { remora, grpc, file, metricsPort } = running;
  const rssBefore = await remora.rssBytes();
  const client = new Client(running);
  const [sampleEnd, sizes] = watchQueue(metricsPort);

  // Load until the queue pushes back, and then some more: it must go on pushing back.
  let hint: number | undefined;
  await until(async () => (hint = await client.send()) !== undefined, 'the client is told to retry');
  assert.ok(hint !== undefined && Number.isInteger(hint) && hint >= 1 && hint <= 600, `Retry-After is ${hint}`);
  const endMs = performance.now() + OUTAGE_SECONDS * 1000;
  do for (let i = 0; i < 100; i++) assert.ok((await client.send()) !== undefined);
  while (performance.now() < endMs);
  const reply = await grpc.export('logs', numberedRequest(client.accepted, PER_REQUEST));
  assert.equal(reply.code, 14);
  assert.ok(reply.details);
  assert.ok((decodeStatus(reply.details, 'proto').retryAfterMs ?? 0) >= 1000, 'RetryInfo');

  // The tailer reads no further than what it may hold.
  await appendFile(file, numberedLines(FIRST_LINE, LINES));
  const bytes = LINES * Buffer.byteLength(numberedLines(0, 1));
  const unread = async (): Promise<number> =>
    (await metricsPage(metricsPort)).value('remora_filelog_unread_bytes') ?? 0;
  await until(async () => (await unread()) > bytes * 0.8, 'the lines wait in the file');

  const page = await metricsPage(metricsPort);
  const size = page.value(QUEUE) ?? 0;
  assert.equal(page.value('otelcol_exporter_queue_capacity'), CAPACITY_BYTES);
  assert.ok(size > CAPACITY_BYTES * 0.95 && size <= CAPACITY_BYTES, `The queue shows ${size} bytes.`);
  sampleEnd();
  for (const seen of await sizes) assert.ok(seen <= CAPACITY_BYTES, `The queue showed ${seen} bytes.`);
  const grown = (await remora.rssBytes()) - rssBefore;
  t.diagnostic(`resident memory grew by ${Math.round(grown / 1e6)} MB`);
  assert.ok(grown < 150e6, `Resident memory grew by ${Math.round(grown / 1e6)} MB.`);
  return client;
}

/** Samples the size of the queue until told to end. */
function watchQueue(port: number): [end: () => void, sizes: Promise<number[]>] {
  let ended = false;
  const sizes: number[] = [];
  const sampling = (async () => {
    while (!ended) sizes.push((await metricsPage(port)).value(QUEUE) ?? 0);
    return sizes;
  })();
  return [() => void (ended = true), sampling];
}

/** Who is answered too late sends again: then lines may come twice. */
async function recovery(
  { remora, metricsPort }: Scene,
  client: Client,
  upstream: LineUpstream,
  atMost: number,
): Promise<void> {
  await until(async () => (await client.send()) === undefined, 'the client is served again');
  for (let i = 0; i < 20; i++) await until(async () => (await client.send()) === undefined, 'requests are taken');
  const total = (): number => client.accepted + LINES;
  await until(() => upstream.counts.size >= total(), 'everything arrived').catch(() => undefined);
  const counts = new Map(
    Array.from(upstream.counts, ([number, count]) => [
      number >= FIRST_LINE ? number - FIRST_LINE + client.accepted : number,
      count,
    ]),
  );
  assert.equal(miscounted(counts, total(), atMost), '');
  await until(async () => (await metricsPage(metricsPort)).value(QUEUE) === 0, 'the queue is empty');
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  const exporter = lines.find(({ stage }) => stage === 'exporter');
  assert.deepEqual([exporter?.received, exporter?.passed, exporter?.dropped], [total(), total(), {}]);
}

test('an upstream that is down: clients and tailer are held back, and nothing that was accepted is missing', async (t) => {
  const port = await freePort();
  const running = await scene(t, port, '60s');
  const client = await outage(t, running);
  const upstream = await lineUpstream(undefined, port);
  t.after(() => upstream[Symbol.asyncDispose]());
  await recovery(running, client, upstream, 1);
});

test('an upstream that hangs: the same, and each attempt ends by its timeout', async (t) => {
  let hangs = true;
  const upstream = await lineUpstream(() => hangs);
  t.after(() => upstream[Symbol.asyncDispose]());
  const running = await scene(t, upstream.port, '500ms');
  const client = await outage(t, running);
  assert.equal(upstream.counts.size, 0);
  hangs = false;
  await recovery(running, client, upstream, Infinity);
});
