/**
 * The load of the bench: posts canned requests in a closed loop over raw sockets (HTTP) or node:http2 (gRPC).
 *
 *   node generator.ts '{"kind":"http","port":4318,"spans":512,"connections":8,"seconds":4,"perSecond":0}'
 *
 * perSecond 0 is as fast as answers come; otherwise an open loop at that rate. Prints {} when it begins, and at the end
 * {"requests":n,"refused":n} and how long refusals took: half of them, and 99 of 100.
 */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { seededRandom } from '../../src/core/random.ts';
import { tracePayload, type TracePayload } from './payload.ts';

interface Load {
  readonly kind: 'http' | 'grpc';
  readonly port: number;
  readonly spans: number;
  readonly connections: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Names of the spans. */
  readonly names: number;
  /** Every request brings other traces. */
  readonly freshIds: boolean;
}

let requests = 0;
const refusalsMs: number[] = [];

const load = parseLoad(process.argv[2] ?? '');
const random = seededRandom('bench');
process.stdout.write('{}\n');
const endMs = performance.now() + load.seconds * 1000;
const open = (): boolean => performance.now() < endMs;
const pace = load.perSecond === 0 ? undefined : (1000 * load.connections) / load.perSecond;
const lanes = Array.from({ length: load.connections }, (_, lane) =>
  load.kind === 'http' ? httpLane(lane) : grpcLane(lane),
);
await Promise.all(lanes);
refusalsMs.sort((a, b) => a - b);
const refusalMs = (share: number): number => refusalsMs[Math.floor(refusalsMs.length * share)] ?? 0;
const refusals = { refused: refusalsMs.length, refusedP50: refusalMs(0.5), refusedP99: refusalMs(0.99) };
process.stdout.write(`${JSON.stringify({ requests, ...refusals })}\n`);

function parseLoad(text: string): Load {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('The load is a JSON object.');
  const field = (name: string): number => Number(Reflect.get(value, name));
  const kind = Reflect.get(value, 'kind') === 'grpc' ? 'grpc' : 'http';
  const [port, spans, connections] = [field('port'), field('spans'), field('connections')];
  const names = Reflect.has(value, 'names') ? field('names') : 1;
  const freshIds = Reflect.get(value, 'freshIds') === true;
  const [seconds, perSecond] = [field('seconds'), field('perSecond')];
  return { kind, port, spans, connections, seconds, perSecond, names, freshIds };
}

function stamp(target: Buffer, payload: TracePayload, offset: number): void {
  const nanos = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
  target.writeBigUInt64LE(nanos, offset + payload.stampAt);
  if (!load.freshIds) return;
  for (const at of payload.traceIdsAt) {
    target.writeUInt32LE(Math.floor(random() * 2 ** 32), offset + at + 8);
    target.writeUInt32LE(Math.floor(random() * 2 ** 32), offset + at + 12);
  }
}

/** Waits until this lane's next turn of an open loop; lanes are spread over the period. */
async function turn(startMs: number, count: number, lane: number): Promise<void> {
  if (pace === undefined) return;
  const dueMs = startMs + (count + lane / load.connections) * pace;
  const leftMs = dueMs - performance.now();
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
}

async function httpLane(lane: number): Promise<void> {
  const payload = tracePayload(load.spans, random, load.names);
  const head = Buffer.from(
    `POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${payload.bytes.length}\r\n\r\n`,
  );
  const request = Buffer.concat([head, payload.bytes]);
  const socket = connect(load.port, '127.0.0.1');
  socket.setNoDelay(true);
  let answered: (status: string) => void = () => undefined;
  socket.on('data', (chunk: Buffer) => answered(chunk.toString('latin1', 9, 12)));
  const startMs = performance.now();
  for (let count = 0; open(); count++) {
    await turn(startMs, count, lane);
    stamp(request, payload, head.length);
    const sentMs = performance.now();
    const status = await new Promise<string>((resolve) => {
      answered = resolve;
      socket.write(request);
    });
    if (status === '200') requests += 1;
    else refusalsMs.push(performance.now() - sentMs);
    if (status !== '200') await new Promise((resolve) => setTimeout(resolve, 20));
  }
  socket.destroy();
}

async function grpcLane(lane: number): Promise<void> {
  const payload = tracePayload(load.spans, random, load.names);
  const frame = Buffer.alloc(5 + payload.bytes.length);
  frame.writeUInt32BE(payload.bytes.length, 1);
  payload.bytes.copy(frame, 5);
  const session = connectHttp2(`http://127.0.0.1:${load.port}`, { settings: { initialWindowSize: 2 ** 20 } });
  session.on('error', () => undefined);
  const startMs = performance.now();
  for (let count = 0; open(); count++) {
    await turn(startMs, count, lane);
    stamp(frame, payload, 5);
    const sentMs = performance.now();
    const status = await grpcCall(session, frame);
    if (status === '0') requests += 1;
    else refusalsMs.push(performance.now() - sentMs);
    if (status !== '0') await new Promise((resolve) => setTimeout(resolve, 20));
  }
  session.destroy();
}

function grpcCall(session: ReturnType<typeof connectHttp2>, frame: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status = '';
    stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? status)));
    stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'] ?? status)));
    stream.on('error', () => undefined);
    stream.on('close', () => resolve(status));
    stream.resume();
    stream.end(frame);
  });
}
