import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TracesProto } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace';
import { makeBatch } from '../../src/core/batch.ts';
import { countItems } from '../../src/otlp/count.ts';
import { pointsOf, sumOf, type Point } from '../connectors/span-metrics/bench.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** The SDK on one side, an OTLP/HTTP upstream on the other; metrics beside the traces that go on. */
interface Scene {
  readonly remora: Remora;
  readonly upstream: HttpUpstream;
  readonly grpc: string;
  readonly http: string;
  readonly metricsPort: number;
}

async function scene(t: Test, connector: string): Promise<Scene> {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [grpcPort, httpPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpcPort} }, http: { endpoint: 127.0.0.1:${httpPort} } } }
processors:
  filter: { traces: { span: ['kind == SPAN_KIND_SERVER'] } }
exporters:
  otlphttp: { endpoint: ${upstream.url} }
connectors:
  span_metrics: ${connector}
service:
  pipelines:
    traces: { receivers: [otlp], processors: [filter], exporters: [otlphttp] }
    traces/metrics: { receivers: [otlp], exporters: [span_metrics] }
    metrics: { receivers: [span_metrics], exporters: [otlphttp] }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const [grpc, http] = [`http://127.0.0.1:${grpcPort}`, `http://127.0.0.1:${httpPort}/v1/traces`];
  return { remora, upstream, grpc, http, metricsPort };
}

/** 300 spans of three routes, every tenth an error, 30 of them of an inner kind. */
async function sendSpans(exporter: SpanExporter, service: string): Promise<void> {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 1000, scheduledDelayMillis: 10 })],
  });
  const tracer = provider.getTracer('shop', '1.0');
  const startMs = Date.now() - 60_000;
  for (let index = 0; index < 300; index++) {
    const kind = index < 30 ? SpanKind.INTERNAL : SpanKind.SERVER;
    const attributes = { 'http.route': `/route/${index % 3}` };
    const span = tracer.startSpan(`GET /route/${index % 3}`, { kind, startTime: startMs, attributes });
    if (index % 10 === 0) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startMs + index);
  }
  await provider.forceFlush();
  await provider.shutdown();
}

function received({ upstream }: Scene, url: string): Buffer[] {
  return upstream.seen
    .filter((request) => request.url === url)
    .map(({ body, headers }) => (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
}

function points(running: Scene): Point[] {
  return received(running, '/v1/metrics').flatMap((body) =>
    pointsOf([makeBatch('metrics', [body], countItems('metrics', body))]),
  );
}

test('rates of an SDK are exact although most of its spans are filtered out further on', async (t) => {
  const running = await scene(
    t,
    '{ metrics_flush_interval: 1h, dimensions: [{ name: http.route }], exemplars: { enabled: true } }',
  );
  await sendSpans(new TracesGrpc({ url: running.grpc }), 'shop');
  await sendSpans(new TracesProto({ url: running.http }), 'cart');
  const page = await metricsPage(running.metricsPort);
  assert.equal(page.value('otelcol_connector_consumed_items_total', 'outcome="success"'), 600);
  assert.equal(page.value('remora_span_metrics_series'), 24);
  const ended = await running.remora.stop();
  assert.equal(ended.code, 0);

  const all = points(running);
  assert.equal(sumOf(all), 600);
  assert.equal(sumOf(all, 'histogram'), 600);
  const errors = all.filter(({ attributes }) => attributes['status.code'] === 'STATUS_CODE_ERROR');
  assert.equal(sumOf(errors), 60);
  const inner = all.filter(({ attributes }) => attributes['span.kind'] === 'SPAN_KIND_INTERNAL');
  assert.equal(sumOf(inner), 60);
  const route = all.filter(
    ({ resource, attributes }) => resource['service.name'] === 'cart' && attributes['http.route'] === '/route/1',
  );
  assert.equal(sumOf(route), 100);
  const measuredMs = all.reduce((sum, { kind, raw }) => sum + (kind === 'histogram' ? Number(raw['sum']) : 0), 0);
  assert.ok(Math.abs(measuredMs - 299 * 300) < 1, `${measuredMs}`);
  assert.ok(all.some(({ raw }) => Array.isArray(raw['exemplars']) && raw['exemplars'].length > 0));

  const spans = received(running, '/v1/traces').reduce((sum, body) => sum + countItems('traces', body), 0);
  assert.equal(spans, 60, 'the other pipeline keeps the inner spans alone');
  const ledger = ledgerOf(ended);
  assert.ok(ledger.closed, ended.stderr);
  const observed = ledger.lines.find(({ stage }) => stage === 'connector');
  assert.deepEqual([observed?.node, observed?.received, observed?.passed], ['span_metrics', 600, 600]);
  const made = ledger.lines.find(({ stage, node }) => stage === 'receiver' && node === 'span_metrics');
  assert.deepEqual([made?.signal, made?.passed], ['metrics', 48]);
});

test('deltas survive an upstream that is away for a while', async (t) => {
  const running = await scene(
    t,
    '{ metrics_flush_interval: 100ms, aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA, histogram: { exponential: } }',
  );
  const { upstream } = running;
  let isAway = true;
  let refused = 0;
  const answer = upstream.answer;
  upstream.answer = (request, response, seen) => {
    if (!isAway) {
      answer(request, response, seen);
      return;
    }
    refused += 1;
    upstream.seen.splice(upstream.seen.indexOf(seen), 1);
    response.writeHead(503, { 'retry-after': '0' }).end();
  };
  await sendSpans(new TracesProto({ url: running.http }), 'shop');
  await until(() => refused > 1, 'the upstream has refused');
  await sendSpans(new TracesProto({ url: running.http }), 'shop');
  isAway = false;
  const ended = await running.remora.stop();
  const all = points(running);
  assert.equal(sumOf(all), 600);
  assert.equal(sumOf(all, 'exponentialHistogram'), 600);
  assert.ok(all.every(({ isDelta }) => isDelta));
  assert.ok(ledgerOf(ended).closed, ended.stderr);
});
