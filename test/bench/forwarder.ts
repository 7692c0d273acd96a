/**
 * The bare-transport baselines: what Node costs when it does nothing but move the same bytes with the same transports.
 *
 *   node forwarder.ts http <sinkUrl> [none|gzip|zstd]   OTLP/HTTP in (node:http), OTLP/HTTP out (undici)
 *   node forwarder.ts grpc <host:port>                   gRPC in (unary framing on node:http2), gRPC out (grpc-js)
 *   node forwarder.ts file <sinkUrl> <path>              reads 256 KB chunks of a file, posts them unparsed
 *   node forwarder.ts scrape <sinkUrl> <pageUrl>         fetches a page ten times a second, posts it unparsed
 *
 * Prints {"port":n} when ready. A request is answered when the upstream has answered.
 */
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gzip, zstdCompress } from 'node:zlib';
import { Client, credentials } from '@grpc/grpc-js';
import { Pool } from 'undici';

const [kind = '', target = '', extra = ''] = process.argv.slice(2);

switch (kind) {
  case 'http':
    forwardHttp(new Pool(target, { connections: 10 }), extra);
    break;
  case 'grpc':
    forwardGrpc(target);
    break;
  case 'file':
    await forwardFile(new Pool(target, { connections: 10 }), extra);
    break;
  case 'scrape':
    forwardPages(new Pool(target, { connections: 10 }), extra);
    break;
  default:
    throw new Error(`No forwarder "${kind}".`);
}

function ready(address: string | AddressInfo | null): void {
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? (address?.port ?? 0) : 0 })}\n`);
}

function forwardHttp(pool: Pool, compression: string): void {
  const compress =
    compression === 'gzip' ? promisify(gzip) : compression === 'zstd' ? promisify(zstdCompress) : undefined;
  const send = async (path: string, chunks: readonly Buffer[]): Promise<number> => {
    const joined = Buffer.concat(chunks);
    const body = compress === undefined ? joined : await compress(joined);
    const headers = {
      'content-type': 'application/x-protobuf',
      ...(compress ? { 'content-encoding': compression } : {}),
    };
    const answer = await pool.request({ path, method: 'POST', headers, body });
    await answer.body.dump();
    return answer.statusCode;
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void send(request.url ?? '/', chunks).then((status) => {
        response.writeHead(status, { 'content-type': 'application/x-protobuf', 'content-length': 0 });
        response.end();
      });
    });
  });
  server.listen(0, '127.0.0.1', () => ready(server.address()));
}

function forwardGrpc(address: string): void {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  const asBuffer = (bytes: Buffer): Buffer => bytes;
  const server = createHttp2Server({ settings: { initialWindowSize: 2 ** 20 } });
  server.on('session', (session) => session.setLocalWindowSize(2 ** 23));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    stream.on('end', () => {
      const message = Buffer.concat(chunks).subarray(5);
      client.makeUnaryRequest(headers[':path'] ?? '', asBuffer, asBuffer, message, (error) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(error?.code ?? 0) }));
        stream.end(Buffer.alloc(5));
      });
    });
  });
  server.listen(0, '127.0.0.1', () => ready(server.address()));
}

async function forwardFile(pool: Pool, path: string): Promise<void> {
  const file = await open(path, 'r');
  ready(null);
  for (let position = 0; ;) {
    const buffer = Buffer.allocUnsafeSlow(256 * 1024);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    position += bytesRead;
    const answer = await pool.request({ path: '/raw', method: 'POST', body: buffer.subarray(0, bytesRead) });
    await answer.body.dump();
  }
}

function forwardPages(pool: Pool, pageUrl: string): void {
  const { origin, pathname } = new URL(pageUrl);
  const source = new Pool(origin, { connections: 1 });
  ready(null);
  setInterval(() => {
    void source.request({ path: pathname, method: 'GET' }).then(async (page) => {
      const body = Buffer.from(await page.body.arrayBuffer());
      const answer = await pool.request({ path: '/raw', method: 'POST', body });
      await answer.body.dump();
    });
  }, 100);
}
