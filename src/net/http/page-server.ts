import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { listen } from '../listen.ts';
import { createServer } from './node-http.ts';

/** What a small read-only HTTP page answers. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export type PageOf = (path: string, query: URLSearchParams) => Page | undefined | Promise<Page | undefined>;

const NOT_FOUND: Page = { status: 404, contentType: 'text/plain; charset=utf-8', body: 'Not found.\n' };
const NOT_ALLOWED: Page = { status: 405, contentType: 'text/plain; charset=utf-8', body: 'Only GET and HEAD.\n' };
const BAD_REQUEST: Page = { status: 400, contentType: 'text/plain; charset=utf-8', body: 'Bad request target.\n' };
const FAILED: Page = { status: 500, contentType: 'text/plain; charset=utf-8', body: 'Internal error.\n' };

/** A read-only HTTP server for metrics and health: GET and HEAD, small headers, short timeouts, few connections. */
export class PageServer {
  readonly #server: Server;
  readonly #host: string;
  readonly #port: number;

  constructor(host: string, port: number, pageOf: PageOf) {
    this.#host = host === 'localhost' ? '127.0.0.1' : host;
    this.#port = port;
    this.#server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 5000 },
      (request, response) => void answer(pageOf, request, response),
    );
    this.#server.maxConnections = 64;
    // A connection that could not be accepted, for want of descriptors say, is the loss of whoever asked.
    this.#server.on('error', () => undefined);
    this.#server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      else socket.destroy();
    });
  }

  /** The port that was bound; useful with port 0. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : this.#port;
  }

  /** Throws listen_failed. */
  async start(): Promise<void> {
    await listen(this.#server, { kind: 'tcp', host: this.#host, port: this.#port });
  }

  stop(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function answer(pageOf: PageOf, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const page = await pageFor(pageOf, request);
  const body = Buffer.from(page.body, 'utf8');
  response.writeHead(page.status, { 'content-type': page.contentType, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageFor(pageOf: PageOf, { method, url }: IncomingMessage): Promise<Page> {
  if (method !== 'GET' && method !== 'HEAD') return NOT_ALLOWED;
  const target = URL.parse(url ?? '', 'http://localhost');
  if (target === null) return BAD_REQUEST;
  try {
    return (await pageOf(target.pathname, target.searchParams)) ?? NOT_FOUND;
  } catch {
    return FAILED;
  }
}
