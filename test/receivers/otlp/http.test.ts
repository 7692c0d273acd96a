import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { RemoraError } from '../../../src/core/errors.ts';
import { acceptedPartly, rejected, retry } from '../../../src/core/verdict.ts';
import type { Refused } from '../../../src/core/component.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { ByteAdmission } from '../../../src/net/admission.ts';
import { decodeResponse, decodeStatus } from '../../../src/otlp/response.ts';
import { batchBytes } from '../../../src/core/batch.ts';
import { canonical, encodeRequest } from '../../support/otlp-proto.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { until } from '../../support/until.ts';
import { far, post, rawConnection, runReceiver } from './running.ts';

const REQUEST = Buffer.from(batchBytes(traceBatch(20, 2)));
const EMPTY = Buffer.alloc(0);

test('a protobuf request is answered 200 with an empty response and arrives byte for byte', async (t) => {
  const running = await runReceiver(t);
  const reply = await post(running, REQUEST);
  assert.equal(reply.status, 200);
  assert.equal(reply.headers['content-type'], 'application/x-protobuf');
  assert.deepEqual(decodeResponse('traces', reply.body, 'proto'), { rejectedItems: 0, message: '' });
  const [batch] = running.sink.batches;
  assert.ok(batch);
  assert.deepEqual(Buffer.from(batchBytes(batch)), REQUEST);
  assert.equal(batch.items, 20);
  assert.equal(batch.bytes, REQUEST.length);
  assert.equal(running.outcomes('http', 'accepted'), 1);
  assert.equal(running.admission.usedBytes, 0);
});

test('a JSON request is answered in JSON and arrives as the same telemetry', async (t) => {
  const running = await runReceiver(t);
  const json = {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' }, timeUnixNano: '7' }] }] }],
  };
  const body = Buffer.from(JSON.stringify(json));
  const reply = await post(running, body, { path: '/v1/logs', type: 'Application/JSON; charset=utf-8' });
  assert.equal(reply.status, 200);
  assert.equal(reply.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(reply.body.toString()), {});
  const [batch] = running.sink.batches;
  assert.ok(batch);
  assert.deepEqual(canonical('logs', batch.chunks), canonical('logs', encodeRequest('logs', json)));
});

test('every content coding gives the same bytes, also in several gzip members', async (t) => {
  const running = await runReceiver(t);
  const half = Math.floor(REQUEST.length / 2);
  const bodies: [string, Buffer][] = [
    ['gzip', gzipSync(REQUEST)],
    ['GZIP', gzipSync(REQUEST)],
    ['gzip', Buffer.concat([gzipSync(REQUEST.subarray(0, half)), gzipSync(REQUEST.subarray(half))])],
    ['deflate', deflateSync(REQUEST)],
    ['deflate', deflateRawSync(REQUEST)],
    ['zlib', deflateSync(REQUEST)],
    ['zstd', zstdCompressSync(REQUEST)],
    ['identity', REQUEST],
  ];
  for (const [coding, body] of bodies) {
    const reply = await post(running, body, { headers: { 'content-encoding': coding } });
    assert.equal(reply.status, 200, `${coding}: ${reply.body.toString('latin1')}`);
    const batch = running.sink.batches.at(-1);
    assert.ok(batch);
    assert.deepEqual(Buffer.from(batchBytes(batch)), REQUEST, coding);
  }
  assert.equal(running.sink.batches.length, bodies.length);
  assert.equal(running.admission.usedBytes, 0);
});

test('a large compressed body is inflated too', async (t) => {
  const running = await runReceiver(t);
  const large = Buffer.from(batchBytes(traceBatch(20_000)));
  assert.ok(large.length > 4 * 1024 * 1024);
  for (const body of [gzipSync(large, { level: 1 }), zstdCompressSync(large)]) {
    const reply = await post(running, body, { headers: { 'content-encoding': body[0] === 0x1f ? 'gzip' : 'zstd' } });
    assert.equal(reply.status, 200);
    const batch = running.sink.batches.at(-1);
    assert.ok(batch);
    assert.ok(large.equals(batchBytes(batch)));
  }
});

test('an empty request succeeds without reaching the pipeline', async (t) => {
  const running = await runReceiver(t);
  const withoutItems = Buffer.from(encodeRequest('traces', { resourceSpans: [{ resource: {} }] }));
  assert.equal((await post(running, EMPTY)).status, 200);
  assert.equal((await post(running, withoutItems)).status, 200);
  assert.equal((await post(running, EMPTY, { type: 'application/json' })).body.toString(), '{}');
  assert.equal((await post(running, Buffer.from('{}'), { type: 'application/json' })).status, 200);
  assert.equal(running.sink.batches.length, 0);
});

test('wrong methods, types, paths and codings get the answers of the Collector', async (t) => {
  const running = await runReceiver(t, { signals: ['traces'] });
  const got = await post(running, EMPTY, { method: 'GET' });
  assert.equal(got.status, 405);
  assert.match(String(got.headers['content-type']), /^text\/plain/);
  assert.equal(got.headers.allow, 'POST');
  for (const type of ['', 'text/plain', 'application/protobuf', 'application/x-protobuf2', ';']) {
    assert.equal((await post(running, REQUEST, { type })).status, 415, type);
  }
  for (const path of ['/', '/v1', '/v1/traces/', '/v1/logs', '/V1/traces', '*', '//', 'http://[']) {
    assert.equal((await post(running, REQUEST, { path })).status, 404, path);
  }
  for (const path of ['/v1/traces?a=b', 'http://collector:4318/v1/traces']) {
    assert.equal((await post(running, REQUEST, { path })).status, 200, path);
  }
  for (const coding of ['br', 'gzip, gzip', 'snappy', '__proto__', 'constructor']) {
    const reply = await post(running, REQUEST, { headers: { 'content-encoding': coding } });
    assert.equal(reply.status, 400, coding);
    assert.equal(decodeStatus(reply.body, 'proto').code, 3);
  }
});

test('unreadable bodies get 400 with a Status in the encoding of the request', async (t) => {
  const running = await runReceiver(t);
  const garbage = Buffer.from('this is not protobuf');
  const proto = await post(running, garbage);
  assert.equal(proto.status, 400);
  assert.equal(proto.headers['content-type'], 'application/x-protobuf');
  assert.equal(decodeStatus(proto.body, 'proto').code, 3);
  const json = await post(running, garbage, { type: 'application/json' });
  assert.equal(json.status, 400);
  assert.equal(json.headers['content-type'], 'application/json');
  assert.equal(decodeStatus(json.body, 'json').code, 3);
  const notGzip = await post(running, garbage, { headers: { 'content-encoding': 'gzip' } });
  assert.equal(notGzip.status, 400);
  const cut = gzipSync(REQUEST).subarray(0, 50);
  assert.equal((await post(running, cut, { headers: { 'content-encoding': 'gzip' } })).status, 400);
  assert.equal(running.outcomes('http', 'malformed'), 4);
  assert.equal(running.sink.batches.length, 0);
});

test('the verdict of the pipeline decides the answer', async (t) => {
  const running = await runReceiver(t);
  running.sink.answer = () => retry(new RemoraError('queue_full', 'The sending queue is full.'), 2100);
  const full = await post(running, REQUEST);
  assert.equal(full.status, 503);
  assert.equal(full.headers['retry-after'], '3');
  assert.deepEqual(decodeStatus(full.body, 'proto'), {
    code: 14,
    message: 'The sending queue is full.',
    retryAfterMs: 2100,
  });
  running.sink.answer = () => retry(new RemoraError('queue_full', 'The sending queue is full.'), 0);
  assert.equal((await post(running, REQUEST)).headers['retry-after'], '1');
  running.sink.answer = () => retry(new RemoraError('queue_full', 'The sending queue is full.'));
  assert.ok(Number((await post(running, REQUEST)).headers['retry-after']) >= 1);

  const rejections = [
    ['item_too_large', 413],
    ['payload_too_large', 413],
    ['component_failed', 500],
    ['upstream_rejected', 400],
  ] as const;
  for (const [code, status] of rejections) {
    running.sink.answer = () => rejected(new RemoraError(code, 'No.'));
    const reply = await post(running, REQUEST);
    assert.equal(reply.status, status, code);
    assert.equal(decodeStatus(reply.body, 'proto').message, 'No.');
    assert.equal(reply.headers['retry-after'], undefined);
  }

  running.sink.answer = () => acceptedPartly(3, 'three were too old');
  const part = await post(running, REQUEST);
  assert.equal(part.status, 200);
  assert.deepEqual(decodeResponse('traces', part.body, 'proto'), { rejectedItems: 3, message: 'three were too old' });

  running.sink.answer = () => {
    throw new Error('a bug');
  };
  const bug = await post(running, REQUEST);
  assert.equal(bug.status, 500);
  assert.ok(!bug.body.toString('latin1').includes('a bug'));
  assert.equal(running.admission.usedBytes, 0);
});

test('a body over the limit gets 413, announced, in chunks or once inflated', async (t) => {
  const running = await runReceiver(t, { http: { max_request_body_size: 1000 } });
  const large = Buffer.alloc(5000);
  const announced = await post(running, large);
  assert.equal(announced.status, 413);
  assert.equal(decodeStatus(announced.body, 'proto').code, 8);
  assert.equal(decodeStatus(announced.body, 'proto').retryAfterMs, undefined);
  const chunked = await rawConnection(t, running.httpPort);
  chunked.socket.write(
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  chunked.socket.write(`1388\r\n${'x'.repeat(5000)}\r\n0\r\n\r\n`);
  await until(() => chunked.text().includes('413'), 'the answer came');
  const inflated = await post(running, gzipSync(large), { headers: { 'content-encoding': 'gzip' } });
  assert.equal(inflated.status, 413);
  assert.equal((await post(running, Buffer.alloc(1000))).status, 400, 'exactly the limit is read');
  assert.equal(running.outcomes('http', 'too_large'), 3);
  assert.equal(running.admission.usedBytes, 0);
});

test('a client that sends far too much still gets to read its 413', async (t) => {
  // What is thrown away for two seconds is so for as long as it takes.
  const clock = new VirtualClock();
  const running = await runReceiver(t, { http: { max_request_body_size: 1000 }, clock });
  const reply = await post(running, Buffer.alloc(20 * 1024 * 1024));
  assert.equal(reply.status, 413);
  assert.equal(reply.headers.connection, 'close');
});

test('a full admission pushes back before the body is read, and is given back afterwards', async (t) => {
  const admission = new ByteAdmission(REQUEST.length + 100, 0);
  const running = await runReceiver(t, { admission });
  const { promise, resolve } = Promise.withResolvers<null>();
  running.sink.answer = async () => {
    await promise;
    return { status: 'accepted', rejectedItems: 0 };
  };
  const first = post(running, REQUEST);
  await until(() => admission.usedBytes > 0, 'the first request was admitted');
  await until(() => admission.coming.requests === 0, 'it waits for its verdict, and wants no room in other queues');
  assert.equal(admission.requests, 1);
  const second = await post(running, REQUEST);
  assert.equal(second.status, 503);
  assert.ok(Number(second.headers['retry-after']) >= 1);
  assert.ok((decodeStatus(second.body, 'proto').retryAfterMs ?? 0) >= 1000);
  resolve(null);
  assert.equal((await first).status, 200);
  assert.equal(admission.usedBytes, 0);
  assert.equal(running.outcomes('http', 'no_room'), 1);
});

test('inflating beyond the admission pushes back, and beyond all that it could ever give it is too large', async (t) => {
  const admission = new ByteAdmission(800_000);
  const running = await runReceiver(t, { admission });
  const post500k = () => post(running, gzipSync(Buffer.alloc(500_000)), { headers: { 'content-encoding': 'gzip' } });
  const other = admission.tryAdmit(400_000);
  assert.equal((await post500k()).status, 503);
  other?.release();
  assert.equal((await post500k()).status, 400, 'there is room now, and what comes out is no OTLP');
  const reply = await post(running, gzipSync(Buffer.alloc(900_000)), { headers: { 'content-encoding': 'gzip' } });
  assert.equal(reply.status, 413);
  assert.equal(admission.usedBytes, 0);
});

test('what is refused from the headers is answered with a hint, also over a body that is still coming', async (t) => {
  const refused: Refused = { reason: 'memory', message: 'Memory is short.', afterMs: 3000 };
  let isShut = true;
  const asked: (readonly [string, number])[] = [];
  const refusal = (signal: string, bytes: number): Refused | undefined => {
    asked.push([signal, bytes]);
    return isShut ? refused : undefined;
  };
  const running = await runReceiver(t, { refusal });
  const reply = await post(running, REQUEST, { headers: { connection: 'keep-alive' } });
  assert.equal(reply.status, 503);
  assert.ok([3, 4, 5, 6].includes(Number(reply.headers['retry-after'])), 'three seconds, spread');
  const status = decodeStatus(reply.body, 'proto');
  assert.equal(status.message, 'Memory is short.');
  assert.ok((status.retryAfterMs ?? 0) >= 3000);
  assert.equal(reply.headers.connection, 'keep-alive', 'a small body is cheaper to read away than a new connection');
  assert.deepEqual(asked, [['traces', REQUEST.length]]);
  assert.deepEqual([running.outcomes('http', 'overloaded'), running.sink.items], [1, 0]);
  isShut = false;
  assert.equal((await post(running, REQUEST)).status, 200);
});

test('a client that waits for 100 Continue is told at once when its body is too large', async (t) => {
  const running = await runReceiver(t, { http: { max_request_body_size: 1000 } });
  const head = (length: number): string =>
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;
  const wanted = await rawConnection(t, running.httpPort);
  wanted.socket.write(head(3));
  await until(() => wanted.text().startsWith('HTTP/1.1 100'), 'the body was asked for');
  wanted.socket.write('abc');
  await until(() => wanted.text().includes('HTTP/1.1 400'), 'the body was answered');
  const unwanted = await rawConnection(t, running.httpPort);
  unwanted.socket.write(head(5000));
  await unwanted.closed;
  assert.match(unwanted.text(), /^HTTP\/1\.1 413 /);
});

test('a client that goes away aborts its request', async (t) => {
  const running = await runReceiver(t);
  const { promise, resolve } = Promise.withResolvers<null>();
  running.sink.answer = async (_, abort) => {
    abort.addEventListener('abort', () => resolve(null));
    await promise;
    return retry(new Error('gone'));
  };
  const leaving = new AbortController();
  const sent = post(running, REQUEST, { signal: leaving.signal });
  sent.catch(() => undefined);
  await until(() => running.admission.usedBytes > 0, 'the request was admitted');
  leaving.abort();
  await promise;
  await until(() => running.outcomes('http', 'cancelled') === 1, 'the request was counted');
  assert.equal(running.admission.usedBytes, 0);
});

test('write_timeout tells the pipeline to give up and the client to come again', async (t) => {
  const running = await runReceiver(t, { http: { write_timeout: '50ms' } });
  running.sink.answer = (_, abort) =>
    new Promise((resolve) => {
      abort.addEventListener('abort', () => resolve(retry(new Error('Too slow.'))));
    });
  const reply = await post(running, REQUEST);
  assert.equal(reply.status, 503);
  assert.equal(decodeStatus(reply.body, 'proto').message, 'Too slow.');
});

test('stop answers what is under way, refuses the rest and closes', async (t) => {
  const running = await runReceiver(t);
  const { promise, resolve } = Promise.withResolvers<null>();
  running.sink.answer = async () => {
    await promise;
    return { status: 'accepted', rejectedItems: 0 };
  };
  const under = post(running, REQUEST, { headers: { connection: 'keep-alive' } });
  await until(() => running.admission.usedBytes > 0, 'the request was admitted');
  const stopped = running.receiver.stop?.(far());
  await assert.rejects(post(running, REQUEST), /ECONNREFUSED|ECONNRESET/);
  resolve(null);
  const reply = await under;
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.connection, 'close');
  await stopped;
  await running.receiver.stop?.(far());
});

test('stop sends a busy connection away with its next answer instead of cutting it between two requests', async (t) => {
  // Time does not pass between the two requests, however long the machine stands still.
  const clock = new VirtualClock();
  const running = await runReceiver(t, { clock });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const send = async () => await post(running, REQUEST, { agent });
  assert.equal((await send()).headers.connection, 'keep-alive');
  let isStopped = false;
  void running.receiver.stop?.(far()).then(() => (isStopped = true));
  const reply = await send();
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.connection, 'close');
  await until(async () => (await clock.advance(5), isStopped), 'the receiver has stopped');
  await assert.rejects(send(), /ECONNREFUSED/);
  assert.equal(running.sink.batches.length, 2);
});

test('stop does not wait for connections that have been idle for a while', async (t) => {
  const clock = new VirtualClock();
  const running = await runReceiver(t, { clock, grpc: null });
  const raw = await rawConnection(t, running.httpPort);
  await clock.advance(1500);
  await running.receiver.stop?.(far());
  await raw.closed;
});

test('stop ends with its deadline when a pipeline hangs', async (t) => {
  const running = await runReceiver(t);
  running.sink.answer = () => new Promise(() => undefined);
  const hanging = post(running, REQUEST);
  hanging.catch(() => undefined);
  await until(() => running.admission.usedBytes > 0, 'the request was admitted');
  const deadline = new AbortController();
  const stopped = running.receiver.stop?.(deadline.signal);
  deadline.abort();
  await stopped;
  await assert.rejects(hanging);
});

test('response_headers and url paths are applied', async (t) => {
  const running = await runReceiver(t, {
    http: { response_headers: { 'X-Pod': 'a' }, traces_url_path: 'ingest/traces' },
  });
  const reply = await post(running, REQUEST, { path: '/ingest/traces' });
  assert.equal(reply.status, 200);
  assert.equal(reply.headers['x-pod'], 'a');
  assert.equal((await post(running, REQUEST)).status, 404);
});

test('browsers of allowed origins may send', async (t) => {
  const running = await runReceiver(t, {
    http: { cors: { allowed_origins: ['https://*.example.com'], allowed_headers: ['X-Mine'], max_age: 60 } },
  });
  const asking = (origin: string) =>
    post(running, EMPTY, {
      method: 'OPTIONS',
      type: '',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type, x-mine, x-other',
      },
    });
  const allowed = await asking('https://shop.example.com');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers['access-control-allow-origin'], 'https://shop.example.com');
  assert.equal(allowed.headers['access-control-allow-headers'], 'content-type, x-mine');
  assert.equal(allowed.headers['access-control-max-age'], '60');
  assert.equal((await asking('https://evil.test')).headers['access-control-allow-origin'], undefined);
  const sent = await post(running, REQUEST, { headers: { origin: 'https://shop.example.com' } });
  assert.equal(sent.status, 200);
  assert.equal(sent.headers['access-control-allow-origin'], 'https://shop.example.com');
});

test('who comes back sooner than told waits on its connection while refusing would cost others time', async (t) => {
  const clock = new VirtualClock();
  let asked = 0;
  const refusal = (): Refused => {
    asked += 1;
    return { reason: 'queue', message: 'The sending queue is full.', afterMs: 1000 };
  };
  const resting = new ByteAdmission(200_000);
  const running = await runReceiver(t, { clock, refusal, restMs: () => 400, resting });
  const raw = await rawConnection(t, running.httpPort);
  const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${REQUEST.length}\r\n\r\n`;
  const answers = (): number => raw.text().split('HTTP/1.1 503').length - 1;
  const send = (): void => void raw.socket.write(Buffer.concat([Buffer.from(head), REQUEST]));
  send();
  await until(() => answers() === 1, 'the first is refused at once');
  send();
  await until(() => resting.requests === 1, 'the second waits');
  await clock.advance(399);
  assert.deepEqual([asked, answers()], [1, 1]);
  await clock.advance(1);
  await until(() => answers() === 2, 'the second is refused');
  assert.equal(resting.usedBytes, 0);
  send();
  await until(() => resting.requests === 1, 'the third waits');
  raw.socket.destroy();
  await until(() => resting.usedBytes === 0, 'who leaves does not wait');
});
