import assert from 'node:assert/strict';
import { test } from 'node:test';
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
import { batchBytes } from '../../../src/core/batch.ts';
import type { Signal } from '../../../src/core/signal.ts';
import { canonical } from '../../support/otlp-proto.ts';
import { runReceiver, type Running } from './running.ts';

/** Exports the same records through each exporter of the SDK and compares what arrives with what the SDK serializes. */
const resource = resourceFromAttributes({ 'service.name': 'shop', 'process.pid': 4711, ready: true });

interface SdkExporter<Records> {
  export(records: Records, done: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

async function compare<Records>(
  running: Running,
  signal: Signal,
  records: Records,
  exporters: readonly SdkExporter<Records>[],
  expected: Uint8Array | undefined,
): Promise<void> {
  assert.ok(expected !== undefined && expected.length > 100);
  for (const exporter of exporters) {
    const result = await new Promise<{ code: number; error?: Error }>((resolve) => exporter.export(records, resolve));
    await exporter.shutdown();
    assert.equal(result.code, 0, String(result.error));
    const batch = running.sink.batches.at(-1);
    assert.ok(batch);
    assert.equal(batch.signal, signal);
    assert.deepEqual(canonical(signal, batchBytes(batch)), canonical(signal, expected), exporter.constructor.name);
    assert.equal(batch.items, canonical(signal, expected).length);
  }
  assert.equal(running.sink.batches.length, exporters.length);
}

function urls(running: Running, path: string) {
  const timeoutMillis = 120_000;
  return {
    grpc: { url: `http://${running.grpc}`, timeoutMillis },
    http: { url: `http://${running.http}${path}`, timeoutMillis },
  };
}

test('traces of the SDK arrive field for field over gRPC, protobuf and JSON', async (t) => {
  const running = await runReceiver(t);
  const memory = new InMemorySpanExporter();
  const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter: memory })] });
  const tracer = provider.getTracer('scope', '1.2.3');
  for (let i = 0; i < 3; i++) {
    const span = tracer.startSpan(`GET /things/${i}`, {
      kind: SpanKind.SERVER,
      startTime: [1_700_000_000, 123_456_789],
      attributes: { text: 'é', list: ['a', 'b'], whole: 42, part: 0.5, yes: true, __proto__: 'x' },
      links: [{ context: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 } }],
    });
    span.addEvent('cache miss', { key: 'k' }, [1_700_000_000, 223_456_789]);
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
    span.end([1_700_000_001, 1]);
  }
  await provider.forceFlush();
  const spans = memory.getFinishedSpans();
  assert.equal(spans.length, 3);
  const { grpc, http } = urls(running, '/v1/traces');
  const exporters = [new TracesGrpc(grpc), new TracesProto(http), new TracesJson(http)];
  await compare(running, 'traces', spans, exporters, ProtobufTraceSerializer.serializeRequest(spans));
  await provider.shutdown();
});

test('logs of the SDK arrive field for field over gRPC, protobuf and JSON', async (t) => {
  const running = await runReceiver(t);
  const memory = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: memory })] });
  const logger = provider.getLogger('scope', '1.2.3');
  for (const body of ['hello', 'ünïcödé', '']) {
    const record = {
      timestamp: 1_700_000_000_123,
      observedTimestamp: 1_700_000_000_456,
      severityNumber: SeverityNumber.INFO,
      severityText: 'INFO',
      body,
      attributes: { user: 'u', nested: { deep: [1, 'two', { three: 3 }] } },
    };
    logger.emit(record);
  }
  await provider.forceFlush();
  const records = memory.getFinishedLogRecords();
  assert.equal(records.length, 3);
  const { grpc, http } = urls(running, '/v1/logs');
  const exporters = [new LogsGrpc(grpc), new LogsProto(http), new LogsJson(http)];
  await compare(running, 'logs', records, exporters, ProtobufLogsSerializer.serializeRequest(records));
  await provider.shutdown();
});

test('metrics of the SDK arrive field for field over gRPC, protobuf and JSON', async (t) => {
  const running = await runReceiver(t);
  const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: memory, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter('scope', '1.2.3');
  meter.createCounter('requests', { unit: '1', description: 'all' }).add(3, { route: '/' });
  meter.createUpDownCounter('open').add(-2.5);
  meter.createHistogram('seconds', { unit: 's' }).record(0.25, { route: '/' });
  meter.createGauge('level').record(7);
  await reader.forceFlush();
  const [metrics] = memory.getMetrics();
  assert.ok(metrics);
  const { grpc, http } = urls(running, '/v1/metrics');
  const exporters = [new MetricsGrpc(grpc), new MetricsProto(http), new MetricsJson(http)];
  await compare(running, 'metrics', metrics, exporters, ProtobufMetricsSerializer.serializeRequest(metrics));
  await provider.shutdown();
});
