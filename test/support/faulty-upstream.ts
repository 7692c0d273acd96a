import { once } from 'node:events';
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createSecureServer, createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { numbersOf } from './line-upstream.ts';
import { freePort } from './ports.ts';

/** What a faulty upstream does with a connection, instead of serving it. */
export type SocketFault = (socket: Socket) => void;
/** How it answers a request that arrived whole; true when it took the data. */
export type HttpFault = (response: ServerResponse, request: IncomingMessage) => boolean;
/** The same over HTTP/2. */
export type Http2Fault = (stream: ServerHttp2Stream) => boolean;
/** The same for a gRPC call. */
export type GrpcFault = (call: GrpcCall) => boolean;

export interface GrpcCall {
  readonly stream: ServerHttp2Stream;
  /** Ends the call with this status; `details` is a google.rpc.Status, `body` the response message. */
  end(code: number, rest?: { message?: string; details?: Uint8Array; body?: Uint8Array }): void;
}

/** PEM texts. */
export interface ServerIdentity {
  readonly cert: string;
  readonly key: string;
}

/**
 * - absent: nothing listens.
 * - tls: it shows another certificate.
 * - stays: connections that were opened while it was faulty stay faulty.
 */
export type UpstreamFault =
  | { readonly absent: true }
  | { readonly tls: ServerIdentity }
  | { readonly socket: SocketFault }
  | { readonly http: HttpFault; readonly stays?: true }
  | { readonly http2: Http2Fault; readonly stays?: true }
  | { readonly grpc: GrpcFault; readonly stays?: true };

export interface FaultyOptions {
  /** `http2` is OTLP/HTTP over HTTP/2. */
  readonly protocol: 'http' | 'http2' | 'grpc';
  /** What it does until it is well. */
  readonly fault: UpstreamFault;
  readonly tls?: ServerIdentity;
}

export interface FaultyUpstream {
  readonly port: number;
  /** How often each numbered line came in requests that were taken. */
  readonly counts: ReadonlyMap<number, number>;
  /** When requests arrived, or connections that the fault did not serve; `performance.now()`. */
  readonly attemptsMs: readonly number[];
  /** Connections that the client has not closed; only right while what arrives is read. */
  readonly openSockets: number;
  /** From now on it serves what comes, on connections old and new that it can still serve. */
  heal(): Promise<void>;
  close(): void;
}

/**
 * An OTLP upstream on a loopback port that has one fault until it is healed. One listening socket stays in front all the
 * time, so that the port is the same; the servers of each protocol behind it only get the connections.
 */
export async function faultyUpstream(options: FaultyOptions): Promise<FaultyUpstream> {
  const upstream = new Upstream(options);
  await upstream.open();
  return upstream;
}

class Upstream implements FaultyUpstream {
  readonly counts = new Map<number, number>();
  readonly attemptsMs: number[] = [];
  readonly #options: FaultyOptions;
  readonly #front: Server;
  readonly #well: HttpServer | Server;
  readonly #faulty: HttpServer | Server;
  readonly #sockets = new Set<Socket>();
  readonly #openSockets = new Set<Socket>();
  /** Connections and sessions that stay faulty. */
  readonly #stuck = new WeakSet<object>();
  #isWell = false;
  #port = 0;

  constructor(options: FaultyOptions) {
    this.#options = options;
    this.#front = createServer({ allowHalfOpen: 'socket' in options.fault }, (socket) => this.#accept(socket));
    this.#well = this.#serve(options.tls);
    this.#faulty = 'tls' in options.fault ? this.#serve(options.fault.tls) : this.#well;
  }

  get port(): number {
    return this.#port;
  }

  get openSockets(): number {
    return this.#openSockets.size;
  }

  async open(): Promise<void> {
    if ('absent' in this.#options.fault) this.#port = await freePort();
    else await this.#listen();
  }

  async heal(): Promise<void> {
    this.#isWell = true;
    if ('absent' in this.#options.fault) await this.#listen();
  }

  close(): void {
    this.#front.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(): Promise<void> {
    this.#front.listen(this.#port, '127.0.0.1');
    await once(this.#front, 'listening');
    this.#port = (this.#front.address() as AddressInfo).port;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    this.#openSockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('end', () => this.#openSockets.delete(socket));
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#openSockets.delete(socket);
    });
    const { fault } = this.#options;
    if (this.#isWell) this.#well.emit('connection', socket);
    else if ('socket' in fault) {
      this.attemptsMs.push(performance.now());
      fault.socket(socket);
    } else {
      if ('tls' in fault) this.attemptsMs.push(performance.now());
      this.#faulty.emit('connection', socket);
    }
  }

  #serve(tls: ServerIdentity | undefined): HttpServer | Server {
    if (this.#options.protocol === 'http') {
      const handle = (request: IncomingMessage, response: ServerResponse): void => this.#onRequest(request, response);
      return tls === undefined ? createHttp(handle) : createHttps(tls, handle).on('tlsClientError', () => undefined);
    }
    const server = tls === undefined ? createHttp2() : createSecureServer(tls);
    const isGrpc = this.#options.protocol === 'grpc';
    server.on('stream', (stream: ServerHttp2Stream, headers) =>
      isGrpc ? this.#onStream(stream) : this.#onHttp2(stream, headers['content-encoding'] === 'gzip'),
    );
    server.on('sessionError', () => undefined);
    server.on('session', (session) => session.on('error', () => undefined));
    server.on('tlsClientError', () => undefined);
    return server;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    whole(request, (body) => {
      this.attemptsMs.push(performance.now());
      const { fault } = this.#options;
      if ('http' in fault && this.#isFaulty(request.socket, fault)) {
        if (!fault.http(response, request)) return;
      } else response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      this.#take(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
    });
  }

  #onHttp2(stream: ServerHttp2Stream, isGzip: boolean): void {
    stream.on('error', () => undefined);
    whole(stream, (body) => {
      this.attemptsMs.push(performance.now());
      const { fault } = this.#options;
      if ('http2' in fault && this.#isFaulty(stream.session ?? stream, fault)) {
        if (!fault.http2(stream)) return;
      } else {
        stream.respond({ ':status': 200 });
        stream.end();
      }
      this.#take(isGzip ? gunzipSync(body) : body);
    });
  }

  #onStream(stream: ServerHttp2Stream): void {
    stream.on('error', () => undefined);
    whole(stream, (frame) => {
      this.attemptsMs.push(performance.now());
      const { fault } = this.#options;
      const call = { stream, end: (code: number, rest = {}) => endCall(stream, code, rest) };
      if ('grpc' in fault && this.#isFaulty(stream.session ?? stream, fault)) {
        if (!fault.grpc(call)) return;
      } else call.end(0);
      this.#take(frame[0] === 1 ? gunzipSync(frame.subarray(5)) : frame.subarray(5));
    });
  }

  #isFaulty(connection: object, { stays = false }: { readonly stays?: boolean }): boolean {
    if (!this.#isWell && stays) this.#stuck.add(connection);
    return !this.#isWell || this.#stuck.has(connection);
  }

  #take(body: Uint8Array): void {
    for (const number of numbersOf(body)) this.counts.set(number, (this.counts.get(number) ?? 0) + 1);
  }
}

function whole(stream: IncomingMessage | ServerHttp2Stream, then: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('end', () => then(Buffer.concat(parts)));
  stream.on('error', () => undefined);
}

/** A unary answer: a message when the call is OK, the status in the trailers. */
function endCall(
  stream: ServerHttp2Stream,
  code: number,
  { message = '', details, body = new Uint8Array(0) }: { message?: string; details?: Uint8Array; body?: Uint8Array },
): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = {
    'grpc-status': String(code),
    'grpc-message': encodeURIComponent(message),
    ...(details === undefined ? {} : { 'grpc-status-details-bin': Buffer.from(details).toString('base64') }),
  };
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end(code === 0 ? framed(body) : undefined);
}

/** A gRPC message: a flag, its length in four bytes, and the bytes. */
export function framed(body: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}
