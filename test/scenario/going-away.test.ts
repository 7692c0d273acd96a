import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test, type TestContext as Test } from 'node:test';
import { Agent as Undici, request as undiciRequest } from 'undici';
import { grpcClient } from '../receivers/otlp/running.ts';
import { lineUpstream, miscounted, numberedRequest, type LineUpstream } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * Clients that send at full speed to an instance that is told to stop, with another one to go to: what they see of it,
 * and that nothing they were told is taken is lost.
 */
const ROUNDS = Number(process.env['REMORA_DRAIN_ROUNDS'] ?? 1);
const LINES = 20;

interface Instance {
  readonly remora: Remora;
  readonly grpcPort: number;
  readonly httpPort: number;
}

async function instance(t: Test, upstream: LineUpstream): Promise<Instance> {
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const yaml = `
receivers:
  otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} }, http: { endpoint: 127.0.0.1:${httpPort} } } }
exporters:
  otlphttp: { endpoint: ${upstream.url}, sending_queue: { queue_size: 100000, max_bytes: 256MiB, batch: { flush_timeout: 30s } } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`;
  return { remora: await startRemora(t, { configs: [yaml] }), grpcPort, httpPort };
}

/** Sends one request; resolves to what the client saw. */
type Send = (port: number, body: Uint8Array) => Promise<string>;

/** Numbers lines across all clients, and remembers which were acknowledged. */
class Numbers {
  readonly acked: number[] = [];
  #next = 0;

  take(): { readonly first: number; readonly body: Uint8Array } {
    const first = this.#next;
    this.#next += LINES;
    return { first, body: numberedRequest(first, LINES) };
  }

  ack(first: number): void {
    for (let number = first; number < first + LINES; number++) this.acked.push(number);
  }
}

function throughNode(t: Test): Send {
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  return (port, body) =>
    new Promise((resolve) => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
      const asked = request({ agent, host: '127.0.0.1', port, path: '/v1/logs', method: 'POST', headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(String(answer.statusCode)));
        answer.on('error', (error) => resolve(error.message));
      });
      asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      asked.end(body);
    });
}

function throughUndici(t: Test): Send {
  const dispatcher = new Undici({ pipelining: 1 });
  t.after(() => dispatcher.destroy());
  return async (port, body) => {
    try {
      const answer = await undiciRequest(`http://127.0.0.1:${port}/v1/logs`, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body,
      });
      await answer.body.dump();
      return String(answer.statusCode);
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  };
}

for (const [name, through] of [
  ['node:http with keep-alive', throughNode],
  ['undici', throughUndici],
] as const) {
  test(`${name}: a stopping instance breaks off no request`, async (t) => {
    const upstream = await lineUpstream();
    t.after(() => upstream[Symbol.asyncDispose]());
    const other = await instance(t, upstream);
    const numbers = new Numbers();
    const seen: Record<string, number> = {};
    for (let round = 0; round < ROUNDS; round++) {
      const stopping = await instance(t, upstream);
      const before = numbers.acked.length;
      let isOver = false;
      const client = async (): Promise<void> => {
        const send = through(t);
        for (let port = stopping.httpPort; !isOver;) {
          const { first, body } = numbers.take();
          const result = await send(port, body);
          if (result === '200') numbers.ack(first);
          else {
            seen[result] = (seen[result] ?? 0) + 1;
            port = other.httpPort;
          }
        }
      };
      const clients = Array.from({ length: 8 }, client);
      await until(() => numbers.acked.length > before + 400 * LINES, 'clients are at full speed');
      const ended = await stopping.remora.stop();
      isOver = true;
      await Promise.all(clients);
      assert.equal(ended.code, 0, ended.stderr);
      assert.ok(ledgerOf(ended).closed, ended.stderr);
    }
    await other.remora.stop();
    // 503 says when to come back, and a refused connection that nothing was sent: both are safe to send elsewhere.
    const unsafe = Object.keys(seen).filter((result) => result !== '503' && result !== 'ECONNREFUSED');
    assert.deepEqual(unsafe, [], JSON.stringify(seen));
    const lost = numbers.acked.filter((number) => upstream.counts.get(number) !== 1);
    assert.deepEqual(lost, []);
  });
}

test('grpc-js: a channel with another address goes there, and no call fails', async (t) => {
  const upstream = await lineUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const other = await instance(t, upstream);
  const numbers = new Numbers();
  const failures: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const stopping = await instance(t, upstream);
    const addresses = `ipv4:127.0.0.1:${stopping.grpcPort},127.0.0.1:${other.grpcPort}`;
    const before = numbers.acked.length;
    let isOver = false;
    const client = async (): Promise<void> => {
      const channel = grpcClient(t, addresses, undefined, { 'grpc.use_local_subchannel_pool': 1 });
      while (!isOver) {
        const { first, body } = numbers.take();
        const { code, message } = await channel.export('logs', body);
        if (code === 0) numbers.ack(first);
        else failures.push(`${code} ${message}`);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await until(() => numbers.acked.length > before + 400 * LINES, 'clients are at full speed');
    const ended = await stopping.remora.stop();
    isOver = true;
    await Promise.all(clients);
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ledgerOf(ended).closed, ended.stderr);
  }
  await other.remora.stop();
  assert.deepEqual(failures, []);
  assert.equal(miscounted(upstream.counts, numbers.acked.length), '');
});
