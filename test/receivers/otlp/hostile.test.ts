import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync, constants as zlibConstants } from 'node:zlib';
import { batchBytes } from '../../../src/core/batch.ts';
import { ByteAdmission, REQUEST_BYTES } from '../../../src/net/admission.ts';
import { decodeStatus } from '../../../src/otlp/response.ts';
import { bufferCollector } from '../../../src/service/buffer-reclaim.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { until } from '../../support/until.ts';
import { grpcClient, post, rawConnection, runReceiver, type Running } from './running.ts';

const MEBIBYTE = 1024 * 1024;
const REQUEST = Buffer.from(batchBytes(traceBatch(5)));
const HEAD = 'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n';

/** After whatever was done to it, the receiver serves, holds no admission and no connection. */
async function assertUnharmed(running: Running): Promise<void> {
  assert.equal((await post(running, REQUEST)).status, 200);
  await until(() => running.admission.usedBytes === 0, 'the admission is given back');
  await until(() => running.meter.total('remora_otlp_receiver_connections') === 0, 'the connections are gone');
}

test('bombs are stopped while they inflate, over both transports, in bounded memory', async (t) => {
  const running = await runReceiver(t, { admission: new ByteAdmission(64 * MEBIBYTE) });
  const zeros = Buffer.alloc(300 * MEBIBYTE);
  const bombs: [string, Buffer][] = [
    ['gzip', gzipSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
    ['gzip', Buffer.concat(Array.from({ length: 200 }, () => gzipSync(zeros.subarray(0, MEBIBYTE))))],
  ];
  const client = grpcClient(t, running.grpc, undefined, { 'grpc.default_compression_algorithm': 2 });
  // What is alive counts, at any moment: how much is dead is up to V8.
  const collect = bufferCollector();
  collect();
  const before = process.memoryUsage().arrayBuffers;
  let peak = before;
  const look = (): void => {
    collect();
    peak = Math.max(peak, process.memoryUsage().arrayBuffers);
  };
  const looking = setInterval(look, 250);
  t.after(() => clearInterval(looking));
  for (const [coding, bomb] of bombs) {
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => post(running, bomb, { headers: { 'content-encoding': coding } })),
    );
    for (const reply of replies) {
      assert.ok(reply.status === 413 || reply.status === 503, String(reply.status));
      assert.ok([8, 14].includes(decodeStatus(reply.body, 'proto').code));
    }
    assert.ok(replies.some((reply) => reply.status === 413));
  }
  assert.equal((await client.export('traces', zeros.subarray(0, 100 * MEBIBYTE))).code, 8);
  clearInterval(looking);
  look();
  assert.ok(peak - before < 192 * MEBIBYTE, `array buffers grew by ${peak - before}`);
  client.client.close();
  await assertUnharmed(running);
});

test('a zstd frame that asks for a huge window is refused', async (t) => {
  const running = await runReceiver(t);
  const params = { [zlibConstants.ZSTD_c_windowLog]: 27, [zlibConstants.ZSTD_c_contentSizeFlag]: 0 };
  const noise = Buffer.alloc(2 * MEBIBYTE, REQUEST);
  const wide = zstdCompressSync(Buffer.concat([noise, noise]), { params });
  const reply = await post(running, wide, { headers: { 'content-encoding': 'zstd' } });
  assert.equal(reply.status, 400);
  await assertUnharmed(running);
});

test('deep nesting and garbage get an answer and harm nothing', async (t) => {
  const running = await runReceiver(t);
  const bodies: [string, Buffer][] = [
    ['application/json', Buffer.from('['.repeat(1_000_000))],
    ['application/json', Buffer.from('{"resourceSpans":'.repeat(20_000))],
    ['application/json', Buffer.from(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)],
    ['application/json', Buffer.from('{"resourceSpans":[{"__proto__":{"x":1}}]}')],
    ['application/json', Buffer.from([0xff, 0xfe, 0, 0])],
    ['application/x-protobuf', Buffer.alloc(21_000, 0x0b)],
    ['application/x-protobuf', Buffer.alloc(100_000, 0xff)],
    ['application/x-protobuf', nested(10_000)],
    ['application/x-protobuf', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
  ];
  for (const [type, body] of bodies) {
    const reply = await post(running, body, { type });
    assert.ok(reply.status === 400 || reply.status === 200, `${type} ${body.length}: ${reply.status}`);
  }
  const client = grpcClient(t, running.grpc);
  for (const [type, body] of bodies) {
    if (type === 'application/json') continue;
    assert.ok([0, 3].includes((await client.export('traces', body)).code));
  }
  client.client.close();
  await assertUnharmed(running);
});

/** A message whose field 1 holds a message whose field 1 holds a message, and so on. */
function nested(depth: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    const prefix = [0x0a];
    for (let rest = length; ; rest >>>= 7) {
      prefix.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
      if (rest <= 0x7f) break;
    }
    parts.push(Buffer.from(prefix));
    length += prefix.length;
  }
  return Buffer.concat(parts.reverse());
}

test('broken HTTP/1 gets 400 or a closed connection', async (t) => {
  const running = await runReceiver(t);
  const requests = [
    'GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n',
    `${HEAD}Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${HEAD}Content-Length: -1\r\n\r\n`,
    `${HEAD}Content-Length: 99999999999999999999\r\n\r\n`,
    `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
    `${HEAD}X: ${'a'.repeat(20_000)}\r\n\r\n`,
    `${HEAD}__proto__: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    '\0\0\0\0\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ];
  for (const request of requests) {
    const raw = await rawConnection(t, running.httpPort);
    raw.socket.write(request);
    await until(() => raw.ended() || /^HTTP\/1\.1 [2-5]\d\d/.test(raw.text()), `an answer to ${request.slice(0, 60)}`);
    raw.socket.destroy();
  }
  await assertUnharmed(running);
});

test('a body shorter than announced, or chunks without end, end with the connection', async (t) => {
  const running = await runReceiver(t);
  for (const request of [
    `${HEAD}Content-Length: 100\r\n\r\nabc`,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
  ]) {
    const raw = await rawConnection(t, running.httpPort);
    raw.socket.write(request);
    await until(() => running.admission.usedBytes > 0, 'the body was admitted');
    raw.socket.end();
    await raw.closed;
    await until(() => running.admission.usedBytes === 0, 'the admission is given back');
  }
  await assertUnharmed(running);
});

test('a large Content-Length takes no more room than bytes that arrive', async (t) => {
  const running = await runReceiver(t, { admission: new ByteAdmission(30 * MEBIBYTE) });
  const claims = await Promise.all(Array.from({ length: 10 }, () => rawConnection(t, running.httpPort)));
  for (const { socket } of claims) socket.write(`${HEAD}Content-Length: ${20 * MEBIBYTE}\r\n\r\nabc`);
  await until(() => running.admission.usedBytes === 10 * (MEBIBYTE + REQUEST_BYTES), 'each got a first MiB');
  assert.equal((await post(running, REQUEST)).status, 200);
  for (const { socket } of claims) socket.destroy();
  await assertUnharmed(running);
});

test('slow headers, slow bodies and silent connections are closed', async (t) => {
  const timeouts = { read_header_timeout: '400ms', idle_timeout: '600ms', read_timeout: '1200ms' };
  const running = await runReceiver(t, { http: timeouts });
  const firsts = ['', 'POST /v1/traces HTTP/1.1\r\nX-A: ', `${HEAD}Content-Length: 100\r\n\r\nabc`];
  const raws = await Promise.all(firsts.map((first) => rawConnection(t, running.httpPort, first)));
  await Promise.all(raws.map((raw) => raw.closed));
  // One that is answered is closed afterwards; one before it may be silent for too long to a machine that stood still.
  for (let answered = ''; !answered.startsWith('HTTP/1.1 200');) {
    const idle = await rawConnection(t, running.httpPort, `${HEAD}Content-Length: 0\r\n\r\n`);
    await idle.closed;
    answered = idle.text();
  }
  await assertUnharmed(running);
});

test('a body that trickles without end is given up, and its client told so', async (t) => {
  // Nothing else ends it, also when the machine stands still for longer than this.
  const timeouts = { read_header_timeout: '1h', idle_timeout: '1h', read_timeout: '400ms' };
  const running = await runReceiver(t, { http: timeouts });
  const trickling = await rawConnection(t, running.httpPort, `${HEAD}Content-Length: 10000\r\n\r\n`);
  const trickle = setInterval(() => trickling.socket.write('a'), 20);
  t.after(() => clearInterval(trickle));
  // Who goes on writing to a connection that was reset may not get to read what came before.
  trickling.socket.once('data', () => clearInterval(trickle));
  await trickling.closed;
  assert.match(trickling.text(), /^HTTP\/1\.1 408/);
  await assertUnharmed(running);
});

test('a pipeline that thinks for long is not taken for a silent client', async (t) => {
  const running = await runReceiver(t, { http: { idle_timeout: '500ms' } });
  // It thinks until a connection that began later was closed for its silence.
  running.sink.answer = async () => {
    await (
      await rawConnection(t, running.httpPort)
    ).closed;
    return { status: 'accepted', rejectedItems: 0 };
  };
  assert.equal((await post(running, REQUEST)).status, 200);
});

test('connections beyond the limit are closed and counted', async (t) => {
  const running = await runReceiver(t, { http: { max_connections: 3 }, grpc: { max_connections: 3 } });
  for (const [transport, port] of [
    ['http', running.httpPort],
    ['grpc', running.grpcPort],
  ] as const) {
    const raws = await Promise.all(Array.from({ length: 6 }, () => rawConnection(t, port)));
    await until(() => raws.filter((raw) => raw.ended()).length === 3, 'three are closed');
    const labels = { receiver: 'otlp', transport, reason: 'connections' };
    assert.equal(running.meter.value('remora_otlp_receiver_refused_connections', labels), 3);
    for (const { socket } of raws) socket.destroy();
  }
  await assertUnharmed(running);
});

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = http2Frame(4, 0, 0);
/** :method POST, :scheme http, :path /x, content-type application/grpc; all literal without indexing. */
const HEADERS_BLOCK = Buffer.concat([
  Buffer.from([0x83, 0x86]),
  literal(':path', '/x'),
  literal(':authority', 'x'),
  literal('content-type', 'application/grpc'),
]);

function http2Frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

test('broken HTTP/2 ends its own connection and nothing else', async (t) => {
  const running = await runReceiver(t, { grpc: { connection_timeout: '300ms' } });
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const attacks: [string, Buffer[]][] = [
    ['HTTP/1 on the gRPC port', [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]],
    ['half a preface', [PREFACE.subarray(0, 10)]],
    ['nothing', []],
    ['random bytes after the preface', [PREFACE, Buffer.alloc(100, 0xa5)]],
    ['a frame longer than allowed', [PREFACE, SETTINGS, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]],
    [
      'HEADERS with broken HPACK',
      [PREFACE, SETTINGS, http2Frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))],
    ],
    ['HEADERS on stream 0', [PREFACE, SETTINGS, http2Frame(1, 5, 0, HEADERS_BLOCK)]],
    ['DATA on an idle stream', [PREFACE, SETTINGS, http2Frame(0, 0, 7, Buffer.from('abc'))]],
    [
      'WINDOW_UPDATE overflow',
      [PREFACE, SETTINGS, http2Frame(8, 0, 0, word(0x7fffffff)), http2Frame(8, 0, 0, word(0x7fffffff))],
    ],
    ['WINDOW_UPDATE of zero', [PREFACE, SETTINGS, http2Frame(8, 0, 0, word(0))]],
    ['SETTINGS of odd length', [PREFACE, http2Frame(4, 0, 0, Buffer.alloc(5))]],
    ['PING of odd length', [PREFACE, SETTINGS, http2Frame(6, 0, 0, Buffer.alloc(3))]],
    ['CONTINUATION without HEADERS', [PREFACE, SETTINGS, http2Frame(9, 4, 1, HEADERS_BLOCK)]],
    [
      'a CONTINUATION flood',
      [
        PREFACE,
        SETTINGS,
        http2Frame(1, 1, 1, HEADERS_BLOCK),
        ...Array.from({ length: 2000 }, () => http2Frame(9, 0, 1, literal('a', 'b'))),
      ],
    ],
    [
      'a PING flood',
      [PREFACE, SETTINGS, ...Array.from({ length: 20_000 }, () => http2Frame(6, 0, 0, Buffer.alloc(8)))],
    ],
    [
      'rapid reset',
      [
        PREFACE,
        SETTINGS,
        ...Array.from({ length: 5000 }, (_, i) =>
          Buffer.concat([http2Frame(1, 5, 2 * i + 1, HEADERS_BLOCK), http2Frame(3, 0, 2 * i + 1, word(8))]),
        ),
      ],
    ],
  ];
  for (const [what, parts] of attacks) {
    const raw = await rawConnection(t, running.grpcPort);
    raw.socket.write(Buffer.concat(parts));
    await until(() => raw.ended(), `${what} ended the connection`);
  }
  const client = grpcClient(t, running.grpc);
  assert.equal((await client.export('traces', REQUEST)).code, 0);
  client.client.close();
  await assertUnharmed(running);
});

test('a SETTINGS flood does not grow memory', async (t) => {
  const running = await runReceiver(t);
  const raw = await rawConnection(t, running.grpcPort);
  raw.socket.write(PREFACE);
  for (let i = 0; i < 50 && !raw.ended(); i++) {
    raw.socket.write(Buffer.concat(Array.from({ length: 1000 }, () => SETTINGS)));
  }
  raw.socket.write(http2Frame(6, 0, 0, Buffer.alloc(8, 7)));
  await until(() => raw.ended() || raw.bytes().includes(Buffer.alloc(8, 7)), 'the flood was worked off');
  raw.socket.destroy();
  await assertUnharmed(running);
});

test('a call whose message does not come to its end is given up, wherever it stops', async (t) => {
  const running = await runReceiver(t, { grpc: { receive_timeout: '50ms' } });
  const path = literal(':path', '/opentelemetry.proto.collector.trace.v1.TraceService/Export');
  const headers = Buffer.concat([
    Buffer.from([0x83, 0x86]),
    path,
    literal(':authority', 'x'),
    literal('content-type', 'application/grpc'),
  ]);
  const messages: [string, number[]][] = [
    ['nothing', []],
    ['half a prefix', [0, 0, 0]],
    ['a prefix', [0, 0, 0x10, 0, 0]],
    ['a part', [0, 0, 0x10, 0, 0, 1, 2, 3]],
    ['all of it, but no end', [0, 0, 0, 0, 2, 0x0a, 0]],
  ];
  for (const [at, [what, message]] of messages.entries()) {
    const raw = await rawConnection(t, running.grpcPort);
    raw.socket.write(Buffer.concat([PREFACE, SETTINGS, http2Frame(1, 4, 1, headers)]));
    if (message.length > 0) raw.socket.write(http2Frame(0, 0, 1, Buffer.from(message)));
    await until(() => running.outcomes('grpc', 'cancelled') === at + 1, `${what} was given up`);
    assert.equal(running.admission.usedBytes, 0);
    raw.socket.destroy();
  }
  await assertUnharmed(running);
});
