import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogsProto } from '@opentelemetry/exporter-logs-otlp-proto';
import { Metadata } from '@grpc/grpc-js';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  SimpleLogRecordProcessor,
  type ReadableLogRecord,
} from '@opentelemetry/sdk-logs';
import { batchBytes } from '../../src/core/batch.ts';
import { countItems } from '../../src/otlp/count.ts';
import { logsOf } from '../processors/rate-limit/tenants.ts';
import { post, type HttpReply } from '../receivers/otlp/running.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { itemsOf } from '../support/otlp-proto.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** Rate limits as clients and an upstream see them, in real time: Remora's process in between. */
interface Scene {
  readonly remora: Remora;
  readonly upstream: HttpUpstream;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly metricsPort: number;
  /** Posts log records of a tenant, named in a header and in a resource attribute. */
  readonly offer: (tenant: string, items: number) => Promise<HttpReply>;
}

async function scene(t: Test, { processor = '{ items_per_second: 1e9 }', exporter = '' }): Promise<Scene> {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [grpcPort, httpPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:${grpcPort}, include_metadata: true }
      http: { endpoint: 127.0.0.1:${httpPort}, include_metadata: true }
processors: { rate_limit: ${processor} }
exporters:
  otlphttp: { endpoint: ${upstream.url}, compression: none, ${exporter} }
service:
  pipelines: { logs: { receivers: [otlp], processors: [rate_limit], exporters: [otlphttp] } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const http = `127.0.0.1:${httpPort}`;
  return {
    remora,
    upstream,
    grpcPort,
    httpPort,
    metricsPort,
    offer: (tenant, items) => {
      const headers = { 'x-scope-orgid': tenant };
      return post({ http }, Buffer.from(batchBytes(logsOf(tenant, items))), { path: '/v1/logs', headers });
    },
  };
}

function itemsAt({ seen }: HttpUpstream): number {
  return seen.reduce((sum, { body }) => sum + countItems('logs', body), 0);
}

async function closes({ remora }: Scene): Promise<void> {
  const ended = await remora.stop();
  assert.equal(ended.code, 0);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
}

/** Records as the SDK makes them. */
async function sdkRecords(tenant: string, count: number): Promise<ReadableLogRecord[]> {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'tenant.id': tenant }),
    processors: [new SimpleLogRecordProcessor({ exporter })],
  });
  for (let i = 0; i < count; i++) provider.getLogger('scope').emit({ body: `line ${i}` });
  await provider.forceFlush();
  return exporter.getFinishedLogRecords();
}

/** The error, if there was one. */
function exported(exporter: LogsProto | LogsGrpc, records: ReadableLogRecord[]): Promise<Error | undefined> {
  return new Promise((resolve) => exporter.export(records, ({ error }) => resolve(error)));
}

function grpcClient({ grpcPort }: Scene, tenant: string): LogsGrpc {
  const metadata = new Metadata();
  metadata.set('x-scope-orgid', tenant);
  return new LogsGrpc({ url: `http://127.0.0.1:${grpcPort}`, metadata });
}

for (const [how, by] of [
  ['a header', '{ metadata: X-Scope-OrgID }'],
  ['a resource attribute', '{ resource_attribute: tenant.id }'],
] as const) {
  test(`of two tenants by ${how} one is over its limit and told when to return, the other notices nothing`, async (t) => {
    const overrides = '{ loud: { items_per_second: 10 }, late: { items_per_second: 100 } }';
    const running = await scene(t, { processor: `{ items_per_second: 1000, by: ${by}, overrides: ${overrides} }` });
    const { offer, upstream, metricsPort } = running;
    const beganMs = performance.now();
    assert.equal((await offer('loud', 400)).status, 200);
    const refused = await offer('loud', 10);
    const elapsedMs = performance.now() - beganMs;
    assert.equal(refused.status, 429);
    const seconds = Number(refused.headers['retry-after']);
    assert.ok(seconds <= 39 && seconds >= Math.max(1, Math.ceil((39_000 - elapsedMs) / 1000)), `${seconds} s`);
    for (let i = 0; i < 5; i++) assert.equal((await offer('quiet', 10)).status, 200);
    const [loud, quiet] = [grpcClient(running, 'loud'), grpcClient(running, 'quiet')];
    assert.deepEqual(await exported(quiet, await sdkRecords('quiet', 3)), undefined);
    assert.match(String(await exported(loud, await sdkRecords('loud', 3))), /UNAVAILABLE/);
    // The exporters of the SDK for HTTP wait and come again.
    const url = `http://127.0.0.1:${running.httpPort}/v1/logs`;
    const patient = new LogsProto({ url, headers: { 'x-scope-orgid': 'late' }, timeoutMillis: 60_000 });
    const lateMs = performance.now();
    assert.equal((await offer('late', 400)).status, 200);
    assert.equal(await exported(patient, await sdkRecords('late', 7)), undefined);
    assert.ok(performance.now() - lateMs >= 3000 - 50);
    await Promise.all([loud, quiet, patient].map((client) => client.shutdown()));
    await until(() => itemsAt(upstream) === 400 + 50 + 3 + 400 + 7, 'all that was accepted arrived');
    const page = await metricsPage(metricsPort);
    const limited = (tenant: string) => page.value('remora_processor_rate_limited_items_total', `tenant="${tenant}"`);
    assert.ok((limited('loud') ?? 0) >= 10);
    assert.equal(limited('other'), 0);
    await closes(running);
  });
}

test('what is over the limit is dropped with a count where the configuration says so, and the ledger closes', async (t) => {
  const running = await scene(t, {
    processor: '{ items_per_second: 1, burst: 1s, by: { resource_attribute: tenant.id }, when_exceeded: drop }',
  });
  const { offer, upstream, remora } = running;
  for (let i = 0; i < 10; i++) assert.equal((await offer('loud', 100)).status, 200);
  assert.equal((await offer('quiet', 5)).status, 200);
  await until(() => itemsAt(upstream) === 105, 'the first batch of each arrived');
  assert.ok(upstream.seen.every(({ body }) => itemsOf('logs', body).length > 0));
  const ended = await remora.stop();
  const ledger = ledgerOf(ended);
  assert.ok(ledger.closed, ended.stderr);
  const processor = ledger.lines.find(({ stage }) => stage === 'processor');
  assert.deepEqual(processor?.dropped, { rate_limited: 900 });
});

test('an exporter keeps its rate, and sends the rest at once when it is stopped', async (t) => {
  const exporter = 'rate_limit: { items_per_second: 50, burst: 100ms }';
  const running = await scene(t, { exporter });
  const { offer, upstream, metricsPort } = running;
  const beganMs = performance.now();
  for (let i = 0; i < 60; i++) assert.equal((await offer('a', 50)).status, 200);
  await until(() => itemsAt(upstream) >= 200, 'some are sent');
  const tookMs = performance.now() - beganMs;
  // 5 of the burst, and the batch that ends it; the machine may be late, the limit never early.
  assert.ok(tookMs >= ((200 - 5 - 50) / 50) * 1000 - 100, `${tookMs} ms`);
  const page = await metricsPage(metricsPort);
  assert.ok((page.value('remora_exporter_rate_limited_seconds_total') ?? 0) > 1);
  assert.equal(page.value('remora_exporter_rate_limit_items_per_second'), 50);
  assert.ok(itemsAt(upstream) < 3000);
  const stoppedMs = performance.now();
  await closes(running);
  assert.equal(itemsAt(upstream), 3000);
  assert.ok(performance.now() - stoppedMs < 20_000, 'the rest would have taken 50 s');
});
