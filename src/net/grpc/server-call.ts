import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Admission, Admitted } from '../../core/component.ts';
import { asError, RemoraError } from '../../core/errors.ts';
import { BodyBuffer } from '../body-buffer.ts';
import { inflate, type Coding } from '../decompress.ts';
import { GRPC, type GrpcCode } from './codes.ts';
import { frameMessage, MessagePrefix, PREFIX_BYTES } from './message.ts';
import { parseTimeout, statusTrailers, type GrpcStatus } from './status.ts';

/** Why a call failed before its method was asked. */
export type CallFault = 'unsupported' | 'malformed' | 'too_large' | 'no_room' | 'stopping' | 'timeout';

export interface UnaryAnswer {
  readonly status: GrpcStatus;
  /** The response message; only with code OK. */
  readonly message?: Uint8Array;
}

/** One unary method. `abort` fires when the client is gone or its deadline passed. Never rejects. */
export type UnaryMethod = (
  message: Uint8Array,
  headers: IncomingHttpHeaders,
  abort: AbortSignal,
) => Promise<UnaryAnswer>;

export interface CallOptions {
  readonly clock: Clock;
  readonly admission: Admission;
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  /** Of a message, compressed or not. */
  readonly limitBytes: number;
  /** From the headers of a call to the end of the client's half; 0 is no limit. */
  readonly receiveTimeoutMs: number;
  /** Counts the fault, and may add details such as when to retry. */
  onFault(fault: CallFault, status: GrpcStatus): GrpcStatus;
  /** Asked before any of the message is read: what a call of this method is refused with, if it is. Counts it. */
  tryRefuse?(path: string): GrpcStatus | undefined;
  /** The client went away, or its deadline passed, before there was an answer. */
  onCancelled(): void;
  isStopping(): boolean;
}

const CONTENT_TYPE = /^application\/grpc(\+proto)?(;.*)?$/i;
const ACCEPT_ENCODING = 'identity,deflate,gzip,zstd';
const HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': ACCEPT_ENCODING,
} as const;
const RESPOND = { waitForTrailers: true, sendDate: false } as const;
const RESPOND_ONLY = { endStream: true, sendDate: false } as const;
/** What a client that was answered may go on sending for, unread. */
const LINGER_MS = 500;
const EMPTY_MESSAGE = frameMessage(new Uint8Array(0));

const CODINGS: Readonly<Record<string, Coding | 'identity'>> = {
  identity: 'identity',
  gzip: 'gzip',
  deflate: 'deflate',
  zstd: 'zstd',
};

/**
 * One call, from its headers to its trailers.
 * Invariants: `#settled` turns true exactly once, and only then is anything sent; `#admitted` and `#body` are released
 * when the call has settled and its method has returned.
 */
export class UnaryCall {
  readonly #stream: ServerHttp2Stream;
  readonly #options: CallOptions;
  readonly #prefix = new MessagePrefix();
  readonly #abort = new AbortController();
  #method: UnaryMethod | undefined;
  #headers: IncomingHttpHeaders | undefined;
  #coding: Coding | 'identity' = 'identity';
  #admitted: Admitted | undefined;
  #body: BodyBuffer | undefined;
  #deadline: Timer | undefined;
  #receiving: Timer | undefined;
  #lingering: Timer | undefined;
  #settled = false;
  #deciding = false;

  constructor(stream: ServerHttp2Stream, options: CallOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  begin(headers: IncomingHttpHeaders): void {
    const stream = this.#stream;
    this.#headers = headers;
    // What goes wrong on a stream ends in its close, which is what counts.
    stream.on('error', ignore);
    stream.on('close', () => this.#closed());
    if (!this.#accept(headers)) return;
    this.#receiving = this.#startReceiving();
    stream.on('data', (chunk: Buffer) => this.#data(chunk));
    stream.on('end', () => this.#end());
  }

  #accept(headers: IncomingHttpHeaders): boolean {
    if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) return this.#refuseHttp(415);
    if (headers[':method'] !== 'POST') return this.#refuseHttp(405);
    if (this.#options.isStopping()) {
      return this.#fault('stopping', GRPC.UNAVAILABLE, 'This instance is stopping.');
    }
    const path = headers[':path'] ?? '';
    this.#method = this.#options.methods.get(path);
    if (this.#method === undefined) {
      return this.#fault('unsupported', GRPC.UNIMPLEMENTED, `unknown method ${path.slice(0, 200)}`);
    }
    if (!this.#acceptCoding(headers['grpc-encoding']) || !this.#acceptTimeout(headers['grpc-timeout'])) return false;
    const refused = this.#options.tryRefuse?.(path);
    if (refused !== undefined) {
      this.#finish(refused);
      return false;
    }
    // A call costs memory before its message does, and whoever opens many has only its share.
    this.#admitted = this.#options.admission.tryAdmit(0, this.#stream.session);
    return this.#admitted !== undefined || this.#noRoom();
  }

  #noRoom(): false {
    return this.#fault('no_room', GRPC.UNAVAILABLE, 'Too many bytes are being received at once.');
  }

  #acceptCoding(header: string | string[] | undefined): boolean {
    const name = String(header ?? 'identity');
    const coding = Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
    if (coding === undefined) {
      const message = `grpc-encoding ${name.slice(0, 50)} is not supported; ${ACCEPT_ENCODING} are`;
      return this.#fault('unsupported', GRPC.UNIMPLEMENTED, message);
    }
    this.#coding = coding;
    return true;
  }

  #acceptTimeout(header: string | string[] | undefined): boolean {
    if (header === undefined) return true;
    const timeoutMs = parseTimeout(String(header));
    if (timeoutMs === undefined) return this.#fault('malformed', GRPC.INTERNAL, 'malformed grpc-timeout');
    this.#deadline = this.#options.clock.timer(timeoutMs, () => {
      this.#fault('timeout', GRPC.DEADLINE_EXCEEDED, 'deadline exceeded');
      this.#abort.abort();
    });
    return true;
  }

  #data(chunk: Buffer): void {
    if (this.#settled) return;
    let rest: Uint8Array = chunk;
    if (!this.#prefix.complete) {
      rest = chunk.subarray(this.#prefix.take(chunk));
      if (this.#prefix.length < PREFIX_BYTES || !this.#openBody()) return;
    }
    const body = this.#body;
    if (body === undefined || rest.length === 0) return;
    const messageBytes = this.#prefix.messageBytes;
    if (body.length + rest.length > messageBytes) {
      this.#fault('malformed', GRPC.UNIMPLEMENTED, 'a unary call takes one message');
      return;
    }
    if (body.push(rest) !== 'ok') this.#noRoom();
  }

  #openBody(): boolean {
    const { flag, messageBytes } = this.#prefix;
    const { limitBytes } = this.#options;
    if (flag > 1) return this.#fault('malformed', GRPC.INTERNAL, `malformed message: flags ${flag}`);
    if (flag === 1 && this.#coding === 'identity') {
      return this.#fault('malformed', GRPC.INTERNAL, 'a compressed message without grpc-encoding');
    }
    if (messageBytes > limitBytes) {
      const message = `a message of ${messageBytes} bytes is larger than the limit of ${limitBytes}`;
      return this.#fault('too_large', GRPC.RESOURCE_EXHAUSTED, message);
    }
    this.#body = this.#admitted && BodyBuffer.tryOpen(this.#admitted, messageBytes, messageBytes);
    return this.#body !== undefined || this.#noRoom();
  }

  #startReceiving(): Timer | undefined {
    if (this.#options.receiveTimeoutMs === 0) return undefined;
    return this.#options.clock.timer(this.#options.receiveTimeoutMs, () => {
      this.#fault('timeout', GRPC.DEADLINE_EXCEEDED, 'the message did not arrive in time');
    });
  }

  #end(): void {
    const body = this.#body;
    this.#receiving?.cancel();
    if (this.#settled) return;
    if (body === undefined) {
      if (this.#prefix.length === 0) this.#fault('malformed', GRPC.UNIMPLEMENTED, 'a unary call needs a message');
      else this.#fault('malformed', GRPC.INTERNAL, 'the message is truncated');
    } else if (body.length < this.#prefix.messageBytes) {
      this.#fault('malformed', GRPC.INTERNAL, 'the message is truncated');
    } else {
      void this.#decide(body);
    }
  }

  async #decide(body: BodyBuffer): Promise<void> {
    this.#deciding = true;
    try {
      const message = await this.#decompress(body);
      if (message !== undefined && this.#method !== undefined && !this.#settled) {
        body.admitted.handOver();
        this.#answer(await this.#method(message, this.#headers ?? {}, this.#abort.signal));
      }
    } catch (error) {
      this.#fault('malformed', GRPC.INTERNAL, asError(error).message);
    } finally {
      this.#deciding = false;
      this.#release();
    }
  }

  /** Undefined when the call has failed over it. */
  async #decompress(body: BodyBuffer): Promise<Uint8Array | undefined> {
    if (this.#prefix.flag === 0 || this.#coding === 'identity') return body.bytes();
    const { admission } = this.#options;
    // Both are in memory for a moment, and what could never be admitted is not to be tried again.
    const limitBytes = Math.min(this.#options.limitBytes, admission.largestBytes - body.length);
    try {
      return await inflate(this.#coding, body.bytes(), { limitBytes, admitted: body.admitted });
    } catch (error) {
      const code = error instanceof RemoraError ? error.code : undefined;
      const { message } = asError(error);
      if (code === 'payload_too_large') this.#fault('too_large', GRPC.RESOURCE_EXHAUSTED, message);
      else if (code === 'admission_full') this.#fault('no_room', GRPC.UNAVAILABLE, message);
      else this.#fault('malformed', GRPC.INTERNAL, message);
      return undefined;
    }
  }

  #answer({ status, message }: UnaryAnswer): void {
    if (message === undefined) {
      this.#finish(status);
      return;
    }
    if (!this.#settle()) return;
    const stream = this.#stream;
    stream.respond(HEADERS, RESPOND);
    stream.once('wantTrailers', () => stream.sendTrailers(statusTrailers(status)));
    stream.end(message.length === 0 ? EMPTY_MESSAGE : frameMessage(message));
  }

  /** False, so that checks can end in it. */
  #fault(fault: CallFault, code: GrpcCode, message: string): false {
    if (!this.#settled) this.#finish(this.#options.onFault(fault, { code, message }));
    return false;
  }

  /** A response of trailers alone. A client that still sends is told to stop (RFC 9113, 8.1). */
  #finish(status: GrpcStatus): void {
    if (!this.#settle()) return;
    this.#stream.respond({ ...HEADERS, ...statusTrailers(status) }, RESPOND_ONLY);
    this.#stopSending();
  }

  #refuseHttp(status: 405 | 415): false {
    this.#options.onFault('unsupported', { code: GRPC.UNIMPLEMENTED, message: '' });
    if (!this.#settle()) return false;
    this.#stream.respond({ ':status': status }, RESPOND_ONLY);
    this.#stopSending();
    return false;
  }

  /**
   * Clients stop by themselves when they see the trailers. Those that do not are cut off a little later: a reset at once
   * would overtake trailers that are still queued.
   */
  #stopSending(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    stream.resume();
    this.#lingering = this.#options.clock.timer(LINGER_MS, () => stream.close(constants.NGHTTP2_NO_ERROR));
  }

  #closed(): void {
    if (!this.#settled) {
      this.#settled = true;
      this.#options.onCancelled();
    }
    this.#lingering?.cancel();
    // After the answer nobody listens, and an abort costs an exception with its stack.
    if (this.#deciding) this.#abort.abort();
    this.#release();
  }

  /** True once: the caller may send. */
  #settle(): boolean {
    if (this.#settled || this.#stream.destroyed || this.#stream.closed) return false;
    this.#settled = true;
    this.#release();
    return true;
  }

  #release(): void {
    this.#deadline?.cancel();
    this.#receiving?.cancel();
    if (this.#deciding) return;
    this.#body?.release();
    this.#admitted?.release();
  }
}

function ignore(): void {
  // See begin().
}
