import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { batchBytes, makeBatch } from '../../../src/core/batch.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { otlphttpExporter } from '../../../src/exporters/otlphttp/index.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { encodeResponse, encodeStatus } from '../../../src/otlp/response.ts';
import { codeOf, createExporter, NEVER, problems, reasonOf, startExporter } from '../../support/exporters.ts';
import { httpUpstream, type Answer } from '../../support/http-upstream.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { until } from '../../support/until.ts';

const BATCH = traceBatch(10);
const BYTES = Buffer.from(batchBytes(BATCH));

test('a batch arrives gzipped at /v1/traces of the endpoint, with the headers of the configuration', async () => {
  await using upstream = await httpUpstream();
  const headers = { 'X-Scope-OrgID': 'tenant-1' };
  await using exporter = await startExporter(otlphttpExporter, { endpoint: `${upstream.url}/base/`, headers });
  const verdict = await exporter.send(BATCH, NEVER);
  assert.deepEqual(verdict, { status: 'accepted', rejectedItems: 0 });
  const [seen] = upstream.seen;
  assert.equal(seen?.method, 'POST');
  assert.equal(seen.url, '/base/v1/traces');
  assert.equal(seen.headers['content-type'], 'application/x-protobuf');
  assert.equal(seen.headers['content-encoding'], 'gzip');
  assert.equal(seen.headers['x-scope-orgid'], 'tenant-1');
  assert.match(seen.headers['user-agent'] ?? '', /^Remora-OTLP-Exporter-HTTP\/\d+\.\d+\.\d+/);
  assert.ok(gunzipSync(seen.body).equals(BYTES));
});

test('the chunks of a batch arrive end to end, zstd compressed and uncompressed', async () => {
  await using upstream = await httpUpstream();
  for (const [compression, chunks] of [
    ['zstd', 3],
    ['none', 3],
    ['none', 30],
  ] as const) {
    const chunked = traceBatch(30, chunks);
    await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url, compression });
    assert.equal((await exporter.send(chunked, NEVER)).status, 'accepted');
    const body = upstream.seen.at(-1)?.body ?? Buffer.alloc(0);
    const plain = compression === 'zstd' ? zstdDecompressSync(body) : body;
    assert.ok(plain.equals(batchBytes(chunked)));
    assert.equal(upstream.seen.at(-1)?.headers['content-encoding'], compression === 'zstd' ? 'zstd' : undefined);
    assert.equal(upstream.seen.at(-1)?.headers['content-length'], String(body.length));
  }
});

test('each signal has its own path, and its own endpoint when configured', async () => {
  await using upstream = await httpUpstream();
  await using other = await httpUpstream();
  const config = { endpoint: upstream.url, logs_endpoint: `${other.url}/loki/otlp?x=1` };
  await using exporter = await startExporter(otlphttpExporter, config);
  await exporter.send({ ...BATCH, signal: 'metrics' }, NEVER);
  await exporter.send({ ...BATCH, signal: 'logs' }, NEVER);
  assert.deepEqual(
    upstream.seen.map((seen) => seen.url),
    ['/v1/metrics'],
  );
  assert.deepEqual(
    other.seen.map((seen) => seen.url),
    ['/loki/otlp?x=1'],
  );
});

test('a signal without an endpoint is rejected', async () => {
  await using exporter = await startExporter(otlphttpExporter, { traces_endpoint: 'http://127.0.0.1:1/v1/traces' });
  assert.equal(codeOf(await exporter.send({ ...BATCH, signal: 'logs' }, NEVER)), 'config_invalid');
});

test('json encoding sends OTLP/JSON and reads a JSON answer', async () => {
  await using upstream = await httpUpstream();
  upstream.answer = (_request, response) => {
    response.setHeader('content-type', 'application/json').end(encodeResponse('traces', 2, 'two are bad', 'json'));
  };
  const config = { endpoint: upstream.url, encoding: 'json', compression: 'none' };
  await using exporter = await startExporter(otlphttpExporter, config);
  const verdict = await exporter.send(BATCH, NEVER);
  assert.deepEqual(verdict, { status: 'accepted', rejectedItems: 2, message: 'two are bad' });
  assert.equal(upstream.seen[0]?.headers['content-type'], 'application/json');
  assert.ok('resourceSpans' in (JSON.parse(upstream.seen[0].body.toString()) as object));
});

test('partial success is accepted with the items that were refused and the message', async () => {
  await using upstream = await httpUpstream();
  upstream.answer = (_request, response) => void response.end(encodeResponse('traces', 3, 'three too old', 'proto'));
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  const verdict = await exporter.send(BATCH, NEVER);
  assert.deepEqual(verdict, { status: 'accepted', rejectedItems: 3, message: 'three too old' });
});

test('a 2xx answer that cannot be read still means accepted, with a warning', async () => {
  await using upstream = await httpUpstream();
  upstream.answer = (_request, response) => void response.end('<html>thanks</html>');
  const warnings: string[] = [];
  const none = (): void => undefined;
  const log = { debug: none, info: none, error: none, warn: (message: string) => void warnings.push(message) };
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url }, { log });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  assert.equal(warnings.length, 1);
});

test('exactly 429, 502, 503 and 504 are retried; every other status that is not 2xx is rejected', async () => {
  await using upstream = await httpUpstream();
  let status = 0;
  upstream.answer = (_request, response) => void response.writeHead(status).end();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  const retried: number[] = [];
  const accepted: number[] = [];
  const statuses = [200, 202, 204, 299, 300, 301, 302, 304, 307, 308];
  for (let code = 400; code < 452; code++) statuses.push(code);
  for (let code = 500; code < 512; code++) statuses.push(code);
  for (status of statuses) {
    const verdict = await exporter.send(BATCH, NEVER);
    if (verdict.status === 'retry') retried.push(status);
    if (verdict.status === 'accepted') accepted.push(status);
  }
  assert.deepEqual(retried, [429, 502, 503, 504]);
  assert.deepEqual(accepted, [200, 202, 204, 299]);
});

test('a redirect is not followed', async () => {
  await using upstream = await httpUpstream();
  upstream.answer = (_request, response) => void response.writeHead(307, { location: '/elsewhere' }).end();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  assert.match(reasonOf(await exporter.send(BATCH, NEVER)), /307/);
  assert.equal(upstream.seen.length, 1);
});

test('Retry-After is honoured as seconds and as a date on every retryable status, and nonsense is ignored', async () => {
  await using upstream = await httpUpstream();
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12, 0, 0));
  let header = '';
  let status = 503;
  upstream.answer = (_request, response) => void response.writeHead(status, { 'retry-after': header }).end();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url }, { clock });
  const askedMs: Record<string, number | undefined> = {
    '7': 7000,
    '0': 0,
    'Thu, 01 Jan 2026 12:00:30 GMT': 30_000,
    'Thu, 01 Jan 2026 11:00:00 GMT': 0,
    'Thursday, 01-Jan-26 12:00:10 GMT': 10_000,
    '99999999999999999999': 3_600_000,
    '-5': undefined,
    soon: undefined,
    '1e3': undefined,
  };
  for (status of [429, 502, 503, 504]) {
    for (const [text, expectedMs] of Object.entries(askedMs)) {
      header = text;
      const verdict = await exporter.send(BATCH, NEVER);
      assert.equal(verdict.status, 'retry');
      assert.equal(verdict.afterMs, expectedMs, `${status} with "${text}"`);
    }
  }
});

test('the Status message of a refusal reaches the reason on one bounded line without control characters', async () => {
  await using upstream = await httpUpstream();
  const message = `bad\r\ntenant \u001b[31mred\u2028 ${'x'.repeat(5000)}`;
  upstream.answer = (_request, response) => {
    response.writeHead(400, { 'content-type': 'application/x-protobuf' });
    response.end(encodeStatus(3, message, undefined, 'proto'));
  };
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  const verdict = await exporter.send(BATCH, NEVER);
  assert.equal(codeOf(verdict), 'upstream_rejected');
  assert.match(reasonOf(verdict), /^The upstream answered 400: bad tenant +\[31mred +x+\.\.\.\.?$/);
  assert.ok(reasonOf(verdict).length < 600);
});

test('a text body of a refusal is quoted, and RetryInfo in a Status body counts when there is no header', async () => {
  await using upstream = await httpUpstream();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  upstream.answer = (_request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('who are you?');
  };
  assert.match(reasonOf(await exporter.send(BATCH, NEVER)), /401: who are you\?/);
  upstream.answer = (_request, response) => {
    response.writeHead(503, { 'content-type': 'application/x-protobuf' });
    response.end(encodeStatus(14, 'full', 2500, 'proto'));
  };
  const verdict = await exporter.send(BATCH, NEVER);
  assert.equal(verdict.status === 'retry' ? verdict.afterMs : -1, 2500);
});

test('an answer without end is cut at 4 MiB, rejected, and its connection destroyed', async () => {
  await using upstream = await httpUpstream();
  let sentBytes = 0;
  let closed = false;
  const flood: Answer = (_request, response) => {
    response.writeHead(200);
    response.on('close', () => (closed = true));
    const chunk = Buffer.alloc(64 * 1024);
    const pour = (): void => {
      while (!closed && sentBytes < 10 * 1024 ** 3) {
        sentBytes += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', pour);
      }
    };
    pour();
  };
  upstream.answer = flood;
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  assert.equal(codeOf(await exporter.send(BATCH, NEVER)), 'upstream_response_too_large');
  await until(() => closed, 'the upstream sees the connection closed');
  assert.ok(sentBytes < 1024 ** 3, `${sentBytes} bytes were taken`);
});

test('nobody listening, a dropped connection and a half answer are retried', async () => {
  await using upstream = await httpUpstream();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  upstream.answer = (request) => void request.socket.destroy();
  assert.equal(codeOf(await exporter.send(BATCH, NEVER)), 'upstream_unavailable');
  upstream.answer = (request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half');
    setImmediate(() => request.socket.destroy());
  };
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'retry');
  await using nobody = await startExporter(otlphttpExporter, { endpoint: 'http://127.0.0.1:1' });
  const verdict = await nobody.send(BATCH, NEVER);
  assert.equal(verdict.status, 'retry');
  assert.match(reasonOf(verdict), /ECONNREFUSED/);
  assert.ok(verdict.unsent, 'and that nothing was sent');
});

test('an upstream that closes while the body is still being sent is retried', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const config = { endpoint: `http://127.0.0.1:${port}`, compression: 'none' };
  await using exporter = await startExporter(otlphttpExporter, config);
  const large = makeBatch('traces', [Buffer.alloc(16 * 1024 * 1024)], 1);
  assert.equal((await exporter.send(large, NEVER)).status, 'retry');
  server.close();
});

test('a batch of chunks whose connection drops half way is retried, and so is one that is aborted', async () => {
  const controller = new AbortController();
  let onData: (socket: Socket) => void = (socket) => void socket.resetAndDestroy();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => onData(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const config = { endpoint: `http://127.0.0.1:${port}`, compression: 'none' };
  await using exporter = await startExporter(otlphttpExporter, config);
  const chunk = Buffer.alloc(4 * 1024 * 1024);
  const large = makeBatch('traces', [chunk, chunk, chunk, chunk], 4);
  assert.equal((await exporter.send(large, NEVER)).status, 'retry');
  onData = (socket) => {
    socket.pause();
    controller.abort();
  };
  assert.equal((await exporter.send(large, controller.signal)).status, 'retry');
  await exporter.stop?.(NEVER);
  server.close();
});

test('requests go through proxy_url', async () => {
  await using upstream = await httpUpstream();
  await using proxy = await httpUpstream();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url, proxy_url: proxy.url });
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  assert.equal(upstream.seen.length, 0);
  assert.equal(proxy.seen[0]?.url, `${upstream.url}/v1/traces`);
  assert.ok(gunzipSync(proxy.seen[0].body).equals(BYTES));
});

test('an aborted attempt settles at once with retry and destroys its connection', async () => {
  await using upstream = await httpUpstream();
  let closed = false;
  const controller = new AbortController();
  upstream.answer = (_request, response) => {
    response.on('close', () => (closed = true));
    controller.abort();
  };
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url });
  assert.equal((await exporter.send(BATCH, controller.signal)).status, 'retry');
  await until(() => closed, 'the upstream sees the connection closed');
  assert.equal((await exporter.send(BATCH, AbortSignal.abort())).status, 'retry');
  assert.equal(upstream.seen.length, 1);
});

test('connections are reused, and not with disable_keep_alives', async () => {
  for (const disable of [false, true]) {
    await using upstream = await httpUpstream();
    const config = { endpoint: upstream.url, disable_keep_alives: disable };
    await using exporter = await startExporter(otlphttpExporter, config);
    for (let i = 0; i < 5; i++) await exporter.send(BATCH, NEVER);
    // undici gives a connection back one turn of the event loop after the answer, so a quick sender uses two.
    assert.ok(disable ? upstream.connections === 5 : upstream.connections < 5, `${upstream.connections} connections`);
  }
});

test('max_conns_per_host bounds the connections', async () => {
  await using upstream = await httpUpstream();
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url, max_conns_per_host: 2 });
  await Promise.all(Array.from({ length: 8 }, () => exporter.send(BATCH, NEVER)));
  assert.equal(upstream.seen.length, 8);
  assert.ok(upstream.connections <= 2);
});

test('a batch over max_request_bytes goes in pieces that fit, and a retry does not repeat what arrived', async () => {
  await using upstream = await httpUpstream();
  const large = traceBatch(400, 8);
  const limitBytes = Math.ceil(large.bytes / 3);
  const config = { endpoint: upstream.url, max_request_bytes: limitBytes, compression: 'none' };
  await using exporter = await startExporter(otlphttpExporter, config);
  let answers = 0;
  upstream.answer = (_request, response) => void response.writeHead(++answers === 2 ? 503 : 200).end();
  assert.equal((await exporter.send(large, NEVER)).status, 'retry');
  assert.equal((await exporter.send(large, NEVER)).status, 'accepted');
  const taken = upstream.seen.filter((_, index) => index !== 1);
  assert.ok(taken.every((seen) => seen.body.length <= limitBytes));
  assert.equal(
    taken.reduce((items, seen) => items + countItems('traces', seen.body), 0),
    400,
  );
});

test('an item larger than max_request_bytes is rejected without being sent, the rest arrives', async () => {
  await using upstream = await httpUpstream();
  const small = traceBatch(1);
  await using exporter = await startExporter(otlphttpExporter, { endpoint: upstream.url, max_request_bytes: 100 });
  assert.equal(codeOf(await exporter.send(small, NEVER)), 'payload_too_large');
  assert.equal(upstream.seen.length, 0);
});

test('create opens nothing, stop before start and twice are fine, send after stop is retry shutting_down', async () => {
  const exporter = await createExporter(otlphttpExporter, { endpoint: 'http://127.0.0.1:1' });
  assert.equal(codeOf(await exporter.send(BATCH, NEVER)), 'shutting_down');
  await exporter.stop?.(NEVER);
  await exporter.stop?.(NEVER);
  assert.equal(codeOf(await exporter.send(BATCH, NEVER)), 'shutting_down');
  await using started = await startExporter(otlphttpExporter, { endpoint: 'http://127.0.0.1:1' });
  await started.stop?.(NEVER);
  assert.equal(codeOf(await started.send(BATCH, NEVER)), 'shutting_down');
});

test('configuration mistakes are named', () => {
  const endpoint = 'http://127.0.0.1:4318';
  assert.match(problems(otlphttpExporter, {}).join(), /needs endpoint/);
  assert.match(problems(otlphttpExporter, { endpoint: '127.0.0.1:4318' }).join(), /is not a URL/);
  assert.match(problems(otlphttpExporter, { endpoint: 'http://u:p@host' }).join(), /credentials/);
  assert.match(problems(otlphttpExporter, { endpoint, compression: 'snappy' }).join(), /gzip, zstd and none/);
  assert.match(problems(otlphttpExporter, { endpoint, compression_params: { level: 12 } }).join(), /levels 1 to 9/);
  assert.match(problems(otlphttpExporter, { endpoint, headers: { a: 'x\r\ny: z' } }).join(), /cannot carry/);
  assert.match(problems(otlphttpExporter, { endpoint, tls: { cert_file: 'c.pem' } }).join(), /needs its key/);
  assert.deepEqual(
    problems(otlphttpExporter, { endpoint, compression: 'zstd', compression_params: { level: 12 } }),
    [],
  );
});

test('header values never print', () => {
  const headers = { authorization: 'Bearer canary-token' };
  const parsed = otlphttpExporter.parse({ endpoint: 'http://127.0.0.1:1', headers });
  assert.ok(parsed.ok);
  const printed = JSON.stringify(parsed.prepared.config) + inspect(parsed.prepared.config, { depth: 9 });
  assert.ok(!printed.includes('canary-token'));
  assert.match(printed, /\[REDACTED\]/);
});
