import type {
  Http2Server,
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
  ServerOptions,
} from 'node:http2';
import { listen, type ListenAddress } from '../listen.ts';
import type { LoadedTls } from '../tls-server.ts';
import { UnaryCall, type CallOptions } from './server-call.ts';
import { ServerSession, STREAM_WINDOW_BYTES, type SessionOptions } from './server-session.ts';

export interface UnaryServerOptions extends Omit<CallOptions, 'isStopping'>, SessionOptions {
  readonly address: ListenAddress;
  readonly socketMode?: number;
  readonly maxConnections: number;
  readonly maxConcurrentCalls: number;
  /** A connection that broke the protocol, or was over the limit of connections. */
  onRefused(why: 'malformed' | 'connections'): void;
}

const MAX_HEADER_LIST_BYTES = 16 * 1024;
const MAX_HEADER_PAIRS = 100;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * A gRPC server for unary methods over raw bytes, on node:http2: it does the framing itself because general servers copy
 * each message twice and keep the 64 KiB windows of HTTP/2, which makes them four times slower.
 */
export class UnaryServer {
  readonly #options: UnaryServerOptions;
  readonly #callOptions: CallOptions;
  readonly #sessions = new Map<Http2Session, ServerSession>();
  #server: Http2Server | undefined;
  #stopping = false;

  constructor(options: UnaryServerOptions) {
    this.#options = options;
    this.#callOptions = { ...options, isStopping: () => this.#stopping };
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get server(): Http2Server | undefined {
    return this.#server;
  }

  async start(tls?: LoadedTls): Promise<ListenAddress> {
    const server = await this.#create(tls);
    this.#server = server;
    return await listen(server, this.#options.address, this.#options);
  }

  /** Sends GOAWAY; calls under way are answered until `deadline` fires. Idempotent. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping = true;
    const server = this.#server;
    if (server === undefined) return;
    const cut = (): void => {
      for (const session of this.#sessions.values()) session.destroy();
    };
    deadline.addEventListener('abort', cut, { once: true });
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const session of this.#sessions.values()) session.retire();
      if (deadline.aborted) cut();
    });
    deadline.removeEventListener('abort', cut);
    this.#server = undefined;
  }

  async #create(tls: LoadedTls | undefined): Promise<Http2Server> {
    const http2 = await import('node:http2');
    const options: ServerOptions = {
      settings: {
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxConcurrentStreams: this.#options.maxConcurrentCalls,
        maxHeaderListSize: MAX_HEADER_LIST_BYTES,
        enablePush: false,
      },
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      maxSettings: 32,
    };
    const server =
      tls === undefined
        ? http2.createServer(options)
        : http2.createSecureServer({ ...options, ...tls.options, handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
    server.maxConnections = this.#options.maxConnections;
    server.on('drop', () => this.#options.onRefused('connections'));
    server.on('session', (session: ServerHttp2Session) => this.#open(session));
    server.on('sessionError', () => this.#options.onRefused('malformed'));
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#serve(stream, headers));
    return server;
  }

  #open(session: ServerHttp2Session): void {
    const opened = new ServerSession(session, this.#options);
    this.#sessions.set(session, opened);
    session.once('close', () => this.#sessions.delete(session));
    opened.begin();
    if (this.#stopping) opened.retire();
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const session = stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (session !== undefined) {
      session.callBegan();
      stream.once('close', () => session.callEnded());
    }
    new UnaryCall(stream, this.#callOptions).begin(headers);
  }
}
