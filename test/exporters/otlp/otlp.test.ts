import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { batchBytes } from '../../../src/core/batch.ts';
import { otlpExporter } from '../../../src/exporters/otlp/index.ts';
import { targetOf } from '../../../src/exporters/otlp/config.ts';
import { GRPC } from '../../../src/net/grpc/codes.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { encodeResponse, encodeStatus } from '../../../src/otlp/response.ts';
import { codeOf, createExporter, NEVER, problems, reasonOf, startExporter } from '../../support/exporters.ts';
import { grpcUpstream, type GrpcAnswer } from '../../support/grpc-upstream.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { until } from '../../support/until.ts';

const BATCH = traceBatch(10);
const OK: GrpcAnswer = {};
const PLAIN = { tls: { insecure: true } };

test('a batch arrives byte for byte with the metadata of the configuration, on the method of its signal', async () => {
  await using upstream = await grpcUpstream();
  const headers = { 'X-Scope-OrgID': 'tenant-1' };
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, headers, ...PLAIN });
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const verdict = await exporter.send({ ...traceBatch(20, 3), signal }, NEVER);
    assert.deepEqual(verdict, { status: 'accepted', rejectedItems: 0 });
    const seen = upstream.seen.at(-1);
    assert.equal(seen?.signal, signal);
    assert.ok(seen.body.equals(batchBytes(traceBatch(20, 3))));
    assert.deepEqual(seen.metadata.get('x-scope-orgid'), ['tenant-1']);
    assert.match(String(seen.metadata.get('user-agent')), /^Remora-OTLP-Exporter-gRPC\/\d+\.\d+\.\d+/);
  }
});

test('requests are gzipped on the wire unless compression is none', async () => {
  const frames: Buffer[] = [];
  const encodings: unknown[] = [];
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    encodings.push(headers['grpc-encoding']);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      frames.push(Buffer.concat(chunks));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const compression of ['gzip', 'none']) {
    await using exporter = await startExporter(otlpExporter, { endpoint, compression, ...PLAIN });
    assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  }
  const [zipped, plain] = frames;
  assert.ok(zipped !== undefined && plain !== undefined);
  assert.equal(zipped[0], 1);
  assert.ok(gunzipSync(zipped.subarray(5)).equals(batchBytes(BATCH)));
  assert.equal(plain[0], 0);
  assert.ok(plain.subarray(5).equals(batchBytes(BATCH)));
  assert.equal(encodings[0], 'gzip');
  server.close();
});

test('exactly the retryable codes are retried', async () => {
  await using upstream = await grpcUpstream();
  let code = 0;
  upstream.answer = () => ({ code, message: `code ${code}` });
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  const retried: number[] = [];
  for (code = 1; code <= 20; code++) {
    const verdict = await exporter.send(BATCH, NEVER);
    assert.notEqual(verdict.status, 'accepted');
    if (verdict.status === 'retry') retried.push(code);
  }
  assert.deepEqual(retried, [
    GRPC.CANCELLED,
    GRPC.DEADLINE_EXCEEDED,
    GRPC.ABORTED,
    GRPC.OUT_OF_RANGE,
    GRPC.UNAVAILABLE,
    GRPC.DATA_LOSS,
  ]);
});

test('RESOURCE_EXHAUSTED is retried only with RetryInfo, and its delay is honoured', async () => {
  await using upstream = await grpcUpstream();
  let details: Buffer | undefined;
  let code: number = GRPC.RESOURCE_EXHAUSTED;
  upstream.answer = () => ({ code, message: 'slow down', ...(details === undefined ? {} : { details }) });
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  const bare = await exporter.send(BATCH, NEVER);
  assert.equal(codeOf(bare), 'upstream_rejected');
  assert.match(reasonOf(bare), /RESOURCE_EXHAUSTED: slow down/);
  details = Buffer.from(encodeStatus(code, 'slow down', undefined, 'proto'));
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'rejected');
  for (code of [GRPC.RESOURCE_EXHAUSTED, GRPC.UNAVAILABLE]) {
    details = Buffer.from(encodeStatus(code, 'slow down', 3250, 'proto'));
    const verdict = await exporter.send(BATCH, NEVER);
    assert.equal(verdict.status === 'retry' ? verdict.afterMs : -1, 3250);
  }
});

test('status details that are garbage are ignored', async () => {
  await using upstream = await grpcUpstream();
  const garbage = [
    Buffer.from('not a message at all'),
    Buffer.from([0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    Buffer.from([0x0a]),
    Buffer.alloc(12_000, 0x1a),
  ];
  let details = Buffer.alloc(0);
  let code: number = GRPC.RESOURCE_EXHAUSTED;
  upstream.answer = () => ({ code, details });
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  for (details of garbage) {
    code = GRPC.RESOURCE_EXHAUSTED;
    assert.equal((await exporter.send(BATCH, NEVER)).status, 'rejected');
    code = GRPC.UNAVAILABLE;
    const verdict = await exporter.send(BATCH, NEVER);
    assert.equal(verdict.status, 'retry');
    assert.equal('afterMs' in verdict, false);
  }
});

test('a details trailer that is not base64, or far too large, is ignored', async () => {
  let details = '';
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    const status = { 'grpc-status': '8', 'grpc-status-details-bin': details };
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using exporter = await startExporter(otlpExporter, { endpoint, ...PLAIN });
  const valid = Buffer.from(encodeStatus(GRPC.RESOURCE_EXHAUSTED, 'x'.repeat(20_000), 1000, 'proto'));
  for (details of ['%%% not base64 %%%', '====', valid.toString('base64'), 'A'.repeat(40_000)]) {
    assert.equal((await exporter.send(BATCH, NEVER)).status, 'rejected', details.slice(0, 20));
  }
  server.close();
});

test('partial success is accepted with what was refused; an answer that cannot be read is accepted too', async () => {
  await using upstream = await grpcUpstream();
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  upstream.answer = () => ({ body: encodeResponse('traces', 4, 'four dropped', 'proto') });
  const partly = { status: 'accepted', rejectedItems: 4, message: 'four dropped' };
  assert.deepEqual(await exporter.send(BATCH, NEVER), partly);
  upstream.answer = () => ({ body: Buffer.from([0x0a, 0x50]) });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
});

test('a response over 4 MiB is rejected', async () => {
  await using upstream = await grpcUpstream();
  upstream.answer = () => ({ body: Buffer.alloc(5 * 1024 * 1024) });
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'rejected');
});

test('nobody listening and a connection that drops under a call are retried', async () => {
  await using nobody = await startExporter(otlpExporter, { endpoint: '127.0.0.1:1', ...PLAIN });
  assert.equal(codeOf(await nobody.send(BATCH, NEVER)), 'upstream_unavailable');
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using exporter = await startExporter(otlpExporter, { endpoint, ...PLAIN });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'retry');
  server.close();
});

test('an aborted attempt settles with retry and the upstream sees the call cancelled', async () => {
  await using upstream = await grpcUpstream();
  const controller = new AbortController();
  let cancelled = false;
  upstream.answer = (_seen, call) => {
    call.on('cancelled', () => (cancelled = true));
    controller.abort();
    return new Promise(() => undefined);
  };
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  assert.equal((await exporter.send(BATCH, controller.signal)).status, 'retry');
  await until(() => cancelled, 'the upstream sees the cancellation');
  assert.equal((await exporter.send(BATCH, AbortSignal.abort())).status, 'retry');
  assert.equal(upstream.seen.length, 1);
});

test('a batch over max_request_bytes goes in pieces that fit', async () => {
  await using upstream = await grpcUpstream();
  const large = traceBatch(400, 8);
  const limitBytes = Math.ceil(large.bytes / 3);
  const config = { endpoint: upstream.endpoint, max_request_bytes: limitBytes, ...PLAIN };
  await using exporter = await startExporter(otlpExporter, config);
  assert.deepEqual(await exporter.send(large, NEVER), { status: 'accepted', rejectedItems: 0 });
  assert.ok(upstream.seen.length >= 3);
  assert.ok(upstream.seen.every((seen) => seen.body.length <= limitBytes));
  assert.equal(
    upstream.seen.reduce((items, seen) => items + countItems('traces', seen.body), 0),
    400,
  );
});

test('pieces that were refused are counted, and the batch is rejected only when all of them were', async () => {
  await using upstream = await grpcUpstream();
  const large = traceBatch(300, 3);
  const limitBytes = Math.ceil(large.bytes / 3) + 200;
  const config = { endpoint: upstream.endpoint, max_request_bytes: limitBytes, ...PLAIN };
  await using exporter = await startExporter(otlpExporter, config);
  const bad: GrpcAnswer = { code: GRPC.INVALID_ARGUMENT, message: 'bad' };
  upstream.answer = () => (upstream.seen.length === 2 ? bad : OK);
  const verdict = await exporter.send(large, NEVER);
  assert.ok(verdict.status === 'accepted' && verdict.rejectedItems > 0 && verdict.rejectedItems < 300);
  assert.match(verdict.message ?? '', /INVALID_ARGUMENT: bad/);
  upstream.answer = () => ({ code: GRPC.INVALID_ARGUMENT, message: 'all bad' });
  assert.equal((await exporter.send(large, NEVER)).status, 'rejected');
});

test('create opens nothing, stop before start and twice are fine, send after stop is retry shutting_down', async () => {
  const exporter = await createExporter(otlpExporter, { endpoint: '127.0.0.1:1', ...PLAIN });
  await exporter.stop?.(NEVER);
  await exporter.stop?.(NEVER);
  assert.equal(codeOf(await exporter.send(BATCH, NEVER)), 'shutting_down');
  await using upstream = await grpcUpstream();
  const started = await startExporter(otlpExporter, { endpoint: upstream.endpoint, ...PLAIN });
  upstream.answer = () => new Promise(() => undefined);
  const pending = started.send(BATCH, NEVER);
  await until(() => upstream.seen.length === 1, 'the call arrives');
  await started.stop?.(NEVER);
  assert.equal((await pending).status, 'retry');
  assert.equal(codeOf(await started.send(BATCH, NEVER)), 'shutting_down');
});

test('stopping closes the connection', async () => {
  const server = createServer();
  let sockets = 0;
  server.on('connection', (socket: Socket) => {
    sockets += 1;
    socket.on('close', () => (sockets -= 1));
  });
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 503 }, { endStream: true }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const exporter = await startExporter(otlpExporter, { endpoint, ...PLAIN });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'retry');
  assert.equal(sockets, 1);
  await exporter.stop?.(NEVER);
  await until(() => sockets === 0, 'the connection is closed');
  server.close();
});

test('endpoints are read as the Collector reads them', () => {
  assert.equal(targetOf('collector:4317'), 'collector:4317');
  assert.equal(targetOf('https://collector:4317/'), 'collector:4317');
  assert.equal(targetOf('http://collector:4317'), 'collector:4317');
  assert.equal(targetOf('dns:///collector:4317'), 'dns:///collector:4317');
  assert.equal(targetOf('unix:///run/otlp.sock'), 'unix:///run/otlp.sock');
});

test('without insecure the connection is TLS, so a plain text upstream is not sent to', async () => {
  await using upstream = await grpcUpstream();
  await using exporter = await startExporter(otlpExporter, { endpoint: upstream.endpoint });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'retry');
  assert.equal(upstream.seen.length, 0);
});

test('configuration mistakes are named', () => {
  const endpoint = 'collector:4317';
  assert.ok(problems(otlpExporter, {}).length > 0);
  assert.match(problems(otlpExporter, { endpoint, compression: 'zstd' }).join(), /use the otlphttp exporter/);
  assert.match(problems(otlpExporter, { endpoint: 'http://collector:4317' }).join(), /insecure: true/);
  assert.match(problems(otlpExporter, { endpoint: 'user:pw@collector:4317' }).join(), /not a gRPC endpoint/);
  assert.match(problems(otlpExporter, { endpoint, tls: { key_file: 'k.pem' } }).join(), /needs its key/);
  assert.deepEqual(problems(otlpExporter, { endpoint, keepalive: {}, balancer_name: 'pick_first' }), []);
});

test('an upstream that was away is connected to again soon after its return, however many calls failed meanwhile', async (t) => {
  const before = await grpcUpstream();
  const { port, endpoint } = before;
  await using exporter = await startExporter(otlpExporter, { endpoint, ...PLAIN });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  await before[Symbol.asyncDispose]();
  await until(
    async () => /cannot be reached: .*ECONNREFUSED/.test(reasonOf(await exporter.send(BATCH, NEVER))),
    'nobody listens',
  );
  let attempts = 0;
  const closedDoor = createTcpServer((socket) => {
    attempts += 1;
    socket.destroy();
  });
  closedDoor.listen(port, '127.0.0.1');
  t.after(() => closedDoor.close());
  let failed = 0;
  await until(async () => {
    if ((await exporter.send(BATCH, NEVER)).status === 'retry') failed += 1;
    return attempts >= 4;
  }, 'the connection is tried again');
  closedDoor.close();
  await once(closedDoor, 'close');
  assert.ok(failed > attempts * 3, `${failed} calls, ${attempts} connections`);
  await using after = await grpcUpstream(undefined, port);
  const fromMs = performance.now();
  await until(async () => (await exporter.send(BATCH, NEVER)).status === 'accepted', 'the upstream is found again');
  assert.ok(performance.now() - fromMs < 3000);
  assert.equal(after.seen.length, 1);
});
