import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { ANY_VALUE, KEY_VALUE, REQUEST, RESOURCE, RESOURCE_X, SCOPE, SCOPE_X, SPAN } from '../../src/otlp/fields.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { encodeRequest } from './otlp-proto.ts';

/** Realistic trace requests whose ids and values vary, so that they compress as real ones do. */
export function traceBatch(spans: number, resources = 1): Batch {
  const chunks: Uint8Array[] = [];
  for (let resource = 0; resource < resources; resource++) {
    chunks.push(resourceSpans(Math.floor(spans / resources) + (resource < spans % resources ? 1 : 0), resource));
  }
  return makeBatch('traces', chunks, spans);
}

const ROUTES = ['/api/orders', '/api/orders/{id}', '/api/users/{id}', '/healthz', '/api/cart/items'];

function resourceSpans(spans: number, seed: number): Uint8Array {
  const writer = new Writer();
  const words = wordsFrom(seed + 1);
  const resource = writer.begin(REQUEST.resources);
  const attributes = writer.begin(RESOURCE_X.resource);
  text(writer, RESOURCE.attributes, 'service.name', `checkout-${seed}`);
  text(writer, RESOURCE.attributes, 'service.instance.id', hex(words, 4));
  text(writer, RESOURCE.attributes, 'k8s.pod.name', `checkout-7c9d8f6b5-${hex(words, 1)}`);
  writer.end(attributes);
  const scope = writer.begin(RESOURCE_X.scopes);
  const name = writer.begin(SCOPE_X.scope);
  writer.string(SCOPE.name, '@opentelemetry/instrumentation-http');
  writer.string(SCOPE.version, '0.57.0');
  writer.end(name);
  for (let i = 0; i < spans; i++) span(writer, words, i);
  writer.end(scope);
  writer.end(resource);
  return writer.take();
}

function span(writer: Writer, words: () => number, index: number): void {
  const route = ROUTES[words() % ROUTES.length] ?? '/';
  const start = 1_767_225_600_000_000_000n + BigInt(index) * 1_000_003n + BigInt(words() % 1_000_000);
  const mark = writer.begin(SCOPE_X.items, 400);
  writer.bytes(SPAN.traceId, randomBytes(words, 16));
  writer.bytes(SPAN.spanId, randomBytes(words, 8));
  writer.bytes(SPAN.parentSpanId, randomBytes(words, 8));
  writer.string(SPAN.name, `GET ${route}`);
  writer.uint(SPAN.kind, 2);
  writer.fixed64(SPAN.startTimeUnixNano, start);
  writer.fixed64(SPAN.endTimeUnixNano, start + BigInt(words() % 90_000_000));
  text(writer, SPAN.attributes, 'http.request.method', 'GET');
  text(writer, SPAN.attributes, 'http.route', route);
  text(writer, SPAN.attributes, 'url.path', route.replace('{id}', String(words() % 100_000)));
  text(writer, SPAN.attributes, 'server.address', 'shop.example.com');
  text(writer, SPAN.attributes, 'client.address', `10.${words() % 256}.${words() % 256}.${words() % 256}`);
  text(writer, SPAN.attributes, 'user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36');
  number(writer, 'http.response.status_code', words() % 50 === 0 ? 500 : 200);
  number(writer, 'http.response.body.size', words() % 20_000);
  text(writer, SPAN.attributes, 'enduser.id', hex(words, 2));
  writer.end(mark);
}

function text(writer: Writer, field: number, key: string, value: string): void {
  const mark = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  const any = writer.begin(KEY_VALUE.value);
  writer.string(ANY_VALUE.string, value);
  writer.end(any);
  writer.end(mark);
}

function number(writer: Writer, key: string, value: number): void {
  const mark = writer.begin(SPAN.attributes);
  writer.string(KEY_VALUE.key, key);
  const any = writer.begin(KEY_VALUE.value);
  writer.uint(ANY_VALUE.int, value);
  writer.end(any);
  writer.end(mark);
}

/** Xorshift: 32 bits at a time, the same sequence for the same seed. */
function wordsFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function randomBytes(words: () => number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) bytes.writeUInt32LE(words(), at);
  return bytes;
}

function hex(words: () => number, count: number): string {
  return Array.from({ length: count }, () => words().toString(16).padStart(8, '0')).join('');
}

/** Points of one gauge. */
export function gaugeBatch(points: number): Batch {
  const dataPoints = Array.from({ length: points }, (_, asInt) => ({ timeUnixNano: 1, asInt }));
  const metrics = [{ name: 'gauge', gauge: { dataPoints } }];
  return makeBatch(
    'metrics',
    [encodeRequest('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })],
    points,
  );
}
