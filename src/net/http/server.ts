import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { Server as Listener, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { repeat, sleep, type Clock, type Timer } from '../../core/clock.ts';
import { listen, type ListenAddress } from '../listen.ts';
import type { LoadedTls } from '../tls-server.ts';
import { Connections } from './server-connections.ts';
import { createServer } from './node-http.ts';

export interface HttpServerOptions {
  readonly clock: Clock;
  readonly address: ListenAddress;
  readonly socketMode?: number;
  /** For the whole request; 0 is no limit. Silence in the middle of a body is bounded by idleTimeoutMs anyway. */
  readonly readTimeoutMs: number;
  readonly readHeaderTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** For an answer, from the end of its request; then `abort` fires. 0 is no limit. */
  readonly writeTimeoutMs: number;
  readonly keepAlives: boolean;
  readonly maxConnections: number;
  /** A connection that broke the protocol, or was over the limit of connections. */
  onRefused(why: 'malformed' | 'timeout' | 'connections'): void;
}

/** Answers one request; never rejects. */
export type HttpHandler = (exchange: HttpExchange) => Promise<void>;

export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client waits for `response.writeContinue()` before it sends its body. */
  readonly expectsContinue: boolean;
  /** Fires when the client is gone, or when the answer takes longer than writeTimeoutMs. */
  readonly abort: AbortSignal;
  /** The body is complete: from now on silence is ours. */
  beginWaiting(): void;
  /** The next requests of the connection wait for this long: see `resting`. */
  rest(restMs: number): void;
  /** Resolves when the connection has rested or is gone; undefined when it does not rest. */
  readonly resting: Promise<unknown> | undefined;
}

/**
 * Before connections are closed their clients are told with the next answer, for this long at most: a request that meets
 * the close of its connection is broken off, and its client cannot know whether it was taken.
 */
const FAREWELL_MS = 200;
const FAREWELL_LOOK_MS = 5;
/** When nobody has asked anything for this long, nobody is about to. */
const QUIET_MS = 1000;

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 200;

/** HTTP/1.1 with every limit set: headers, silence, whole requests, connections. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #connections = new Connections();
  readonly #handler: HttpHandler;
  #server: Server | undefined;
  #late: Timer | undefined;
  #leaving = false;
  #stopping = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(options: HttpServerOptions, handler: HttpHandler) {
    this.#options = options;
    this.#handler = handler;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Requests are to be refused. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Connections are to be closed after their next answer. */
  get leaving(): boolean {
    return this.#leaving;
  }

  async start(tls?: LoadedTls): Promise<ListenAddress> {
    const server = await this.#create(tls);
    this.#server = server;
    const bound = await listen(server, this.#options.address, this.#options);
    this.#watchAnswers();
    return bound;
  }

  /**
   * Stops accepting, and sends busy clients away with their next answer; then refuses what still comes, closes what is
   * idle, and answers requests under way until `deadline` fires. Idempotent.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#leaving = true;
    const server = this.#server;
    if (server === undefined) return;
    // The close of node:http would cut connections between two requests.
    const closed = new Promise<void>((resolve) => Listener.prototype.close.call(server, () => resolve()));
    await this.#sayFarewell(deadline);
    this.#stopping = true;
    const cut = (): void => server.closeAllConnections();
    deadline.addEventListener('abort', cut, { once: true });
    server.close();
    if (deadline.aborted) cut();
    await closed;
    deadline.removeEventListener('abort', cut);
    this.#late?.cancel();
    this.#server = undefined;
  }

  async #sayFarewell(deadline: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.monotonic() + FAREWELL_MS;
    if (clock.monotonic() - this.#askedMs > QUIET_MS) return;
    while (this.#connections.size > 0 && clock.monotonic() < endMs) {
      if (!(await sleep(clock, FAREWELL_LOOK_MS, deadline))) return;
    }
  }

  get server(): Server | undefined {
    return this.#server;
  }

  /** One look at all connections now and then costs less than a timer for each request. */
  #watchAnswers(): void {
    const { clock, writeTimeoutMs } = this.#options;
    if (writeTimeoutMs === 0) return;
    const everyMs = Math.min(1000, Math.max(10, writeTimeoutMs / 4));
    this.#late = repeat(
      clock,
      () => everyMs,
      () => this.#connections.abortWaiting(clock.monotonic() - writeTimeoutMs),
    );
  }

  async #create(tls: LoadedTls | undefined): Promise<Server> {
    const { readTimeoutMs, readHeaderTimeoutMs, idleTimeoutMs } = this.#options;
    const timeouts = {
      requestTimeout: readTimeoutMs,
      headersTimeout: readTimeoutMs > 0 ? Math.min(readTimeoutMs, readHeaderTimeoutMs) : readHeaderTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
      connectionsCheckingInterval: checkEveryMs([readTimeoutMs, readHeaderTimeoutMs]),
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    const onRequest: RequestListener = (request, response) => this.#serve(request, response, false);
    const server =
      tls === undefined
        ? createServer({ ...timeouts, noDelay: true }, onRequest)
        : (await import('node:https')).createServer({ ...timeouts, ...tls.options, noDelay: true }, onRequest);
    server.maxHeadersCount = MAX_HEADERS;
    server.maxConnections = this.#options.maxConnections;
    server.timeout = idleTimeoutMs;
    this.#listenTo(server, tls === undefined ? 'connection' : 'secureConnection');
    return server;
  }

  #listenTo(server: Server, connectionEvent: 'connection' | 'secureConnection'): void {
    server.on('checkContinue', (request, response) => this.#serve(request, response, true));
    server.on(connectionEvent, (socket: Socket) => this.#connections.add(socket));
    server.on('drop', () => this.#options.onRefused('connections'));
    server.on('clientError', (error: NodeJS.ErrnoException, stream) => this.#refuseBroken(error, stream));
    server.on('timeout', (socket: Socket) => {
      if (!this.#connections.isWaiting(socket)) socket.destroy();
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { socket } = request;
    if (this.#leaving || !this.#options.keepAlives) response.shouldKeepAlive = false;
    this.#askedMs = this.#options.clock.monotonic();
    response.on('error', ignore);
    request.on('error', ignore);
    let waiting = false;
    const exchange: HttpExchange = {
      request,
      response,
      expectsContinue,
      abort: this.#connections.abortOf(socket),
      beginWaiting: () => {
        waiting = true;
        this.#connections.beginWaiting(socket, this.#options.clock.monotonic());
      },
      rest: (restMs) => this.#connections.rest(socket, restMs, this.#options.clock),
      resting: this.#connections.restOf(socket),
    };
    // A handler that rejects is a bug; its client is cut off, the others are not.
    const cut = (): void => void socket.destroy();
    void this.#handler(exchange)
      .catch(cut)
      .finally(() => {
        if (waiting) this.#connections.endWaiting(socket);
      });
  }

  /** What Node would answer too, counted. */
  #refuseBroken(error: NodeJS.ErrnoException, stream: Duplex): void {
    const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if (error.code !== 'ECONNRESET') this.#options.onRefused(timedOut ? 'timeout' : 'malformed');
    if (stream.writable && error.code !== 'ECONNRESET') {
      stream.write(`HTTP/1.1 ${statusLineOf(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
    stream.destroy();
  }
}

const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function statusLineOf(code: string | undefined): string {
  return STATUS_LINES[code ?? ''] ?? '400 Bad Request';
}

/** Often enough that a timeout is at most a quarter late, seldom enough to cost nothing. */
function checkEveryMs(timeoutsMs: readonly number[]): number {
  const shortestMs = Math.min(...timeoutsMs.filter((ms) => ms > 0), 20_000);
  return Math.max(50, Math.floor(shortestMs / 4));
}

function ignore(): void {
  // An error here means that the client is gone; its connection closes, and that is what counts.
}
