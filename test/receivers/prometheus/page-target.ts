import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A target on loopback that answers as told. `answer` may be replaced between scrapes. */
export interface PageTarget extends AsyncDisposable {
  readonly address: string;
  readonly requests: IncomingMessage[];
  connections: number;
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

export const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

export function page(body: string | Buffer, headers: Record<string, string> = {}) {
  return (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': TEXT, ...headers }).end(body);
  };
}

export async function pageTarget(answer: PageTarget['answer'], port = 0): Promise<PageTarget> {
  const server = createServer((request, response) => {
    target.requests.push(request);
    target.answer(request, response);
  });
  // Connections are closed by those who use them, however long the machine stands still between two requests.
  server.keepAliveTimeout = 600_000;
  server.on('connection', () => (target.connections += 1));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const target: PageTarget = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    connections: 0,
    answer,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return target;
}
