/**
 * The upstream of the bench: takes OTLP over HTTP and gRPC and anything else posted to it, answers at once, and tells
 * on request (a line on standard input) what arrived: items, bytes, requests and the latency of stamped requests.
 *
 *   node sink.ts [requests that it takes over HTTP in a second]   ->  prints {"http":port,"grpc":port}, then one JSON line for each line read
 */
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { createInterface } from 'node:readline';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { countItems } from '../../src/otlp/count.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import type { Signal } from '../../src/core/signal.ts';

let requests = 0;
let bytes = 0;
let items = 0;
let lines = 0;
let latencies: number[] = [];

const SIGNAL_OF: Readonly<Record<string, Signal>> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': 'traces',
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export': 'logs',
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export': 'metrics',
};

function take(path: string, encoding: string | undefined, body: Buffer): void {
  requests += 1;
  bytes += body.length;
  const signal = SIGNAL_OF[path];
  if (signal === undefined) {
    for (let at = body.indexOf(10); at !== -1; at = body.indexOf(10, at + 1)) lines += 1;
    return;
  }
  const plain = encoding === 'gzip' ? gunzipSync(body) : encoding === 'zstd' ? zstdDecompressSync(body) : body;
  items += countItems(signal, plain);
  if (signal === 'traces') measure(plain);
}

/** The end time of the first span, when it is a recent stamp of the generator. */
function measure(request: Buffer): void {
  const cursor = new Cursor(request, 0, request.length);
  for (const field of [1, 2, 2]) {
    while (cursor.next() && cursor.field !== field);
    cursor.enter(cursor);
  }
  while (cursor.next()) {
    if (cursor.field !== 8) continue;
    const sentMs = Number(cursor.fixed64()) / 1e6;
    const ms = performance.timeOrigin + performance.now() - sentMs;
    if (ms >= 0 && ms < 60_000) latencies.push(ms);
    return;
  }
}

/** A late timer costs nothing of the rate. */
const SLACK_MS = 100;
const perSecond = Number(process.argv[2] ?? Infinity);
let freeMs = 0;

/** Calls `answer` when it is this request's turn at the rate of the sink. */
function inTurn(answer: () => void): void {
  if (perSecond === Infinity) {
    answer();
    return;
  }
  const nowMs = performance.now();
  freeMs = Math.max(freeMs, nowMs - SLACK_MS) + 1000 / perSecond;
  setTimeout(answer, Math.max(0, freeMs - nowMs));
}

const http = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () =>
    inTurn(() => {
      take(request.url ?? '', request.headers['content-encoding'], Buffer.concat(chunks));
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 });
      response.end();
    }),
  );
});

const grpc = createHttp2Server({ settings: { initialWindowSize: 2 ** 20 } });
grpc.on('session', (session) => session.setLocalWindowSize(2 ** 23));
grpc.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  stream.on('end', () => {
    const frame = Buffer.concat(chunks);
    take(headers[':path'] ?? '', frame[0] === 1 ? 'gzip' : undefined, frame.subarray(5));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
});

const portOf = (server: { address(): string | AddressInfo | null }): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
await new Promise<void>((resolve) => grpc.listen(0, '127.0.0.1', resolve));
process.stdout.write(`${JSON.stringify({ http: portOf(http), grpc: portOf(grpc) })}\n`);

createInterface({ input: process.stdin }).on('line', (line) => {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  process.stdout.write(`${JSON.stringify({ requests, bytes, items, lines, p50: at(0.5), p99: at(0.99) })}\n`);
  if (line === 'reset') {
    requests = bytes = items = lines = 0;
    latencies = [];
  }
});
