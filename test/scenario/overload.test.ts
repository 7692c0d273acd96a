import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeStatus } from '../../src/otlp/response.ts';
import { grpcClient, post, type Calling } from '../receivers/otlp/running.ts';
import { limitedUpstream, type LimitedUpstream } from '../support/limited-upstream.ts';
import { numberedLines, numberedRequest } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, temporaryDirectory, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** How long each of the two loads lasts; `OVERLOAD_SECONDS=60` for a long one. */
const SECONDS = Number(process.env['OVERLOAD_SECONDS'] ?? 5);
const MIB = 2 ** 20;
const LIMIT_MIB = 256;
const PER_REQUEST = 100;
const REQUEST_BYTES = numberedRequest(0, PER_REQUEST).length;
/** Requests that the upstream takes in a second. */
const CAPACITY = 40;
const TICK_MS = 50;
/** Lines of the file have numbers of their own. */
const FIRST_LINE = 5_000_000;
const FILE_LINES = 30_000;

/** Clients that offer new lines at a rate, whatever becomes of them, over HTTP and gRPC in turn. */
class Load {
  readonly acknowledged: number[] = [];
  readonly refusalsMs: number[] = [];
  readonly faults: string[] = [];
  underWay = 0;
  #next = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #httpPort: number;
  readonly #grpc: Calling;

  constructor(t: Test, httpPort: number, grpc: Calling) {
    this.#httpPort = httpPort;
    this.#grpc = grpc;
    t.after(() => this.#agent.destroy());
  }

  async offer(perSecond: number, seconds: number): Promise<void> {
    const startMs = performance.now();
    let offered = 0;
    for (let passedMs = 0; passedMs < seconds * 1000; passedMs = performance.now() - startMs) {
      for (; offered < (perSecond * passedMs) / 1000; offered++) void this.#send(offered % 2 === 0);
      await pause(TICK_MS);
    }
    await until(() => this.underWay === 0, 'every request is answered');
  }

  async #send(overHttp: boolean): Promise<void> {
    const first = this.#next;
    this.#next += PER_REQUEST;
    this.underWay += 1;
    const beginMs = performance.now();
    const body = numberedRequest(first, PER_REQUEST);
    const fault = overHttp ? await this.#overHttp(body) : await this.#overGrpc(body);
    this.underWay -= 1;
    if (fault === undefined) this.acknowledged.push(first);
    else if (fault === '') this.refusalsMs.push(performance.now() - beginMs);
    else this.faults.push(fault);
  }

  /** Undefined when it was taken, an empty text when it was refused with all that a client must be told. */
  #overHttp(body: Uint8Array): Promise<string | undefined> {
    return new Promise((resolve) => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
      const target = { host: '127.0.0.1', port: this.#httpPort, path: '/v1/logs', method: 'POST', agent: this.#agent };
      const sent = httpRequest({ ...target, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(undefined);
          const status = response.statusCode === 503 ? decodeStatus(Buffer.concat(parts), 'proto') : undefined;
          const isTold = Number(response.headers['retry-after']) >= 1 && (status?.retryAfterMs ?? 0) >= 1000;
          resolve(isTold ? '' : `HTTP ${response.statusCode}: ${JSON.stringify(response.headers)}`);
        });
      });
      sent.on('error', (error) => resolve(`HTTP: ${error.message}`));
      sent.end(body);
    });
  }

  async #overGrpc(body: Uint8Array): Promise<string | undefined> {
    const reply = await this.#grpc.export('logs', body);
    if (reply.code === 0) return undefined;
    const afterMs = reply.details === undefined ? 0 : (decodeStatus(reply.details, 'proto').retryAfterMs ?? 0);
    return reply.code === 14 && afterMs >= 1000 ? '' : `gRPC ${reply.code}: ${reply.message}`;
  }
}

/**
 * At how many of the looks, while `load` lasted, the upstream had nothing to do. The process answers before each look, so
 * that a moment in which a busy machine gives it no time counts as one.
 */
async function idleShare(upstream: LimitedUpstream, metricsPort: number, load: () => Promise<void>): Promise<number> {
  const looks = { all: 0, idle: 0 };
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      await pause(20);
      await metricsPage(metricsPort);
      looks.all += 1;
      if (upstream.present === 0) looks.idle += 1;
    }
  })();
  await load();
  isOver = true;
  await looking;
  return looks.idle / looks.all;
}

/** The most that was resident at any look, until told to end. */
function watchMemory(remora: Remora): () => Promise<number> {
  const ended = new AbortController();
  const watching = (async () => {
    let most = 0;
    while (!ended.signal.aborted) {
      most = Math.max(most, await remora.rssBytes());
      await pause(50);
    }
    return most;
  })();
  return () => {
    ended.abort();
    return watching;
  };
}

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

test('at ten times what the upstream takes, it is never without work, memory stays in its budget, and clients are told when to return', async (t) => {
  const upstream = await limitedUpstream(CAPACITY * REQUEST_BYTES);
  t.after(() => upstream[Symbol.asyncDispose]());
  const file = join(await temporaryDirectory(t), 'app.log');
  const [grpcPort, httpPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} }, http: { endpoint: 127.0.0.1:${httpPort} } } }
  filelog: { include: [${file}], start_at: beginning }
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    compression: none
    timeout: 60s
    sending_queue: { sizer: bytes, queue_size: ${MIB}, num_consumers: 4 }
service:
  memory: { limit: ${LIMIT_MIB}MiB }
  pipelines: { logs: { receivers: [otlp, filelog], exporters: [otlphttp] } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const mostBytes = watchMemory(remora);
  const load = new Load(t, httpPort, grpcClient(t, `127.0.0.1:${grpcPort}`));
  const once = await idleShare(upstream, metricsPort, () => load.offer(CAPACITY, SECONDS));

  await appendFile(file, numberedLines(FIRST_LINE, FILE_LINES));
  const tenfold = await idleShare(upstream, metricsPort, () => load.offer(10 * CAPACITY, SECONDS));
  assert.deepEqual(load.faults, [], 'every refusal says when to return');
  const refused = load.refusalsMs.length;
  assert.ok(refused > CAPACITY * SECONDS, `${refused} were refused`);
  assert.ok(tenfold <= 0.5, `the upstream was idle at ${Math.round(100 * tenfold)} % of the looks`);
  assert.ok(
    ((await metricsPage(metricsPort)).value('remora_overload_refused_requests_total', 'reason="queue"') ?? 0) > 0,
  );

  upstream.perSecond = Infinity;
  const expected = load.acknowledged.length * PER_REQUEST + FILE_LINES;
  await until(() => upstream.counts.size >= expected, 'all that was acknowledged and all lines of the file arrive');
  for (const first of load.acknowledged) {
    for (let line = first; line < first + PER_REQUEST; line++) assert.equal(upstream.counts.get(line), 1);
  }
  for (let line = 0; line < FILE_LINES; line++) assert.ok(upstream.counts.has(FIRST_LINE + line));
  const most = (await mostBytes()) / MIB;
  assert.ok(most < LIMIT_MIB, `${Math.round(most)} MiB were resident`);
  const ended = await remora.stop();
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  t.diagnostic(
    `the upstream was idle for ${(100 * tenfold).toFixed(0)} % of the time, and ${(100 * once).toFixed(0)} % before; ${refused} refused, half of them within ${middle(load.refusalsMs).toFixed(1)} ms; at most ${Math.round(most)} MiB`,
  );
});

test('resident memory above the soft limit refuses new data until the queues have emptied, and the process lives', async (t) => {
  const upstream = await limitedUpstream(0);
  t.after(() => upstream[Symbol.asyncDispose]());
  const [httpPort, metricsPort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const softMib = 190;
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    compression: none
    timeout: 60s
    sending_queue: { max_bytes: 600MiB, queue_size: 100000 }
extensions: { health_check: { endpoint: 127.0.0.1:${healthPort} } }
service:
  extensions: [health_check]
  memory: { limit: 800MiB, soft_limit: ${softMib}MiB }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const to = { http: `127.0.0.1:${httpPort}` };
  const lines = 15_000;
  const body = numberedRequest(0, lines);
  let accepted = 0;
  const send = async (): Promise<boolean> => {
    const reply = await post(to, body, { path: '/v1/logs' });
    if (reply.status === 200) {
      accepted += 1;
      return true;
    }
    assert.equal(reply.status, 503);
    assert.ok(Number(reply.headers['retry-after']) >= 1);
    assert.match(decodeStatus(reply.body, 'proto').message, /Memory is above the soft limit/);
    return false;
  };
  await until(async () => !(await send()), 'memory is short');
  const mib = (accepted * body.length) / MIB;
  assert.ok(mib > 10 && mib < 400, `${Math.round(mib)} MiB were taken: memory refused them, not the queue`);
  assert.ok((await remora.rssBytes()) < (softMib + 100) * MIB, 'what comes between two looks is bounded');
  const page = await metricsPage(metricsPort);
  assert.equal(page.value('remora_overload_refusing', 'reason="memory"'), 1);
  const health = await fetch(`http://127.0.0.1:${healthPort}/pipelines`);
  assert.equal(health.status, 500);
  assert.match(await health.text(), /overload guard: Memory is above the soft limit/);

  upstream.perSecond = Infinity;
  await until(send, 'data is taken again');
  await until(async () => (await metricsPage(metricsPort)).value('otelcol_exporter_queue_size') === 0, 'all is sent');
  const ended = await remora.stop();
  const { closed, lines: rows } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  const exporter = rows.find(({ stage }) => stage === 'exporter');
  assert.deepEqual([exporter?.passed, exporter?.dropped], [accepted * lines, {}]);
});
