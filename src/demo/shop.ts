/**
 * The application of the demo: a small web shop with real instruments. It serves HTTP, makes spans and metrics with the
 * OpenTelemetry SDK (OTLP over gRPC), writes a JSON log that rotates by rename, and exposes prom-client metrics. It also
 * is its own customer. It counts what it produced, at the source, and prints the counts as one JSON line when it ends.
 *
 * It writes what each trace had to traceFile, one JSON object a line.
 *
 *   node shop.ts '{"otlp":4317,"metricsPort":9464,"logFile":"/tmp/app.log","traceFile":"/tmp/t","seconds":20,"perSecond":150}'
 */
import { appendFileSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { context, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

interface Options {
  readonly otlp: number;
  readonly metricsPort: number;
  readonly logFile: string;
  readonly traceFile: string;
  readonly seconds: number;
  readonly perSecond: number;
  /** Lines after which the log is rotated; 500 when nothing is said. */
  readonly rotateEvery: number;
}

const ROTATE_EVERY_LINES = 500;
const produced = { spans: 0, logLines: 0, sdkPoints: 0, scrapedPoints: 0, scrapes: 0, rotations: 0, sdkFailures: 0 };

const options = parseOptions(process.argv[2] ?? '');
const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.version': '1.0.0' });
const url = `http://127.0.0.1:${options.otlp}`;

const spans = new BatchSpanProcessor({
  exporter: new OTLPTraceExporter({ url }),
  maxQueueSize: 100_000,
  scheduledDelayMillis: 500,
});
const traces = new Map<string, { spans: number; logs: number; error: boolean }>();
const countingSpans = {
  onStart: () => undefined,
  onEnd: (span: ReadableSpan) => {
    produced.spans += 1;
    const made = traceOf(span.spanContext().traceId);
    made.spans += 1;
    made.error ||= span.status.code === SpanStatusCode.ERROR;
  },
  forceFlush: done,
  shutdown: done,
};
const tracerProvider = new TracerProvider({ resource, spanProcessors: [countingSpans, spans] });
const tracer = tracerProvider.getTracer('shop');

class CountingExporter extends OTLPMetricExporter {
  override export(metrics: ResourceMetrics, callback: Parameters<OTLPMetricExporter['export']>[1]): void {
    const points = countPoints(metrics);
    super.export(metrics, (result) => {
      if (result.error === undefined) produced.sdkPoints += points;
      else produced.sdkFailures += 1;
      callback(result);
    });
  }
}

const meterProvider = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new CountingExporter({ url }),
      exportIntervalMillis: 2000,
      exportTimeoutMillis: 1900,
    }),
  ],
});
const meter = meterProvider.getMeter('shop');
const orders = meter.createCounter('shop.orders', { description: 'Orders placed.' });
const orderValue = meter.createHistogram('shop.order.value', { unit: 'EUR' });

const registry = new Registry();
const served = new Counter({
  name: 'http_requests_total',
  help: 'Requests.',
  labelNames: ['route', 'status'],
  registers: [registry],
});
const latency = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Latency.',
  labelNames: ['route'],
  registers: [registry],
});
const carts = new Gauge({ name: 'shop_open_carts', help: 'Carts that are open.', registers: [registry] });

const ROUTES = ['/', '/items', '/items/42', '/cart', '/checkout'];

const server = createServer((request, response) => {
  if (request.url === '/metrics') void exposeMetrics(response);
  else serve(request.url ?? '/', response);
});

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('SIGINT', () => undefined);
await new Promise<void>((resolve) => server.listen(options.metricsPort, '127.0.0.1', resolve));
await customers();
await tracerProvider.forceFlush();
await meterProvider.forceFlush();
await tracerProvider.shutdown();
await meterProvider.shutdown();
writeFileSync(options.traceFile, Array.from(traces, ([id, made]) => `${JSON.stringify({ id, ...made })}\n`).join(''));
process.stdout.write(`${JSON.stringify(produced)}\n`);
server.closeAllConnections();
server.close();

function parseOptions(json: string): Options {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) throw new Error('Options are a JSON object.');
  const number = (name: string): number => Number(Reflect.get(value, name));
  const numbers = {
    otlp: number('otlp'),
    metricsPort: number('metricsPort'),
    seconds: number('seconds'),
    perSecond: number('perSecond'),
  };
  const text = (name: string): string => String(Reflect.get(value, name));
  const rotateEvery = Reflect.has(value, 'rotateEvery') ? number('rotateEvery') : ROTATE_EVERY_LINES;
  return { ...numbers, rotateEvery, logFile: text('logFile'), traceFile: text('traceFile') };
}

/** Keeps customers coming until the time is over or the demo is told to end; a few come in any case. */
async function customers(): Promise<void> {
  const endMs = performance.now() + options.seconds * 1000;
  for (let visit = 0; visit < 10 || (performance.now() < endMs && !stop.signal.aborted); visit++) {
    const route = ROUTES[visit % ROUTES.length] ?? '/';
    const answer = await fetch(`http://127.0.0.1:${options.metricsPort}${route}`);
    await answer.arrayBuffer();
    if (visit % 10 === 0) await pause(10_000 / options.perSecond);
  }
}

function serve(route: string, response: ServerResponse): void {
  const startMs = performance.now();
  const span = tracer.startSpan(`GET ${route}`, { kind: SpanKind.SERVER, attributes: { 'http.route': route } });
  const status = route === '/checkout' && produced.spans % 7 === 0 ? 500 : 200;
  child(span, 'SELECT items', { 'db.system.name': 'postgresql' });
  if (route === '/checkout') child(span, 'POST /payments', { 'server.address': 'payments' });
  if (status === 500) span.setStatus({ code: SpanStatusCode.ERROR, message: 'payment declined' });
  span.end();
  if (route === '/checkout') placeOrder();
  served.inc({ route, status });
  carts.set(produced.spans % 17);
  latency.observe({ route }, (performance.now() - startMs) / 1000);
  writeLog(route, status, span);
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end('ok\n');
}

function traceOf(id: string): { spans: number; logs: number; error: boolean } {
  const known = traces.get(id);
  if (known !== undefined) return known;
  const made = { spans: 0, logs: 0, error: false };
  traces.set(id, made);
  return made;
}

function child(parent: Span, name: string, attributes: Record<string, string>): void {
  const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, trace.setSpan(context.active(), parent));
  span.end();
}

function placeOrder(): void {
  orders.add(1, { currency: 'EUR' });
  orderValue.record(5 + (produced.spans % 90), { currency: 'EUR' });
}

/** One JSON line; the file is renamed away every so many lines, as a log library does. */
function writeLog(route: string, status: number, span: Span): void {
  const { traceId, spanId } = span.spanContext();
  const level = status === 200 ? 'info' : 'error';
  const line = {
    time: new Date().toISOString(),
    level,
    msg: 'request served',
    route,
    status,
    trace_id: traceId,
    span_id: spanId,
  };
  appendFileSync(options.logFile, `${JSON.stringify(line)}\n`);
  produced.logLines += 1;
  traceOf(traceId).logs += 1;
  if (produced.logLines % options.rotateEvery !== 0) return;
  for (let age = 8; age > 0; age--) {
    if (existsSync(`${options.logFile}.${age}`))
      renameSync(`${options.logFile}.${age}`, `${options.logFile}.${age + 1}`);
  }
  renameSync(options.logFile, `${options.logFile}.1`);
  produced.rotations += 1;
}

/** prom-client's page. A counter or gauge series is one data point, a histogram series with all its buckets is one. */
async function exposeMetrics(response: ServerResponse): Promise<void> {
  const families = await registry.getMetricsAsJSON();
  const page = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType });
  response.end(page);
  produced.scrapes += 1;
  for (const family of families) {
    for (const value of family.values) {
      const name = 'metricName' in value ? String(value.metricName) : family.name;
      if (name === family.name || name.endsWith('_count')) produced.scrapedPoints += 1;
    }
  }
}

function countPoints({ scopeMetrics }: ResourceMetrics): number {
  return scopeMetrics.flatMap(({ metrics }) => metrics).reduce((total, { dataPoints }) => total + dataPoints.length, 0);
}

function done(): Promise<void> {
  return Promise.resolve();
}
