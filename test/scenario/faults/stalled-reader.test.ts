import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { post } from '../../receivers/otlp/running.ts';
import { faultyUpstream } from '../../support/faulty-upstream.ts';
import { numberedRequest } from '../../support/line-upstream.ts';
import { freePort } from '../../support/ports.ts';
import { ledgerOf, startRemora } from '../../support/remora.ts';
import { until } from '../../support/until.ts';

const LINES = 4000;
const REQUESTS = 60;
/** How long the upstreams do not read; many attempts, each with 260 KB. */
const STALL_MS = Number(process.env['FAULTS_SECONDS'] ?? 3) * 1000;
/** Two queues of 16 MB, eight requests under way, and what V8 lets lie until it collects. */
const RSS_GROWTH_BYTES = 200e6;

test('upstreams that take connections and read nothing cost no more memory than the queues, and get all of it later', async (t) => {
  const stalled = { fault: { socket: () => undefined } } as const;
  const grpc = await faultyUpstream({ protocol: 'grpc', ...stalled });
  const http = await faultyUpstream({ protocol: 'http', ...stalled });
  t.after(() => [grpc, http].forEach((upstream) => upstream.close()));
  const port = await freePort();
  const sending = `
    compression: none
    timeout: 1s
    sending_queue: { num_consumers: 4 }
    retry_on_failure: { initial_interval: 100ms, max_interval: 300ms, max_elapsed_time: 0 }`;
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
  otlp:
    endpoint: 127.0.0.1:${grpc.port}
    tls: { insecure: true }${sending}
  otlphttp:
    endpoint: http://127.0.0.1:${http.port}${sending}
service:
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlp, otlphttp] } }
`,
    ],
  });
  const rssBefore = await remora.rssBytes();
  for (let request = 0; request < REQUESTS; request++) {
    const body = numberedRequest(request * LINES, LINES);
    assert.equal((await post({ http: `127.0.0.1:${port}` }, body, { path: '/v1/logs' })).status, 200);
  }
  let mostBytes = 0;
  for (const endMs = performance.now() + STALL_MS; performance.now() < endMs;) {
    mostBytes = Math.max(mostBytes, await remora.rssBytes());
    await pause(50);
  }
  t.diagnostic(`resident memory at most ${Math.round(mostBytes / 1e6)} MB`);
  const grown = mostBytes - rssBefore;
  assert.ok(grown < RSS_GROWTH_BYTES, `Resident memory grew by ${Math.round(grown / 1e6)} MB.`);
  assert.deepEqual([grpc.counts.size, http.counts.size], [0, 0]);

  await Promise.all([grpc.heal(), http.heal()]);
  const total = REQUESTS * LINES;
  await until(() => grpc.counts.size === total && http.counts.size === total, 'everything arrived');
  const ended = await remora.stop();
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed && ended.code === 0, ended.stderr);
  for (const line of lines.filter(({ stage }) => stage === 'exporter')) assert.equal(line.passed, total);
});
