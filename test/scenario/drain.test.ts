import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { grpcClient, post } from '../receivers/otlp/running.ts';
import { page, pageTarget } from '../receivers/prometheus/page-target.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import {
  lineUpstream,
  miscounted,
  numberedLines,
  numberedRequest,
  type LineUpstream,
} from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora, temporaryDirectory, type Ended, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

const LINES = 50;

async function upstreamOf(t: Test, ...answer: Parameters<typeof lineUpstream>): Promise<LineUpstream> {
  const upstream = await lineUpstream(...answer);
  t.after(() => upstream[Symbol.asyncDispose]());
  return upstream;
}

/** Lets time pass for a client that sends now and then. */
async function pass(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  await until(() => performance.now() >= endMs, 'time passed');
}

async function draining(remora: Remora): Promise<void> {
  remora.kill('SIGTERM');
  await until(() => remora.stderr().includes('Draining.'), 'it drains');
}

function assertWell(ended: Ended): void {
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
}

test('lingering keeps both protocols open, turns readiness and not liveness, and ends when the application is silent', async (t) => {
  const upstream = await upstreamOf(t);
  const [grpcPort, httpPort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} }, http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters: { otlphttp: { endpoint: ${upstream.url} } }
extensions: { health_check: { endpoint: 127.0.0.1:${healthPort} } }
service:
  extensions: [health_check]
  drain: { linger: 120s, linger_idle: 5s }
  shutdown_timeout: 150s
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`,
    ],
  });
  const channel = grpcClient(t, `127.0.0.1:${grpcPort}`);
  const startedMs = performance.now();
  await draining(remora);
  assert.equal((await fetch(`http://127.0.0.1:${healthPort}/`)).status, 503);
  assert.equal((await fetch(`http://127.0.0.1:${healthPort}/live`)).status, 200);
  const turns = 8;
  for (let turn = 0; turn < turns; turn++) {
    await pass(100);
    const body = numberedRequest(turn * LINES, LINES);
    if (turn % 2 === 0) assert.equal((await channel.export('logs', body)).code, 0);
    else assert.equal((await post({ http: `:${httpPort}` }, body, { path: '/v1/logs' })).status, 200);
  }
  const ended = await remora.ended;
  const tookMs = performance.now() - startedMs;
  assertWell(ended);
  assert.ok(tookMs > turns * 100 + 4900, `It took ${Math.round(tookMs)} ms.`);
  assert.match(ended.stderr, /Lingering is over; receivers stop\. .*over=idle/);
  assert.equal(miscounted(upstream.counts, turns * LINES), '');
});

test('the last lines of files go out: those of the last moment, and those that come while Remora lingers', async (t) => {
  const upstream = await upstreamOf(t);
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'app.log');
  await writeFile(path, numberedLines(0, 100));
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { filelog: { include: ['${directory}/*.log'], start_at: beginning, poll_interval: 10s } }
exporters: { otlphttp: { endpoint: ${upstream.url}, sending_queue: { sizer: bytes, queue_size: 10000000, batch: { flush_timeout: 60s } } } }
service:
  drain: { linger: 30s, linger_idle: 3s }
  shutdown_timeout: 60s
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } }
`,
    ],
  });
  await appendFile(path, numberedLines(100, 100));
  await draining(remora);
  await appendFile(path, numberedLines(200, 100));
  await until(() => remora.stderr().includes('Lingering is over'), 'the receivers stop');
  const ended = await remora.ended;
  assertWell(ended);
  assert.equal(miscounted(upstream.counts, 300), '');
});

test('a target is scraped once more, so that what was counted since the last scrape is not lost', async (t) => {
  let counted = 'early_total 1\n';
  const target = await pageTarget((...call) => page(counted)(...call));
  const upstream = await httpUpstream();
  t.after(() => Promise.all([target[Symbol.asyncDispose](), upstream[Symbol.asyncDispose]()]));
  const bodies: string[] = [];
  upstream.answer = (_request, response, { body }) => {
    bodies.push(body.toString('latin1'));
    response.writeHead(200).end();
  };
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  prometheus:
    config: { scrape_configs: [{ job_name: app, scrape_interval: 1h, static_configs: [{ targets: ['${target.address}'] }] }] }
exporters: { otlphttp: { endpoint: ${upstream.url}, compression: none } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [prometheus], exporters: [otlphttp] } }
`,
    ],
  });
  counted += 'last_words_total 1\n';
  assertWell(await remora.stop());
  assert.ok(bodies.some((body) => body.includes('last_words_total')));
});

test('the deadline holds with lingering in it and an upstream that hangs, and the report says what was dropped', async (t) => {
  const upstream = await upstreamOf(t, () => true);
  const httpPort = await freePort();
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters: { otlphttp: { endpoint: ${upstream.url} } }
service:
  shutdown_timeout: 3s
  drain: { linger: 1500ms }
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`,
    ],
  });
  assert.equal((await post({ http: `:${httpPort}` }, numberedRequest(0, LINES), { path: '/v1/logs' })).status, 200);
  const startedMs = performance.now();
  const ended = await remora.stop();
  const tookMs = performance.now() - startedMs;
  assertWell(ended);
  // The upstream would be tried for minutes.
  assert.ok(tookMs > 1500 && tookMs < 60_000, `It took ${Math.round(tookMs)} ms.`);
  assert.match(ended.stderr, /Draining\. .*queuedItems=50 lingerMs=1500 deadlineMs=3000/);
  assert.match(ended.stderr, /Drained an exporter\. .*drained=0 persisted=0 dropped=50 rejected=0/);
});

test('what a queue on disk holds at the deadline is persisted, and goes out with the next start', async (t) => {
  let isHanging = true;
  const upstream = await upstreamOf(t, () => isHanging);
  const directory = await temporaryDirectory(t);
  const httpPort = await freePort();
  const config = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters: { otlphttp: { endpoint: ${upstream.url}, sending_queue: { storage: file_storage } } }
extensions: { file_storage: { directory: ${directory} } }
service:
  extensions: [file_storage]
  shutdown_timeout: 1s
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`;
  const first = await startRemora(t, { configs: [config] });
  assert.equal((await post({ http: `:${httpPort}` }, numberedRequest(0, LINES), { path: '/v1/logs' })).status, 200);
  const ended = await first.stop();
  assertWell(ended);
  assert.match(ended.stderr, /Drained an exporter\. .*drained=0 persisted=50 dropped=0 rejected=0/);
  isHanging = false;
  const second = await startRemora(t, { configs: [config] });
  await until(() => upstream.counts.size === LINES, 'the backlog arrives');
  assertWell(await second.stop());
  assert.equal(miscounted(upstream.counts, LINES), '');
});

test('two exporters drain at the same time', async (t) => {
  const requests = 10;
  // The n-th request of either is answered once the n-th of the other is there: one after the other would not end.
  const waiting: ServerResponse[][] = [[], []];
  const inStep = (mine: number) => (_request: unknown, response: ServerResponse) => {
    waiting[mine]?.push(response);
    if (isStopping) answerPairs();
    return true;
  };
  const answerPairs = (): void => {
    const [ones = [], twos = []] = waiting;
    while (ones.length > 0 && twos.length > 0) for (const line of [ones, twos]) line.shift()?.writeHead(200).end();
  };
  let isStopping = false;
  const [one, two] = [await upstreamOf(t, inStep(0)), await upstreamOf(t, inStep(1))];
  const httpPort = await freePort();
  const queue = 'timeout: 60s, sending_queue: { num_consumers: 1 }';
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters: { otlphttp/one: { endpoint: ${one.url}, ${queue} }, otlphttp/two: { endpoint: ${two.url}, ${queue} } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp/one, otlphttp/two] } }
`,
    ],
  });
  for (let i = 0; i < requests; i++) {
    const reply = await post({ http: `:${httpPort}` }, numberedRequest(i * LINES, LINES), { path: '/v1/logs' });
    assert.equal(reply.status, 200);
  }
  await draining(remora);
  isStopping = true;
  answerPairs();
  const ended = await remora.ended;
  assertWell(ended);
  const exporters = ledgerOf(ended).lines.filter(({ stage }) => stage === 'exporter');
  assert.deepEqual(
    exporters.map(({ passed }) => passed),
    [requests * LINES, requests * LINES],
  );
});

test('a second SIGTERM ends the lingering and everything else at once', async (t) => {
  const upstream = await upstreamOf(t, () => true);
  const httpPort = await freePort();
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters: { otlphttp: { endpoint: ${upstream.url} } }
service:
  shutdown_timeout: 60s
  drain: { linger: 50s }
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } }
`,
    ],
  });
  assert.equal((await post({ http: `:${httpPort}` }, numberedRequest(0, LINES), { path: '/v1/logs' })).status, 200);
  await draining(remora);
  const startedMs = performance.now();
  const ended = await remora.stop();
  assert.ok(performance.now() - startedMs < 25_000, 'half of the lingering is not over');
  assert.equal(ended.code, 1);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
});
