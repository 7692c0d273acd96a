import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { freePort } from './ports.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, seen: SeenRequest) => void;

export interface HttpUpstream extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly seen: SeenRequest[];
  /** Connections accepted so far. */
  connections: number;
  answer: Answer;
}

/** A node:http (or https) server on loopback that records requests and answers 200 unless told otherwise. */
export async function httpUpstream(tls?: ServerOptions, listenOn?: number): Promise<HttpUpstream> {
  const upstream = { seen: [], connections: 0, answer: (_request, response) => void response.end() } as Pick<
    HttpUpstream,
    'seen' | 'connections' | 'answer'
  >;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks) };
      upstream.seen.push(seen);
      upstream.answer(request, response, seen);
    });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
  };
  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  server.on('connection', () => void (upstream.connections += 1));
  server.on('tlsClientError', () => undefined);
  // However slow a client is: a connection that it is about to use again is not closed under its hands.
  server.keepAliveTimeout = 0;
  server.listen(listenOn ?? (await freePort()), '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(upstream, {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}
