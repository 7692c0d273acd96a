import { errorMessage, RemoraError } from '../core/errors.ts';
import type { GrpcReply, HttpReply } from '../core/outside.ts';
import type { Signal } from '../core/signal.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../core/verdict.ts';
import { decodeResponse, decodeStatus } from '../otlp/response.ts';
import { GRPC } from './grpc/codes.ts';

/** What an upstream's answer means for the batch (OTLP specification, OTLP/gRPC and OTLP/HTTP response). */

export type Encoding = 'proto' | 'json';

/** Largest response that is read; more is non-retryable by the specification. */
export const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** Text of the upstream that goes on into logs and to senders. */
const MAX_MESSAGE_CHARS = 512;
/** An upstream may ask for a pause, not for silence. */
const MAX_AFTER_MS = 3_600_000;
/** A google.rpc.Status with RetryInfo is a few dozen bytes; headers are not meant for more than this. */
const MAX_DETAILS_BYTES = 16 * 1024;

/**
 * - unreadable: an answer that counts as accepted although it could not be read: the caller may want to warn.
 * - said: what an upstream that did not take it answered; absent when it did not answer.
 */
export type Outcome = Verdict & { readonly unreadable?: boolean; readonly said?: Said };

/** `code` is an HTTP status or a gRPC code. */
export interface Said {
  readonly code: number;
  readonly message: string;
}

const HTTP_RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What grpc-js says under UNAVAILABLE when nobody answered. */
const UNREACHED = /No connection established|Name resolution failed/;
/** The same when a connection broke under the call. */
const BROKEN = /^(?:Connection dropped|Write error)/;

/** What grpc-js says under RESOURCE_EXHAUSTED when it has stopped reading a response. */
const OVERSIZE = /^Received message (?:larger than max|that decompresses to a size larger)/;

const GRPC_RETRYABLE: ReadonlySet<number> = new Set([
  GRPC.CANCELLED,
  GRPC.DEADLINE_EXCEEDED,
  GRPC.ABORTED,
  GRPC.OUT_OF_RANGE,
  GRPC.UNAVAILABLE,
  GRPC.DATA_LOSS,
]);

export function httpOutcome(signal: Signal, reply: HttpReply, encoding: Encoding, nowMs: number): Outcome {
  const { status } = reply;
  if (status >= 200 && status < 300) return readPartialSuccess(signal, reply.body, encodingOf(reply, encoding));
  const { message, retryAfterMs: detailMs } = readStatus(reply, encoding);
  const text = `The upstream answered ${status}${message === '' ? '' : `: ${message}`}.`;
  const said = { code: status, message };
  if (!HTTP_RETRYABLE.has(status)) return { ...rejected(new RemoraError('upstream_rejected', text)), said };
  const afterMs = retryAfterMs(reply.retryAfter, nowMs) ?? boundedAfter(detailMs);
  return { ...retry(new RemoraError('upstream_unavailable', text), afterMs), said };
}

export function grpcOutcome(signal: Signal, reply: GrpcReply): Outcome {
  if (reply.code === GRPC.OK) return readPartialSuccess(signal, reply.body ?? new Uint8Array(0), 'proto');
  if (reply.code === GRPC.RESOURCE_EXHAUSTED && OVERSIZE.test(reply.message)) return responseTooLarge();
  const afterMs = boundedAfter(readDetails(reply.details)?.retryAfterMs);
  const name = codeName(reply.code);
  const message = printable(reply.message);
  const nobody = unreached(message);
  const text = nobody ?? `The upstream answered ${name}${message === '' ? '' : `: ${message}`}.`;
  const said = nobody === undefined ? { said: { code: reply.code, message } } : {};
  const again = GRPC_RETRYABLE.has(reply.code) || (reply.code === GRPC.RESOURCE_EXHAUSTED && afterMs !== undefined);
  if (!again) return { ...rejected(new RemoraError('upstream_rejected', text)), ...said };
  const verdict = { ...retry(new RemoraError('upstream_unavailable', text), afterMs), ...said };
  return UNREACHED.test(message) ? { ...verdict, unsent: true } : verdict;
}

/** Undefined when the message is the upstream's. */
function unreached(message: string): string | undefined {
  if (UNREACHED.test(message)) return `The upstream cannot be reached: ${plainCause(withoutParts(message))}.`;
  return BROKEN.test(message) ? `The upstream did not answer: ${message}.` : undefined;
}

/** The cause alone, without the names of grpc-js's parts and the time, which would make a new sentence of each repeat. */
function withoutParts(message: string): string {
  const plain = message
    .replace(/^\w+: (?=No connection)/, '')
    .replaceAll(/No connection established\.? ?|Last error: |Resolution note:\s*$| \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, '')
    .replace(/[\s.]+$/, '');
  return plain === '' ? message : plain;
}

/** What went wrong on the way, in words that are the same each time and that an operator can act on. */
function plainCause(text: string): string {
  return text
    .replace(/^Error(?: \[\w+\])?: /, '')
    .replace(/^[0-9A-F]{8,}:error:[0-9A-F]+:SSL routines:[^:]*:([^:]+):.*$/, 'TLS failed: $1')
    .replace(/; if the root CA is installed locally.*$/, '; if it is right, name its authority in tls.ca_file')
    .replace(/[\s.:]+$/, '');
}

/** No answer: connection refused or dropped, name not found, attempt aborted. */
export function noAnswer(error: unknown): Verdict {
  const message = plainCause(printable(describe(error)));
  const reason = new RemoraError('upstream_unavailable', `The upstream did not answer: ${message}.`, { cause: error });
  return isUnconnected(error) ? { ...retry(reason), unsent: true } : retry(reason);
}

/** What Node and undici say before there is a connection, and never after. */
const UNCONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

function isUnconnected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isUnconnected);
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && UNCONNECTED.has(error.code);
}

export function responseTooLarge(): Verdict {
  const text = `The upstream's response is larger than ${MAX_RESPONSE_BYTES} bytes.`;
  return rejected(new RemoraError('upstream_response_too_large', text));
}

/** Node's errors for several failed addresses carry no message of their own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(errorMessage).join(', ');
  return errorMessage(error);
}

function readPartialSuccess(signal: Signal, body: Uint8Array, encoding: Encoding): Outcome {
  if (body.length === 0) return ACCEPTED;
  try {
    const { rejectedItems, message } = decodeResponse(signal, body, encoding);
    if (rejectedItems <= 0 && message === '') return ACCEPTED;
    return acceptedPartly(Math.max(0, rejectedItems), printable(message));
  } catch {
    // A 2xx answer is what counts: sending again what was taken would duplicate it.
    return { ...ACCEPTED, unreadable: true };
  }
}

function readStatus(reply: HttpReply, encoding: Encoding): { message: string; retryAfterMs?: number } {
  if (reply.body.length === 0) return { message: '' };
  if (/^text\//i.test(reply.contentType)) return { message: printable(textOf(reply.body)) };
  try {
    const status = decodeStatus(reply.body, encodingOf(reply, encoding));
    return { ...status, message: printable(status.message) };
  } catch {
    return { message: '' };
  }
}

function encodingOf(reply: HttpReply, asked: Encoding): Encoding {
  if (/^application\/json\b/i.test(reply.contentType)) return 'json';
  if (/^application\/x-protobuf\b/i.test(reply.contentType)) return 'proto';
  return asked;
}

function readDetails(details: Uint8Array | undefined): { retryAfterMs?: number } | undefined {
  if (details === undefined || details.length > MAX_DETAILS_BYTES) return undefined;
  try {
    return decodeStatus(details, 'proto');
  } catch {
    return undefined;
  }
}

/** Retry-After as delay-seconds or as HTTP-date (RFC 9110, 10.2.3); undefined when it is neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return boundedAfter(Number(text) * 1000);
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  // All three forms of HTTP-date are in GMT; that of asctime does not say so.
  const atMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(atMs) ? undefined : boundedAfter(atMs - nowMs);
}

function boundedAfter(afterMs: number | undefined): number | undefined {
  return afterMs === undefined ? undefined : Math.min(MAX_AFTER_MS, Math.max(0, afterMs));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4 * MAX_MESSAGE_CHARS)).toString(
    'utf8',
  );
}

/** The upstream's words on one bounded line without control characters: they end up in logs. */
function printable(text: string): string {
  const line = text
    .slice(0, 2 * MAX_MESSAGE_CHARS)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const cut = line.length > MAX_MESSAGE_CHARS ? `${line.slice(0, MAX_MESSAGE_CHARS)}...` : line;
  return cut.replace(/\.$/, '');
}

function codeName(code: number): string {
  for (const [name, value] of Object.entries(GRPC)) if (value === code) return name;
  return `code ${code}`;
}
