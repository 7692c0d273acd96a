import assert from 'node:assert/strict';
import { connect as connectHttp2, constants, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { batchBytes } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { acceptedPartly, rejected, retry } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { ByteAdmission, REQUEST_BYTES } from '../../../src/net/admission.ts';
import { EXPORT_PATH } from '../../../src/net/grpc/codes.ts';
import { decodeResponse, decodeStatus } from '../../../src/otlp/response.ts';
import { encodeRequest } from '../../support/otlp-proto.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { until } from '../../support/until.ts';
import { far, grpcClient, post, runReceiver } from './running.ts';

const REQUEST = Buffer.from(batchBytes(traceBatch(20, 2)));
const EMPTY = Buffer.alloc(0);

test('a unary call is answered OK with an empty response and arrives byte for byte', async (t) => {
  const running = await runReceiver(t);
  const client = grpcClient(t, running.grpc);
  const large = Buffer.from(batchBytes(traceBatch(9000)));
  assert.ok(large.length > 3 * 1024 * 1024);
  for (const request of [REQUEST, large, REQUEST]) {
    const reply = await client.export('traces', request);
    assert.equal(reply.code, 0, reply.message);
    assert.deepEqual(decodeResponse('traces', reply.body ?? EMPTY, 'proto'), { rejectedItems: 0, message: '' });
    const batch = running.sink.batches.at(-1);
    assert.ok(batch);
    assert.ok(request.equals(batchBytes(batch)));
  }
  assert.equal(running.outcomes('grpc', 'accepted'), 3);
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
});

test('messages that grpc-js compresses are inflated', async (t) => {
  const running = await runReceiver(t);
  for (const algorithm of [1, 2]) {
    const client = grpcClient(t, running.grpc, undefined, { 'grpc.default_compression_algorithm': algorithm });
    assert.equal((await client.export('traces', REQUEST)).code, 0);
    const batch = running.sink.batches.at(-1);
    assert.ok(batch);
    assert.deepEqual(Buffer.from(batchBytes(batch)), REQUEST);
  }
});

test('an empty request succeeds without reaching the pipeline', async (t) => {
  const running = await runReceiver(t);
  const client = grpcClient(t, running.grpc);
  assert.equal((await client.export('metrics', EMPTY)).code, 0);
  assert.equal((await client.export('logs', encodeRequest('logs', { resourceLogs: [{}] }))).code, 0);
  assert.equal(running.sink.batches.length, 0);
});

test('what is refused from the headers is answered with RetryInfo before the message is read', async (t) => {
  let isShut = true;
  const running = await runReceiver(t, {
    clock: new VirtualClock(),
    refusal: (signal) =>
      isShut && signal === 'traces' ? { reason: 'event_loop', message: 'Too much to do.', afterMs: 2000 } : undefined,
  });
  const client = grpcClient(t, running.grpc);
  const reply = await client.export('traces', Buffer.from(batchBytes(traceBatch(9000))));
  assert.deepEqual([reply.code, reply.message], [14, 'Too much to do.']);
  const afterMs = decodeStatus(reply.details ?? EMPTY, 'proto').retryAfterMs ?? 0;
  assert.ok(afterMs >= 2000 && afterMs <= 4000, `spread over ${afterMs}`);
  assert.deepEqual([running.outcomes('grpc', 'overloaded'), running.admission.requests], [1, 0]);
  isShut = false;
  assert.equal((await client.export('traces', REQUEST)).code, 0);
  assert.equal(running.sink.batches.length, 1);
});

test('a call takes room before its message comes, so that calls without end do not pile up', async (t) => {
  const running = await runReceiver(t, { admission: new ByteAdmission(3 * REQUEST_BYTES) });
  const session = connectHttp2(`http://${running.grpc}`);
  t.after(() => {
    session.destroy();
  });
  const open = Array.from({ length: 3 }, () => session.request(headersOf({})));
  for (const stream of open) stream.on('error', () => undefined);
  await until(() => running.admission.requests === 3, 'three calls are open');
  assert.equal((await grpcClient(t, running.grpc).export('traces', REQUEST)).code, 14);
  for (const stream of open) stream.close();
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
});

test('the verdict of the pipeline decides the status', async (t) => {
  const running = await runReceiver(t);
  const client = grpcClient(t, running.grpc);
  running.sink.answer = () => retry(new RemoraError('queue_full', 'The sending queue is full: 100% é.'), 2500);
  const full = await client.export('traces', REQUEST);
  assert.equal(full.code, 14);
  assert.equal(full.message, 'The sending queue is full: 100% é.');
  assert.deepEqual(decodeStatus(full.details ?? EMPTY, 'proto'), {
    code: 14,
    message: 'The sending queue is full: 100% é.',
    retryAfterMs: 2500,
  });
  running.sink.answer = () => rejected(new RemoraError('upstream_rejected', 'No.'));
  const refused = await client.export('traces', REQUEST);
  assert.equal(refused.code, 3);
  assert.equal(decodeStatus(refused.details ?? EMPTY, 'proto').retryAfterMs, undefined);
  running.sink.answer = () => rejected(new RemoraError('component_failed', 'No.'));
  assert.equal((await client.export('traces', REQUEST)).code, 13);
  running.sink.answer = () => {
    throw new Error('a bug');
  };
  assert.equal((await client.export('traces', REQUEST)).code, 13);
  running.sink.answer = () => acceptedPartly(3, 'three were too old');
  const part = await client.export('traces', REQUEST);
  assert.equal(part.code, 0);
  assert.deepEqual(decodeResponse('traces', part.body ?? EMPTY, 'proto'), {
    rejectedItems: 3,
    message: 'three were too old',
  });
});

test('garbage is INVALID_ARGUMENT with a Status, unknown methods are UNIMPLEMENTED', async (t) => {
  const running = await runReceiver(t, { signals: ['traces'] });
  const client = grpcClient(t, running.grpc);
  const garbage = await client.export('traces', Buffer.from('this is not protobuf'));
  assert.equal(garbage.code, 3);
  assert.equal(decodeStatus(garbage.details ?? EMPTY, 'proto').code, 3);
  assert.equal((await client.call('/grpc.health.v1.Health/Check', EMPTY)).code, 12);
  assert.equal((await client.call('/toString', EMPTY)).code, 12);
});

test('a signal without a pipeline is UNIMPLEMENTED and named, and the log warns once for both transports', async (t) => {
  const warnings: string[] = [];
  const running = await runReceiver(t, { signals: ['traces'], onWarning: (message) => void warnings.push(message) });
  const client = grpcClient(t, running.grpc);
  const first = await client.export('logs', REQUEST);
  assert.deepEqual([first.code, first.message], [12, 'no pipeline of logs has the receiver otlp']);
  assert.equal((await client.export('logs', REQUEST)).code, 12);
  const posted = await post(running, REQUEST, { path: '/v1/logs' });
  assert.equal(posted.status, 404);
  assert.equal(posted.body.toString(), 'no pipeline of logs has the receiver otlp');
  assert.equal((await client.export('metrics', REQUEST)).message, 'no pipeline of metrics has the receiver otlp');
  assert.deepEqual(
    warnings,
    ['logs', 'metrics'].map((signal) => `Requests are refused: no pipeline of ${signal} has the receiver otlp.`),
  );
  assert.equal(running.outcomes('grpc', 'unsupported'), 3);
  assert.equal(running.outcomes('http', 'unsupported'), 1);
});

test('a message over the limit is RESOURCE_EXHAUSTED and must not be retried, plain or inflated', async (t) => {
  const running = await runReceiver(t, { grpc: { max_recv_msg_size_mib: 1 }, clock: new VirtualClock() });
  const plain = grpcClient(t, running.grpc);
  const compressing = grpcClient(t, running.grpc, undefined, { 'grpc.default_compression_algorithm': 2 });
  const large = Buffer.alloc(8 * 1024 * 1024);
  for (const client of [plain, compressing]) {
    const reply = await client.export('traces', large);
    assert.equal(reply.code, 8, reply.message);
    assert.equal(
      reply.details === undefined ? undefined : decodeStatus(reply.details, 'proto').retryAfterMs,
      undefined,
    );
  }
  assert.equal((await plain.export('traces', REQUEST)).code, 0, 'the connection is still good');
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
});

test('a full admission is UNAVAILABLE with RetryInfo', async (t) => {
  const running = await runReceiver(t, { admission: new ByteAdmission(100) });
  const reply = await grpcClient(t, running.grpc).export('traces', REQUEST);
  assert.equal(reply.code, 14);
  assert.ok((decodeStatus(reply.details ?? EMPTY, 'proto').retryAfterMs ?? 0) >= 1000);
  assert.equal(running.outcomes('grpc', 'no_room'), 1);
});

test('a deadline aborts the pipeline and is DEADLINE_EXCEEDED', async (t) => {
  const clock = new VirtualClock();
  const running = await runReceiver(t, { clock });
  const { promise, resolve } = Promise.withResolvers<null>();
  let isAsked = false;
  running.sink.answer = (_, abort) =>
    new Promise((settle) => {
      isAsked = true;
      abort.addEventListener('abort', () => {
        resolve(null);
        settle(retry(new Error('late')));
      });
    });
  const called = rawCall(t, running.grpc, { 'grpc-timeout': '30m' }, [frame(REQUEST)]);
  await until(() => isAsked, 'the pipeline has it');
  await clock.advance(30);
  await promise;
  assert.equal((await called).status, '4');
  const reply = await grpcClient(t, running.grpc).export('traces', REQUEST, { deadline: Date.now() + 30 });
  assert.equal(reply.code, 4);
  assert.equal((await rawCall(t, running.grpc, { 'grpc-timeout': 'soon' }, [frame(REQUEST)])).status, '13');
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
});

test('a cancelled call aborts the pipeline', async (t) => {
  const running = await runReceiver(t);
  const { promise, resolve } = Promise.withResolvers<null>();
  running.sink.answer = (_, abort) =>
    new Promise((settle) => {
      abort.addEventListener('abort', () => {
        resolve(null);
        settle(retry(new Error('gone')));
      });
    });
  const session = connectTo(t, running.grpc);
  const stream = session.request(headersOf({}));
  stream.on('error', () => undefined);
  stream.end(frame(REQUEST));
  await until(() => running.admission.usedBytes > 0, 'the call was admitted');
  stream.close(constants.NGHTTP2_CANCEL);
  await promise;
  await until(() => running.outcomes('grpc', 'cancelled') === 1, 'the call was counted');
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
});

test('framing faults get the statuses of grpc servers', async (t) => {
  const running = await runReceiver(t);
  const gzipped = gzipSync(REQUEST);
  const cases: [string, OutgoingHttpHeaders, Buffer[], string][] = [
    ['no message', {}, [], '12'],
    ['half a prefix', {}, [Buffer.from([0, 0])], '13'],
    ['a truncated message', {}, [frame(REQUEST).subarray(0, 100)], '13'],
    ['two messages', {}, [frame(REQUEST), frame(REQUEST)], '12'],
    ['a strange flag', {}, [Buffer.from([7, 0, 0, 0, 0])], '13'],
    ['a flag without encoding', {}, [frame(gzipped, 1)], '13'],
    ['an unknown encoding', { 'grpc-encoding': 'br' }, [frame(REQUEST, 1)], '12'],
    ['an encoding named like a property', { 'grpc-encoding': 'constructor' }, [frame(REQUEST)], '12'],
    ['not the encoding it says', { 'grpc-encoding': 'gzip' }, [frame(REQUEST, 1)], '13'],
    ['a false length', {}, [Buffer.from([0, 0xff, 0xff, 0xff, 0xff])], '8'],
    ['gzip', { 'grpc-encoding': 'gzip' }, [frame(gzipped, 1)], '0'],
    ['deflate', { 'grpc-encoding': 'deflate' }, [frame(deflateSync(REQUEST), 1)], '0'],
    ['zstd', { 'grpc-encoding': 'zstd' }, [frame(zstdCompressSync(REQUEST), 1)], '0'],
    ['plain although gzip was announced', { 'grpc-encoding': 'gzip' }, [frame(REQUEST)], '0'],
    ['byte by byte', {}, Array.from(frame(REQUEST), (byte) => Buffer.from([byte])).slice(0, 400), '13'],
  ];
  for (const [what, headers, parts, status] of cases) {
    const reply = await rawCall(t, running.grpc, headers, parts);
    assert.equal(reply.status, status, `${what}: ${reply.message}`);
    assert.equal(reply.httpStatus, 200, what);
  }
  const unknown = await rawCall(t, running.grpc, { 'grpc-encoding': 'br' }, [frame(REQUEST)]);
  assert.equal(unknown.headers['grpc-accept-encoding'], 'identity,deflate,gzip,zstd');
  assert.equal((await rawCall(t, running.grpc, { 'content-type': 'application/json' }, [])).httpStatus, 415);
  assert.equal((await rawCall(t, running.grpc, { ':method': 'GET' }, [])).httpStatus, 405);
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
});

test('stop sends GOAWAY, answers what is under way and refuses the rest', async (t) => {
  const running = await runReceiver(t);
  const { promise, resolve } = Promise.withResolvers<null>();
  running.sink.answer = async () => {
    await promise;
    return { status: 'accepted', rejectedItems: 0 };
  };
  const client = grpcClient(t, running.grpc);
  const under = client.export('traces', REQUEST);
  await until(() => running.admission.usedBytes > 0, 'the call was admitted');
  await until(() => running.admission.coming.requests === 0, 'it waits, and wants no room in other queues');
  const session = connectTo(t, running.grpc);
  const goaway = new Promise<number>((settle) => session.once('goaway', settle));
  await new Promise((settle) => session.once('remoteSettings', settle));
  const stopped = running.receiver.stop?.(far());
  assert.equal(await goaway, constants.NGHTTP2_NO_ERROR);
  assert.equal((await client.export('traces', REQUEST)).code, 14);
  resolve(null);
  assert.equal((await under).code, 0);
  await stopped;
});

test('stop ends with its deadline when a pipeline hangs', async (t) => {
  const running = await runReceiver(t);
  running.sink.answer = () => new Promise(() => undefined);
  const hanging = grpcClient(t, running.grpc).export('traces', REQUEST);
  await until(() => running.admission.usedBytes > 0, 'the call was admitted');
  const deadline = new AbortController();
  const stopped = running.receiver.stop?.(deadline.signal);
  deadline.abort();
  await stopped;
  assert.notEqual((await hanging).code, 0);
});

test('keepalive pings are answered, too many are not', async (t) => {
  const running = await runReceiver(t, { grpc: { keepalive: { enforcement_policy: { min_time: '1h' } } } });
  const session = connectTo(t, running.grpc);
  const goaway = new Promise<number>((settle) => session.once('goaway', settle));
  await new Promise((settle) => session.once('remoteSettings', settle));
  const ping = (): Promise<boolean> =>
    new Promise((settle) => {
      if (!session.ping((error) => settle(error === null))) settle(false);
    });
  assert.equal(await ping(), true);
  for (let i = 0; i < 3; i++) void ping();
  assert.equal(await goaway, constants.NGHTTP2_ENHANCE_YOUR_CALM);
});

test('connections have an age and an idle time, and dead ones are dropped', async (t) => {
  const idle = await runReceiver(t, {
    grpc: { keepalive: { server_parameters: { max_connection_idle: '50ms' } } },
  });
  await new Promise((settle) => connectTo(t, idle.grpc).once('close', settle));
  const aged = await runReceiver(t, {
    grpc: { keepalive: { server_parameters: { max_connection_age: '50ms', max_connection_age_grace: '50ms' } } },
  });
  aged.sink.answer = () => new Promise(() => undefined);
  const session = connectTo(t, aged.grpc);
  const stream = session.request(headersOf({}));
  stream.on('error', () => undefined);
  stream.end(frame(REQUEST));
  await new Promise((settle) => session.once('close', settle));
});

interface RawReply {
  readonly httpStatus: number | undefined;
  readonly status: string | undefined;
  readonly message: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

function connectTo(t: TestContext, endpoint: string): ClientHttp2Session {
  const session = connectHttp2(`http://${endpoint}`);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}

function headersOf(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return {
    ':method': 'POST',
    ':path': EXPORT_PATH.traces,
    te: 'trailers',
    'content-type': 'application/grpc',
    ...headers,
  };
}

function frame(message: Buffer, flag = 0): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function rawCall(t: TestContext, endpoint: string, headers: OutgoingHttpHeaders, parts: Buffer[]): Promise<RawReply> {
  const session = connectTo(t, endpoint);
  return new Promise((resolve) => {
    const stream = session.request(headersOf(headers));
    let all: Record<string, unknown> = {};
    stream.on('response', (got) => (all = { ...all, ...got }));
    stream.on('trailers', (got) => (all = { ...all, ...got }));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      session.close();
      resolve({
        httpStatus: all[':status'] as number | undefined,
        status: all['grpc-status'] as string | undefined,
        message: all['grpc-message'] as string | undefined,
        headers: all,
      });
    });
    stream.resume();
    for (const part of parts) stream.write(part);
    stream.end();
  });
}

test('a time of 0 is one that is not set', async (t) => {
  const server_parameters = {
    max_connection_idle: '0s',
    max_connection_age: 0,
    max_connection_age_grace: 0,
    time: 0,
    timeout: 0,
  };
  const running = await runReceiver(t, {
    grpc: { keepalive: { server_parameters }, connection_timeout: 0, receive_timeout: 0 },
  });
  const session = connectHttp2(`http://${running.grpc}`);
  t.after(() => session.destroy());
  const ends: string[] = [];
  session.on('goaway', () => ends.push('goaway'));
  session.on('close', () => ends.push('close'));
  // Two round trips: what the server does at once was done by then.
  for (let i = 0; i < 2; i++) await new Promise((resolve) => session.ping(resolve));
  assert.deepEqual(ends, []);
});

test('no hint to try again is shorter than a second', async (t) => {
  const running = await runReceiver(t);
  const client = grpcClient(t, running.grpc);
  for (const afterMs of [0, 1, 999, undefined]) {
    running.sink.answer = () => retry(new RemoraError('queue_full', 'full'), afterMs);
    const { details } = await client.export('traces', REQUEST);
    assert.ok((decodeStatus(details ?? EMPTY, 'proto').retryAfterMs ?? 0) >= 1000);
  }
});
