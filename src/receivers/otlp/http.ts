import type { IncomingMessage } from 'node:http';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import { GRPC } from '../../net/grpc/codes.ts';
import { inflate } from '../../net/decompress.ts';
import type { BodyBuffer } from '../../net/body-buffer.ts';
import { answer, answerUnread, type HttpAnswer } from '../../net/http/server-answer.ts';
import { announcedBytes, openBody, readBody } from '../../net/http/server-body.ts';
import type { HttpExchange } from '../../net/http/server.ts';
import { jsonToRequest } from '../../otlp/json.ts';
import { encodeResponse, encodeStatus } from '../../otlp/response.ts';
import { answerToError, noRoom, refusal, stopping, tooLarge, type Answer, type Outcome } from './answer.ts';
import { bodyCodingOf, encodingOf, pathOf, type BodyCoding, type Encoding } from './http-headers.ts';
import type { Intake } from './intake.ts';

export interface OtlpHttpOptions {
  readonly paths: Readonly<Record<Signal, string>>;
  readonly maxBodyBytes: number;
  readonly codings: ReadonlySet<string>;
  /** Added to every answer: names and values in turn. */
  readonly responseHeaders: readonly string[];
  /** Headers that CORS adds, and the answer to a preflight request. */
  readonly cors?: (request: IncomingMessage) => CorsAnswer;
  /** Clients are to go elsewhere after this answer. */
  isLeaving(): boolean;
  isStopping(): boolean;
}

export interface CorsAnswer {
  readonly headers: readonly string[];
  readonly preflight: boolean;
}

/** What Node reads at once. */
const READ_BYTES = 64 * 1024;
const PLAIN = ['Content-Type', 'text/plain; charset=utf-8'];
const CONTENT_TYPE = { proto: 'application/x-protobuf', json: 'application/json' } as const;

/** OTLP/HTTP (OTLP specification, OTLP/HTTP): one POST, one ExportXServiceRequest, one answer in the same encoding. */
export class OtlpHttp {
  readonly #intake: Intake;
  readonly #options: OtlpHttpOptions;
  readonly #signals: ReadonlyMap<string, Signal>;

  constructor(intake: Intake, options: OtlpHttpOptions) {
    this.#intake = intake;
    this.#options = options;
    this.#signals = new Map(SIGNALS.map((signal) => [options.paths[signal], signal]));
  }

  /** Answers one request. Never rejects. */
  async serve(exchange: HttpExchange): Promise<void> {
    if (exchange.resting !== undefined) await this.#rested(exchange, exchange.resting);
    const reply = await this.#replyTo(exchange);
    if (reply === undefined || exchange.request.socket.destroyed) {
      this.#intake.count('cancelled');
      return;
    }
    if (reply.outcome !== undefined) this.#intake.count(reply.outcome);
    if (this.#options.isLeaving() || exchange.abort.aborted) exchange.response.shouldKeepAlive = false;
    if (reply.unread) answerUnread(exchange, reply, this.#intake.context.clock);
    else answer(exchange, reply);
    const restMs = reply.status === 503 ? (this.#intake.context.restMs?.() ?? 0) : 0;
    if (restMs > 0) exchange.rest(restMs);
  }

  /**
   * Who comes back sooner than told waits, unread, as long as there is room for what has come of the request already:
   * then those that were accepted get the time that refusing would take.
   */
  async #rested({ request }: HttpExchange, resting: Promise<unknown>): Promise<void> {
    const held = this.#intake.context.resting?.tryAdmit(READ_BYTES);
    if (held === undefined) return;
    request.socket.pause();
    await resting;
    request.socket.resume();
    held.release();
  }

  /** Undefined when the client went away before its request was complete. */
  async #replyTo(exchange: HttpExchange): Promise<Reply | undefined> {
    const { request } = exchange;
    const cors = this.#options.cors?.(request);
    const headers = [...this.#options.responseHeaders, ...(cors?.headers ?? [])];
    if (cors?.preflight === true) return { ...plain(204, '', headers), outcome: undefined };
    const signal = this.#signals.get(pathOf(request.url ?? ''));
    if (signal === undefined) return plain(404, '404 page not found', headers);
    // The status of the Collector, which has no such page then.
    const absent = this.#intake.absenceOf(signal);
    if (absent !== undefined) return plain(404, absent.message, headers);
    if (request.method !== 'POST') return plain(405, UNSUPPORTED_METHOD, [...headers, 'Allow', 'POST']);
    const encoding = encodingOf(request.headers['content-type']);
    if (encoding === undefined) return plain(415, UNSUPPORTED_TYPE, headers);
    return await this.#export(exchange, { signal, encoding, headers });
  }

  async #export(exchange: HttpExchange, call: Call): Promise<Reply | undefined> {
    const { admission, random } = this.#intake.context;
    if (this.#options.isStopping()) return unread(call, stopping(random));
    const coding = bodyCodingOf(exchange.request.headers['content-encoding'], this.#options.codings);
    if (coding === undefined) return unread(call, unsupportedCoding(exchange.request));
    const refused = this.#intake.refusalOf(call.signal, announcedBytes(exchange.request) ?? 0);
    if (refused !== undefined) return unread(call, refused);
    const limitBytes = this.#limitBytes;
    const opened = openBody(exchange.request, { admission, limitBytes });
    if (opened === 'too_large') return unread(call, tooLarge(limitBytes));
    if (opened === 'no_room') return unread(call, noRoom(random));
    if (exchange.expectsContinue) exchange.response.writeContinue();
    const read = await readBody(exchange.request, opened);
    if (read === 'closed') return undefined;
    if (read === 'too_large') return unread(call, tooLarge(limitBytes));
    if (read === 'no_room') return unread(call, noRoom(random));
    exchange.beginWaiting();
    return toReply(call, await this.#decide(exchange, call, coding, opened));
  }

  get #limitBytes(): number {
    return Math.min(this.#options.maxBodyBytes, this.#intake.context.admission.largestBytes);
  }

  async #decide(exchange: HttpExchange, call: Call, coding: BodyCoding, body: BodyBuffer): Promise<Answer> {
    try {
      const bytes = await this.#decode(call, coding, body);
      body.admitted.handOver();
      return await this.#intake.export(call.signal, { bytes, headers: exchange.request.headers }, exchange.abort);
    } catch (error) {
      return answerToError(error, this.#intake.context.random);
    } finally {
      body.release();
    }
  }

  /** The ExportXServiceRequest as protobuf. */
  async #decode(call: Call, coding: BodyCoding, body: BodyBuffer): Promise<Uint8Array> {
    const { admitted } = body;
    // Both are in memory for a moment, and what could never be admitted is not to be tried again.
    const roomBytes = this.#intake.context.admission.largestBytes - body.length;
    const limits = { limitBytes: Math.min(this.#options.maxBodyBytes, roomBytes), admitted };
    const plain = coding === 'identity' ? body.bytes() : await inflate(coding, body.bytes(), limits);
    return call.encoding === 'proto' || plain.length === 0 ? plain : jsonToRequest(call.signal, plain);
  }
}

interface Call {
  readonly signal: Signal;
  readonly encoding: Encoding;
  readonly headers: readonly string[];
}

interface Reply extends HttpAnswer {
  readonly outcome: Outcome | undefined;
  /** The body of the request was not read to its end. */
  readonly unread: boolean;
}

const UNSUPPORTED_METHOD = '405 method not allowed, supported: [POST]';
const UNSUPPORTED_TYPE = '415 unsupported media type, supported: [application/json, application/x-protobuf]';

function unsupportedCoding(request: IncomingMessage): Answer {
  const name = String(request.headers['content-encoding']).slice(0, 100);
  return refusal('unsupported', GRPC.INVALID_ARGUMENT, 400, `unsupported Content-Encoding: ${name}`);
}

function plain(status: number, text: string, headers: readonly string[]): Reply {
  return { status, headers: [...headers, ...PLAIN], body: text, outcome: 'unsupported', unread: true };
}

function unread(call: Call, decided: Answer): Reply {
  return { ...toReply(call, decided), unread: true };
}

function toReply({ signal, encoding, headers }: Call, decided: Answer): Reply {
  const { outcome, httpStatus, code, message, rejectedItems, retryAfterMs } = decided;
  const all = [...headers, 'Content-Type', CONTENT_TYPE[encoding]];
  if (retryAfterMs !== undefined) all.push('Retry-After', String(retryAfterSeconds(retryAfterMs)));
  const body =
    httpStatus === 200
      ? encodeResponse(signal, rejectedItems, message, encoding)
      : encodeStatus(code, message, retryAfterMs, encoding);
  return { status: httpStatus, headers: all, body, outcome, unread: false };
}

/** Whole seconds, and at least one: some clients take 0 for "at once". */
function retryAfterSeconds(afterMs: number): number {
  return Math.max(1, Math.ceil(afterMs / 1000));
}
