import {
  KEY_VALUE,
  ANY_VALUE,
  REQUEST,
  RESOURCE,
  RESOURCE_X,
  SCOPE,
  SCOPE_X,
  SPAN,
  STATUS,
} from '../../src/otlp/fields.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';

/**
 * A trace request as an SDK sends it: one resource, one scope, `spans` spans of about 442 bytes with ids that differ.
 * `stampAt` is where the first span's end time stands (8 bytes, little endian), which the generator overwrites with the
 * time of sending so that the sink can measure latency. The spans have `names` names, in no order.
 */
export interface TracePayload {
  readonly bytes: Buffer;
  readonly stampAt: number;
  /** Where the trace ids stand, 16 bytes each. */
  readonly traceIdsAt: readonly number[];
}

const ATTRIBUTES: readonly (readonly [string, string])[] = [
  ['http.request.method', 'GET'],
  ['url.path', '/api/v1/catalogue/items/4711/reviews'],
  ['http.route', '/api/v1/catalogue/items/{id}/reviews'],
  ['server.address', 'catalogue.shop.svc.cluster.local'],
  ['user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['network.protocol.version', '1.1'],
  ['db.collection.name', 'reviews'],
];

export function tracePayload(spans: number, random: () => number, names = 1): TracePayload {
  const writer = new Writer(spans * 512 + 1024);
  const resource = writer.begin(REQUEST.resources, 200_000);
  writeResource(writer);
  const scope = writer.begin(RESOURCE_X.scopes, 200_000);
  const name = writer.begin(SCOPE_X.scope);
  writer.string(SCOPE.name, '@opentelemetry/instrumentation-http');
  writer.string(SCOPE.version, '0.203.0');
  writer.end(name);
  for (let i = 0; i < spans; i++) writeSpan(writer, random, names);
  writer.end(scope);
  writer.end(resource);
  const bytes = Buffer.from(writer.take());
  return { bytes, stampAt: bytes.indexOf(STAMP), traceIdsAt: traceIdsIn(bytes) };
}

/** The first span begins before this many bytes. */
const FIRST_SPAN_BYTES = 500;

/** A time that no other field holds, to be found again in the encoded request. */
const STAMP = Buffer.from([0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);

function traceIdsIn(bytes: Uint8Array): number[] {
  const found: number[] = [];
  const [resource, scope, span, field] = [new Cursor(bytes), new Cursor(), new Cursor(), new Cursor()];
  resource.next();
  for (scope.enter(resource); scope.next();) {
    if (scope.field !== RESOURCE_X.scopes) continue;
    for (span.enter(scope); span.next();) {
      if (span.field !== SCOPE_X.items) continue;
      for (field.enter(span); field.next();) if (field.field === SPAN.traceId) found.push(field.start);
    }
  }
  return found;
}

function writeResource(writer: Writer): void {
  const mark = writer.begin(RESOURCE_X.resource);
  for (const [key, value] of [
    ['service.name', 'catalogue'],
    ['service.version', '4.2.1'],
    ['service.instance.id', 'catalogue-7d9f8b6c5-x2x4z'],
    ['telemetry.sdk.language', 'nodejs'],
  ] as const) {
    writeAttribute(writer, RESOURCE.attributes, key, value);
  }
  writer.end(mark);
}

function writeSpan(writer: Writer, random: () => number, names: number): void {
  const span = writer.begin(SCOPE_X.items, 400);
  writer.bytes(SPAN.traceId, randomBytes(16, random));
  writer.bytes(SPAN.spanId, randomBytes(8, random));
  writer.bytes(SPAN.parentSpanId, randomBytes(8, random));
  const name = names === 1 ? 'reviews' : `reviews/${Math.floor(random() * names)}`;
  writer.string(SPAN.name, `GET /api/v1/catalogue/items/{id}/${name}`);
  writer.uint(SPAN.kind, 2);
  const start = 1_800_000_000_000_000_000n + BigInt(Math.floor(random() * 1e9));
  writer.fixed64(SPAN.startTimeUnixNano, start);
  // Who counts by name measures too: all but the first, which is stamped, take up to a second.
  const isStamped = names === 1 || writer.pos < FIRST_SPAN_BYTES;
  writer.fixed64(SPAN.endTimeUnixNano, isStamped ? 0x0123456789abcdefn : start + BigInt(Math.floor(random() * 1e9)));
  for (const [key, value] of ATTRIBUTES) writeAttribute(writer, SPAN.attributes, key, value);
  const status = writer.begin(SPAN.status);
  writer.uint(STATUS.code, 1);
  writer.end(status);
  writer.end(span);
}

function writeAttribute(writer: Writer, field: number, key: string, value: string): void {
  const mark = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  const any = writer.begin(KEY_VALUE.value);
  writer.string(ANY_VALUE.string, value);
  writer.end(any);
  writer.end(mark);
}

function randomBytes(length: number, random: () => number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/** One JSON log line of about 177 bytes. */
export function logLine(index: number): string {
  const trace = (index * 2654435761).toString(16).padStart(32, '0').slice(-32);
  return JSON.stringify({
    time: new Date(1_800_000_000_000 + index).toISOString(),
    level: index % 50 === 0 ? 'error' : 'info',
    msg: 'request served',
    route: '/api/items/{id}',
    status: 200,
    duration_ms: (index % 900) / 10,
    trace_id: trace,
  });
}

/** A Prometheus page of `series` series: a few large families, as applications have them. */
export function metricsPage(series: number, tick: number): string {
  const lines: string[] = [];
  const perFamily = 1000;
  for (let family = 0; family * perFamily < series; family++) {
    const name = `app_requests_${family}_total`;
    lines.push(`# HELP ${name} Requests served by the application.`, `# TYPE ${name} counter`);
    for (let i = 0; i < perFamily && family * perFamily + i < series; i++) {
      const labels = `method="GET",route="/api/items/${i % 50}",status="${200 + (i % 5)}",instance_zone="zone-${Math.floor(i / 250)}",pod="p${i}"`;
      lines.push(`${name}{${labels}} ${i * 7 + tick}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
