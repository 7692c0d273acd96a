import type { Dispatcher, buildConnector } from 'undici';
import type * as Undici from './undici.ts';
import { RemoraError } from '../../core/errors.ts';
import type { HttpReply } from '../../core/outside.ts';
import { MAX_RESPONSE_BYTES } from '../outcome.ts';
import type { TlsClient, TlsOptions } from '../tls-client.ts';

export interface HttpClientOptions {
  /** Scheme, host and port; credentials and path are not part of it. */
  readonly origin: string;
  readonly tls: TlsClient;
  /** 0 is no limit. */
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  readonly keepAlive: boolean;
  readonly http2: boolean;
  readonly proxyUrl: string | undefined;
}

/** One run of bytes, or chunks that are sent end to end. */
export type HttpBody = Uint8Array | readonly Uint8Array[];

/**
 * POSTs to one origin over pooled connections (undici's dispatch: no streams, no fetch). Redirects are not followed, no
 * timer of its own runs: the caller's AbortSignal bounds each request.
 */
export interface HttpClient {
  /**
   * Settles with the whole response, at most MAX_RESPONSE_BYTES of it. Rejects when there was none: the connection was
   * refused or dropped, `abort` fired, or with `upstream_response_too_large`; the connection is then destroyed.
   * `headers` is name, value, name, value, without content-length.
   */
  post(path: string, headers: readonly string[], body: HttpBody, abort: AbortSignal): Promise<HttpReply>;
  /** Drops all connections; requests under way reject. Idempotent. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Up to this many chunks are written one by one, which is twice as fast as joining them (a fresh buffer costs its page
 * faults); beyond it the writes cost more than the copy.
 */
const MAX_SINGLE_WRITES = 8;

export async function openHttpClient(options: HttpClientOptions): Promise<HttpClient> {
  const undici = await import('./undici.ts');
  const open = (): Dispatcher => makeDispatcher(undici, options);
  if (options.http2) return new RenewingClient(options.origin, open);
  const dispatcher = open();
  let closing: Promise<void> | undefined;
  return {
    post: (path, headers, body, abort) => post(dispatcher, { origin: options.origin, path, headers, body }, abort),
    close: () => (closing ??= dispatcher.destroy()),
  };
}

/** So many HTTP/2 requests in a row without an answer, and their connection counts as dead. */
const MAX_UNANSWERED = 2;

interface Connections {
  readonly dispatcher: Dispatcher;
  inFlight: number;
}

/**
 * An aborted request takes its HTTP/1 connection with it, but leaves that of HTTP/2 in use, although its other end may be
 * gone: then new connections take over.
 * Invariant: connections that were replaced are dropped with the end of their last request.
 */
class RenewingClient implements HttpClient {
  readonly #origin: string;
  readonly #open: () => Dispatcher;
  #current: Connections;
  #unanswered = 0;
  #closing: Promise<void> | undefined;

  constructor(origin: string, open: () => Dispatcher) {
    this.#origin = origin;
    this.#open = open;
    this.#current = { dispatcher: open(), inFlight: 0 };
  }

  async post(path: string, headers: readonly string[], body: HttpBody, abort: AbortSignal): Promise<HttpReply> {
    if (this.#unanswered >= MAX_UNANSWERED && this.#closing === undefined) this.#renew();
    const used = this.#current;
    used.inFlight += 1;
    try {
      const reply = await post(used.dispatcher, { origin: this.#origin, path, headers, body }, abort);
      if (used === this.#current) this.#unanswered = 0;
      return reply;
    } catch (error) {
      if (used === this.#current) this.#unanswered = abort.aborted ? this.#unanswered + 1 : 0;
      throw error;
    } finally {
      used.inFlight -= 1;
      if (used !== this.#current) drop(used);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#current.dispatcher.destroy();
    return this.#closing;
  }

  #renew(): void {
    const replaced = this.#current;
    this.#current = { dispatcher: this.#open(), inFlight: 0 };
    this.#unanswered = 0;
    drop(replaced);
  }
}

function drop({ dispatcher, inFlight }: Connections): void {
  if (inFlight === 0) dispatcher.destroy().catch(() => undefined);
}

function makeDispatcher(undici: typeof Undici, options: HttpClientOptions): Dispatcher {
  const pool = {
    connections: options.maxConnections === 0 ? null : options.maxConnections,
    pipelining: options.keepAlive ? 1 : 0,
    // The caller's abort is the only deadline.
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(options.idleTimeoutMs === 0 ? {} : { keepAliveTimeout: options.idleTimeoutMs }),
    allowH2: options.http2,
  };
  if (options.proxyUrl === undefined) {
    const connect = renewingConnector(undici.buildConnector, options);
    return new undici.Pool(options.origin, { ...pool, connect });
  }
  const requestTls = connectOptions(options.tls.current(), options.http2);
  return new undici.ProxyAgent({ ...pool, uri: options.proxyUrl, requestTls });
}

/** Connects with the TLS options of the moment, so that renewed certificates are used by new connections. */
function renewingConnector(build: typeof buildConnector, options: HttpClientOptions): buildConnector.connector {
  const make = (tls: TlsOptions): buildConnector.connector => build(connectOptions(tls, options.http2));
  let current = options.tls.current();
  let connector = make(current);
  return (target, done) => {
    const latest = options.tls.current();
    if (latest !== current) {
      current = latest;
      connector = make(latest);
    }
    connector(target, done);
  };
}

function connectOptions(tls: TlsOptions, http2: boolean): buildConnector.BuildOptions {
  return { ...tls, timeout: CONNECT_TIMEOUT_MS, allowH2: http2 };
}

interface Post {
  readonly origin: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: HttpBody;
}

function post(dispatcher: Dispatcher, request: Post, abort: AbortSignal): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(resolve, reject, abort);
    try {
      dispatcher.dispatch(dispatchOptions(request), exchange);
    } catch (error) {
      exchange.fail(error);
    }
  });
}

function dispatchOptions({ origin, path, headers, body }: Post): Dispatcher.DispatchOptions {
  const options: Dispatcher.DispatchOptions = { origin, path, method: 'POST' };
  if (body instanceof Uint8Array) return { ...options, headers: [...headers], body };
  const bytes = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const [only] = body;
  if (only !== undefined && body.length === 1) return { ...options, headers: [...headers], body: only };
  if (bytes === 0 || body.length > MAX_SINGLE_WRITES)
    return { ...options, headers: [...headers], body: Buffer.concat(body, bytes) };
  // undici takes any iterable of chunks; its types leave that out.
  return Object.assign(options, { headers: [...headers, 'content-length', String(bytes)], body });
}

/** One request and its response. Settles once; afterwards it listens to nothing. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (reply: HttpReply) => void;
  readonly #reject: (error: unknown) => void;
  readonly #abort: AbortSignal;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #contentType = '';
  #retryAfter: string | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(resolve: (reply: HttpReply) => void, reject: (error: unknown) => void, abort: AbortSignal) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#abort = abort;
    abort.addEventListener('abort', this);
  }

  /** The AbortSignal's event. */
  handleEvent(): void {
    const reason = new Error('the attempt was aborted');
    this.#controller?.abort(reason);
    this.fail(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abort.aborted) controller.abort(new Error('the attempt was aborted'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = statusCode;
    this.#contentType = headerText(headers['content-type']) ?? '';
    this.#retryAfter = headerText(headers['retry-after']);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_RESPONSE_BYTES) {
      const error = new RemoraError('upstream_response_too_large', 'The response is larger than 4 MiB.');
      this.#chunks = [];
      controller.abort(error);
      this.fail(error);
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#abort.removeEventListener('abort', this);
    const [only] = this.#chunks;
    const body = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.#bytes);
    this.#resolve({ status: this.#status, contentType: this.#contentType, retryAfter: this.#retryAfter, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    this.#abort.removeEventListener('abort', this);
    this.#reject(error);
  }
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
