import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { post } from '../receivers/otlp/running.ts';
import { lineUpstream, numberedRequest } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

const PER_REQUEST = 500;
const CONSUMERS = 2;
const SHUTDOWN_MS = 2000;
/** Of each request: the rest of the queue takes far longer than the shutdown may. */
const SERVICE_MS = 500;

interface Scene {
  readonly remora: Remora;
  readonly http: string;
}

async function scene(t: Test, upstreamUrl: string, shutdownTimeout: string): Promise<Scene> {
  const httpPort = await freePort();
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters:
  otlphttp:
    endpoint: ${upstreamUrl}
    timeout: 60s
    sending_queue: { queue_size: 1000, num_consumers: ${CONSUMERS} }
service:
  shutdown_timeout: ${shutdownTimeout}
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`,
    ],
  });
  return { remora, http: `127.0.0.1:${httpPort}` };
}

test('SIGTERM under load: out within the deadline, with a ledger that closes and names what was not sent', async (t) => {
  const upstream = await lineUpstream((_request, response, { body }) => {
    setTimeout(() => response.writeHead(200).end(), SERVICE_MS);
    arrivedItems += PER_REQUEST;
    return body.length > 0;
  });
  let arrivedItems = 0;
  t.after(() => upstream[Symbol.asyncDispose]());
  const running = await scene(t, upstream.url, `${SHUTDOWN_MS}ms`);

  // Clients that send without pause until the process is gone.
  const body = numberedRequest(0, PER_REQUEST);
  let acceptedItems = 0;
  const statuses = new Set<number>();
  const clients = Array.from({ length: 4 }, async () => {
    for (;;) {
      const reply = await post(running, body, { path: '/v1/logs' }).catch(() => undefined);
      if (reply === undefined) return;
      statuses.add(reply.status);
      if (reply.status === 200) acceptedItems += PER_REQUEST;
    }
  });
  await until(() => acceptedItems > arrivedItems + 200 * PER_REQUEST, 'the queue is full of work');
  const queuedRequests = (acceptedItems - arrivedItems) / PER_REQUEST;
  const startedMs = performance.now();
  const ended = await running.remora.stop();
  const tookMs = performance.now() - startedMs;
  await Promise.all(clients);

  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(tookMs < (queuedRequests / CONSUMERS) * SERVICE_MS, `It took ${Math.round(tookMs)} ms.`);
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  const exporter = lines.find(({ stage }) => stage === 'exporter');
  assert.ok(exporter);
  assert.equal(exporter.received, acceptedItems, 'what clients were told is in the ledger');
  assert.equal(exporter.held, 0);
  assert.deepEqual(Object.keys(exporter.dropped), ['shutdown']);
  assert.equal(exporter.dropped['shutdown'], acceptedItems - exporter.passed);
  // What was under way when the deadline came may have arrived although no answer was read.
  const unknown = arrivedItems - exporter.passed;
  assert.ok(unknown >= 0 && unknown <= CONSUMERS * PER_REQUEST, `${unknown} items have an unknown outcome.`);
  assert.ok(exporter.passed > 0);
  for (const status of statuses) assert.ok(status === 200 || status === 503, `A client was answered ${status}.`);
});

test('SIGTERM with time enough: everything is delivered', async (t) => {
  const upstream = await lineUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const running = await scene(t, upstream.url, '60s');
  for (let i = 0; i < 50; i++) {
    assert.equal((await post(running, numberedRequest(i * 100, 100), { path: '/v1/logs' })).status, 200);
  }
  const ended = await running.remora.stop();
  assert.equal(ended.code, 0);
  assert.equal(upstream.counts.size, 5000);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
});

test('a second SIGTERM leaves at once, and still says what was left', async (t) => {
  const upstream = await lineUpstream(() => true);
  t.after(() => upstream[Symbol.asyncDispose]());
  const running = await scene(t, upstream.url, '60s');
  assert.equal((await post(running, numberedRequest(0, 100), { path: '/v1/logs' })).status, 200);
  running.remora.kill('SIGTERM');
  await until(() => running.remora.stderr().includes('Draining'), 'it drains');
  const startedMs = performance.now();
  const ended = await running.remora.stop();
  assert.ok(performance.now() - startedMs < 30_000, 'half of the time that it had is not over');
  assert.equal(ended.code, 1);
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  assert.deepEqual(lines.find(({ stage }) => stage === 'exporter')?.dropped, { shutdown: 100 });
});
