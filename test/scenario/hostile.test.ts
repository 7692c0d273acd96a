import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decodeStatus } from '../../src/otlp/response.ts';
import { grpcClient, post, rawConnection, type Calling } from '../receivers/otlp/running.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { encodeMessage, encodeRequest } from '../support/otlp-proto.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startRemora, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

interface Scene {
  readonly remora: Remora;
  readonly upstream: HttpUpstream;
  readonly http: string;
  readonly httpPort: number;
  readonly grpcPort: number;
}

const MEBIBYTE = 1024 * 1024;
/** What a body over HTTP may be after inflating. */
const LIMIT_BYTES = 20 * MEBIBYTE;

/** With what a sidecar has, exporters that have to understand the bodies included. */
async function scene(t: Test, timeouts = ''): Promise<Scene> {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const pipeline = '{ receivers: [otlp], processors: [attributes, batch], exporters: [otlphttp, debug] }';
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:${grpcPort} }
      http: { endpoint: 127.0.0.1:${httpPort}${timeouts} }
processors:
  batch: { timeout: 10ms }
  attributes: { actions: [{ key: seen, value: true, action: upsert }] }
exporters:
  otlphttp: { endpoint: ${upstream.url}, compression: none }
  debug: { verbosity: detailed }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: ${pipeline}, metrics: ${pipeline}, logs: ${pipeline} }
`,
    ],
  });
  return { remora, upstream, http: `127.0.0.1:${httpPort}`, httpPort, grpcPort };
}

const LOG = encodeRequest('logs', {
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'well' } }] }] }],
});

/** Both ports still serve, and what they take still comes out at the other end. */
async function assertServes({ upstream, http, remora }: Scene, grpc: Calling): Promise<void> {
  const before = upstream.seen.length;
  assert.equal((await post({ http }, LOG, { path: '/v1/logs' })).status, 200, remora.stderr());
  assert.equal((await grpc.export('logs', LOG)).code, 0);
  await until(() => upstream.seen.length > before, 'the request arrives');
}

async function assertSound(running: Scene, grpc: Calling): Promise<void> {
  await assertServes(running, grpc);
  const ended = await running.remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  assert.doesNotMatch(ended.stderr, /BUG|component_failed|at file:/);
}

/** One log record whose body is an array in an array, `depth` times. */
function deepProtobuf(depth: number): Uint8Array {
  let value = encodeMessage('AnyValue', { intValue: 1 });
  for (let level = 0; level < depth; level++) value = inField(5, inField(1, value));
  return inField(1, inField(2, inField(2, inField(5, value))));
}

function inField(field: number, body: Uint8Array): Uint8Array {
  const head = [(field << 3) | 2];
  for (let rest = body.length; ; rest >>>= 7) {
    head.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from(head), body]);
}

function deepJson(depth: number): Buffer {
  const value = `${'{"arrayValue":{"values":['.repeat(depth)}{"intValue":"1"}${']}}'.repeat(depth)}`;
  return Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${value}}]}]}]}`);
}

interface Case {
  readonly body: Uint8Array;
  readonly type?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly status: number;
  /** google.rpc.Code of the Status in the body. */
  readonly code?: number;
}

const JSON_TYPE = 'application/json';
const GARBAGE = Buffer.from('\u0000\u0001garbage\u00ff\u00fe'.repeat(1000), 'latin1');

const CASES: Readonly<Record<string, Case>> = {
  'garbage as protobuf': { body: Buffer.alloc(100_000, 0xff), status: 400, code: 3 },
  'garbage as JSON': { body: GARBAGE, type: JSON_TYPE, status: 400, code: 3 },
  'half of a request': { body: LOG.subarray(0, LOG.length - 3), status: 400, code: 3 },
  'JSON of another shape': { body: Buffer.from('[1,2,3]'), type: JSON_TYPE, status: 400, code: 3 },
  '10,000 levels of JSON': { body: deepJson(10_000), type: JSON_TYPE, status: 400, code: 3 },
  'a million brackets': { body: Buffer.from('['.repeat(1_000_000)), type: JSON_TYPE, status: 400, code: 3 },
  'not gzip at all': { body: GARBAGE, headers: { 'content-encoding': 'gzip' }, status: 400, code: 3 },
  'not zstd at all': { body: GARBAGE, headers: { 'content-encoding': 'zstd' }, status: 400, code: 3 },
  'half of a gzip': { body: gzipSync(GARBAGE).subarray(0, 50), headers: { 'content-encoding': 'gzip' }, status: 400 },
  'an unknown coding': { body: LOG, headers: { 'content-encoding': 'snappier' }, status: 400 },
  'an empty body': { body: Buffer.alloc(0), status: 200 },
  'an empty body as JSON': { body: Buffer.alloc(0), type: JSON_TYPE, status: 200 },
  'a wrong content type': { body: LOG, type: 'text/html', status: 415 },
  'no content type': { body: LOG, type: '', status: 415 },
  'a wrong path': { body: LOG, path: '/v1/profiles', status: 404 },
  'a wrong method': { body: Buffer.alloc(0), method: 'GET', status: 405 },
};

test('garbage over HTTP gets the specified answer', async (t) => {
  const running = await scene(t);
  const grpc = grpcClient(t, `127.0.0.1:${running.grpcPort}`);
  for (const [name, { body, status, code, path = '/v1/logs', ...options }] of Object.entries(CASES)) {
    const reply = await post(running, body, { path, ...options });
    assert.equal(reply.status, status, `${name}: ${reply.status} ${reply.body.toString().slice(0, 200)}`);
    const encoding = options.type === JSON_TYPE ? 'json' : 'proto';
    if (code !== undefined) assert.equal(decodeStatus(reply.body, encoding).code, code, name);
  }
  await assertSound(running, grpc);
});

test('garbage over gRPC gets INVALID_ARGUMENT, and an empty message is fine', async (t) => {
  const running = await scene(t);
  const grpc = grpcClient(t, `127.0.0.1:${running.grpcPort}`);
  assert.equal((await grpc.export('logs', Buffer.alloc(100_000, 0xff))).code, 3);
  assert.equal((await grpc.export('logs', LOG.subarray(0, LOG.length - 3))).code, 3);
  assert.equal((await grpc.export('logs', Buffer.alloc(0))).code, 0);
  assert.equal((await grpc.export('logs', Buffer.alloc(5 * MEBIBYTE))).code, 8, 'above 4 MiB');
  assert.equal((await grpc.call('/no.such.Service/Export', LOG)).code, 12);
  await assertSound(running, grpc);
});

test('protobuf nested 10,000 deep goes through or is refused, and breaks nothing on its way', async (t) => {
  const running = await scene(t);
  const grpc = grpcClient(t, `127.0.0.1:${running.grpcPort}`);
  const body = deepProtobuf(10_000);
  const reply = await post(running, body, { path: '/v1/logs' });
  assert.ok(reply.status === 200 || reply.status === 400, String(reply.status));
  assert.ok([0, 3].includes((await grpc.export('logs', body)).code));
  await assertSound(running, grpc);
});

test('bombs are stopped while they inflate: memory stays flat', async (t) => {
  const running = await scene(t);
  const grpc = grpcClient(t, `127.0.0.1:${running.grpcPort}`, undefined, { 'grpc.default_compression_algorithm': 2 });
  await assertServes(running, grpc);
  const zeros = Buffer.alloc(100 * MEBIBYTE);
  const bombs = { gzip: gzipSync(zeros), zstd: zstdCompressSync(zeros) };
  const before = await running.remora.rssBytes();
  const sample = async (peak: number): Promise<number> => Math.max(peak, (await running.remora.rssBytes()) - before);
  const round = async (): Promise<number> => {
    let peak = 0;
    for (const [coding, bomb] of Object.entries(bombs)) {
      for (const type of ['application/x-protobuf', JSON_TYPE]) {
        const reply = await post(running, bomb, { type, headers: { 'content-encoding': coding }, path: '/v1/logs' });
        assert.equal(reply.status, 413, `${coding} ${type}`);
        peak = await sample(peak);
      }
    }
    assert.equal((await grpc.export('logs', zeros.subarray(0, 25 * MEBIBYTE))).code, 8);
    return sample(peak);
  };
  // What one body may inflate to is given back late, so a few of them add up; many more do not.
  const early = Math.max(await round(), await round(), await round());
  const late = Math.max(await round(), await round(), await round());
  for (const [when, grown] of Object.entries({ early, late })) {
    assert.ok(grown < 8 * LIMIT_BYTES, `Resident memory grew by ${Math.round(grown / MEBIBYTE)} MiB (${when}).`);
  }
  t.diagnostic(`memory grew by ${early / MEBIBYTE} and then by ${late / MEBIBYTE} MiB`);
  assert.ok(late < early + 5 * LIMIT_BYTES, `From ${early} to ${late} bytes.`);
  await assertSound(running, grpc);
});

test('half-open and silent connections on both ports are closed, and harm nobody', async (t) => {
  const running = await scene(t, ', idle_timeout: 500ms, read_header_timeout: 500ms, read_timeout: 1s');
  const grpc = grpcClient(t, `127.0.0.1:${running.grpcPort}`);
  const head = 'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n';
  const silent = ['', 'POST /v1/logs HT', head, `${head}Content-Length: 100\r\n\r\nabc`];
  const connections = await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      rawConnection(t, running.httpPort).then((raw) => {
        raw.socket.write(silent[at % silent.length] ?? '');
        return raw;
      }),
    ),
  );
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const halves = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      rawConnection(t, running.grpcPort).then((raw) => {
        raw.socket.write(preface.slice(0, at));
        return raw;
      }),
    ),
  );
  await assertServes(running, grpc);
  await Promise.all(connections.map(({ closed }) => closed));
  for (const { socket } of halves) socket.destroy();
  await assertSound(running, grpc);
});
