import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test, type TestContext as Test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { SeverityNumber, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogsJson } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as LogsProto } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as MetricsGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as MetricsJson } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as MetricsProto } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TracesJson } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as TracesProto } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Signal } from '../../src/core/signal.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { grpcUpstream, type GrpcUpstream } from '../support/grpc-upstream.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { canonical, encodeRequest, type PlainObject } from '../support/otlp-proto.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** Real SDK exporters on one side, a grpc-js and a node:http server on the other, Remora's process in between. */
interface Scene {
  readonly remora: Remora;
  readonly grpc: GrpcUpstream;
  readonly http: HttpUpstream;
  readonly grpcUrl: string;
  readonly httpUrl: string;
}

async function scene(t: Test, otlphttp = ''): Promise<Scene> {
  const [grpc, http] = [await grpcUpstream(), await httpUpstream()];
  t.after(() => Promise.all([grpc[Symbol.asyncDispose](), http[Symbol.asyncDispose]()]));
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const pipeline = '{ receivers: [otlp], processors: [batch], exporters: [otlp, otlphttp] }';
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} }, http: { endpoint: 127.0.0.1:${httpPort} } } }
processors: { batch: { timeout: 50ms } }
exporters:
  otlp: { endpoint: ${grpc.endpoint}, tls: { insecure: true } }
  otlphttp: { endpoint: ${http.url}, ${otlphttp} }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: ${pipeline}, metrics: ${pipeline}, logs: ${pipeline} }
`,
    ],
  });
  return { remora, grpc, http, grpcUrl: `http://127.0.0.1:${grpcPort}`, httpUrl: `http://127.0.0.1:${httpPort}` };
}

const PATHS: Readonly<Record<Signal, string>> = { traces: '/v1/traces', metrics: '/v1/metrics', logs: '/v1/logs' };

function overGrpc({ grpc }: Scene, signal: Signal): Uint8Array[] {
  return grpc.seen.filter((call) => call.signal === signal).map(({ body }) => body);
}

function overHttp({ http }: Scene, signal: Signal): Uint8Array[] {
  return http.seen
    .filter(({ url }) => url === PATHS[signal])
    .map(({ body, headers }) => (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
}

/** Waits until both upstreams have as many items as were sent, then compares every field of them. */
async function assertArrived(running: Scene, signal: Signal, sent: readonly Uint8Array[]): Promise<void> {
  const expected = canonical(signal, sent);
  assert.ok(expected.length > 0);
  for (const received of [overGrpc, overHttp]) {
    await until(
      () => canonical(signal, received(running, signal)).length >= expected.length,
      `${received.name} has all ${signal}`,
    );
    assert.deepEqual(canonical(signal, received(running, signal)), expected, `${signal} ${received.name}`);
  }
}

interface SdkExporter<Records> {
  export(records: Records, done: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

async function sendThrough<Records>(exporters: readonly SdkExporter<Records>[], records: Records): Promise<void> {
  for (const exporter of exporters) {
    const result = await new Promise<{ code: number; error?: Error }>((resolve) => exporter.export(records, resolve));
    await exporter.shutdown();
    assert.equal(result.code, 0, String(result.error));
  }
}

const resource = resourceFromAttributes({ 'service.name': 'shop', 'process.pid': 4711, ratio: 0.25, ready: true });

async function someSpans() {
  const memory = new InMemorySpanExporter();
  const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter: memory })] });
  const tracer = provider.getTracer('scope', '1.2.3');
  for (let i = 0; i < 50; i++) {
    const span = tracer.startSpan(`GET /things/${i}`, {
      kind: SpanKind.SERVER,
      startTime: [1_700_000_000, 123_456_789],
      attributes: { text: 'é', list: ['a', 'b'], whole: 42, part: 0.5, yes: true },
      links: [{ context: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 } }],
    });
    span.addEvent('cache miss', { key: 'k' }, [1_700_000_000, 223_456_789]);
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
    span.end([1_700_000_001, 1]);
  }
  await provider.forceFlush();
  return memory.getFinishedSpans();
}

async function someRecords() {
  const memory = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: memory })] });
  const logger = provider.getLogger('scope', '1.2.3');
  for (const body of ['hello', 'ünïcödé', '']) {
    logger.emit({
      timestamp: 1_700_000_000_123,
      observedTimestamp: 1_700_000_000_456,
      severityNumber: SeverityNumber.INFO,
      severityText: 'INFO',
      body,
      attributes: { user: 'u', nested: { deep: [1, 'two', { three: 3 }] } },
    });
  }
  await provider.forceFlush();
  return memory.getFinishedLogRecords();
}

async function someMetrics(t: Test) {
  const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: memory, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ resource, readers: [reader] });
  t.after(() => provider.shutdown());
  const meter = provider.getMeter('scope', '1.2.3');
  meter.createCounter('requests', { unit: '1', description: 'all' }).add(3, { route: '/' });
  meter.createUpDownCounter('open').add(-2.5);
  meter.createHistogram('seconds', { unit: 's' }).record(0.25, { route: '/' });
  meter.createGauge('level').record(7);
  await reader.forceFlush();
  const [metrics] = memory.getMetrics();
  assert.ok(metrics);
  return metrics;
}

/** What the SDK itself says the records are, once for each exporter that sent them. */
function thrice(bytes: Uint8Array | undefined): Uint8Array[] {
  assert.ok(bytes !== undefined && bytes.length > 100);
  return [bytes, bytes, bytes];
}

test('all signals of the SDK pass through over gRPC, protobuf and JSON, field for field', async (t) => {
  const running = await scene(t);
  const grpc = { url: running.grpcUrl };
  const http = (signal: Signal) => ({ url: running.httpUrl + PATHS[signal] });
  const [spans, records, metrics] = [await someSpans(), await someRecords(), await someMetrics(t)];
  const traces = http('traces');
  await sendThrough([new TracesGrpc(grpc), new TracesProto(traces), new TracesJson(traces)], spans);
  const logs = http('logs');
  await sendThrough([new LogsGrpc(grpc), new LogsProto(logs), new LogsJson(logs)], records);
  const points = http('metrics');
  await sendThrough([new MetricsGrpc(grpc), new MetricsProto(points), new MetricsJson(points)], metrics);

  await assertArrived(running, 'traces', thrice(ProtobufTraceSerializer.serializeRequest(spans)));
  await assertArrived(running, 'logs', thrice(ProtobufLogsSerializer.serializeRequest(records)));
  await assertArrived(running, 'metrics', thrice(ProtobufMetricsSerializer.serializeRequest(metrics)));

  const ended = await running.remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  for (const signal of SIGNALS) {
    const ofSignal = lines.filter((line) => line.signal === signal);
    assert.deepEqual(new Set(ofSignal.map(({ stage }) => stage)), new Set(['receiver', 'processor', 'exporter']));
    const [first] = ofSignal;
    for (const line of ofSignal) {
      assert.deepEqual(
        [line.received, line.passed, line.dropped, line.rejected],
        [first?.received, line.received, {}, {}],
      );
    }
  }
});

const VECTORS: readonly (readonly [file: string, signal: Signal])[] = [
  ['trace.json', 'traces'],
  ['metrics.json', 'metrics'],
  ['logs.json', 'logs'],
  ['events.json', 'logs'],
];

/** OTLP/JSON as protobufjs takes it: ids are hex there and base64 here; everything else is the same. */
function fromJson(signal: Signal, json: string): Uint8Array {
  const ids = new Set(['traceId', 'spanId', 'parentSpanId']);
  const parsed: unknown = JSON.parse(json, (key, value: unknown) =>
    ids.has(key) && typeof value === 'string' ? Buffer.from(value, 'hex').toString('base64') : value,
  );
  return encodeRequest(signal, parsed as PlainObject);
}

for (const [file, signal] of VECTORS) {
  test(`the example request ${file} passes unchanged in meaning, out as protobuf and as JSON`, async (t) => {
    const running = await scene(t, 'encoding: json');
    const json = await readFile(new URL(`../../fixtures/otlp-json/${file}`, import.meta.url), 'utf8');
    const posted = await fetch(running.httpUrl + PATHS[signal], {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: json,
    });
    assert.equal(posted.status, 200, await posted.text());
    const expected = canonical(signal, fromJson(signal, json));
    await until(() => running.grpc.seen.length > 0 && running.http.seen.length > 0, 'both upstreams have it');
    assert.deepEqual(canonical(signal, overGrpc(running, signal)), expected);
    assert.equal(running.http.seen[0]?.headers['content-type'], 'application/json');
    const [out] = overHttp(running, signal);
    assert.deepEqual(canonical(signal, fromJson(signal, Buffer.from(out ?? []).toString())), expected);
    const ended = await running.remora.stop();
    assert.equal(ended.code, 0);
    assert.ok(ledgerOf(ended).closed, ended.stderr);
  });
}
