import { RemoraError } from '../core/errors.ts';
import type { Signal } from '../core/signal.ts';
import { Cursor } from './wire.ts';
import { Writer } from './writer.ts';

/**
 * What an OTLP server answers: Export*ServiceResponse when it took the request, google.rpc.Status when it did not.
 *
 *   message ExportXServiceResponse { ExportXPartialSuccess partial_success = 1; }
 *   message ExportXPartialSuccess  { int64 rejected_x = 1; string error_message = 2; }
 *   message Status    { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
 *   message Any       { string type_url = 1; bytes value = 2; }
 *   message RetryInfo { google.protobuf.Duration retry_delay = 1; }
 *   message Duration  { int64 seconds = 1; int32 nanos = 2; }
 */
export type Encoding = 'proto' | 'json';

export interface ExportResponse {
  readonly rejectedItems: number;
  readonly message: string;
}

export interface Status {
  readonly code: number;
  readonly message: string;
  /** From a RetryInfo detail; absent when there is none, or none that makes sense. */
  readonly retryAfterMs?: number;
}

const RESPONSE = { partialSuccess: 1 } as const;
const PARTIAL = { rejected: 1, errorMessage: 2 } as const;
const STATUS = { code: 1, message: 2, details: 3 } as const;
const ANY = { typeUrl: 1, value: 2 } as const;
const RETRY_INFO = { retryDelay: 1 } as const;
const DURATION = { seconds: 1, nanos: 2 } as const;

const RETRY_INFO_URL = 'type.googleapis.com/google.rpc.RetryInfo';
const REJECTED_KEY = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
} as const satisfies Record<Signal, string>;

/** The answer to a request that was taken. Full success (nothing rejected, no message) leaves partial_success unset. */
export function encodeResponse(signal: Signal, rejectedItems: number, message: string, encoding: Encoding): Uint8Array {
  const full = rejectedItems === 0 && message === '';
  if (encoding === 'json') {
    if (full) return Buffer.from('{}');
    const rejected = rejectedItems === 0 ? {} : { [REJECTED_KEY[signal]]: String(rejectedItems) };
    const errorMessage = message === '' ? {} : { errorMessage: message };
    return Buffer.from(JSON.stringify({ partialSuccess: { ...rejected, ...errorMessage } }));
  }
  if (full) return new Uint8Array(0);
  const writer = new Writer(64);
  const partial = writer.begin(RESPONSE.partialSuccess);
  if (rejectedItems !== 0) writer.uint(PARTIAL.rejected, rejectedItems);
  if (message !== '') writer.string(PARTIAL.errorMessage, message);
  writer.end(partial);
  return writer.detach(0);
}

/** Reads such an answer; a count below zero is read as zero. Throws payload_malformed. */
export function decodeResponse(signal: Signal, bytes: Uint8Array, encoding: Encoding): ExportResponse {
  if (encoding === 'json') return decodeJsonResponse(signal, bytes);
  let rejectedItems = 0;
  let message = '';
  for (const response = new Cursor(bytes); response.next();) {
    if (response.field !== RESPONSE.partialSuccess) continue;
    for (const partial = new Cursor().enter(response); partial.next();) {
      if (partial.field === PARTIAL.rejected) rejectedItems = Math.max(0, Number(partial.int64()));
      else if (partial.field === PARTIAL.errorMessage) message = partial.string();
    }
  }
  return { rejectedItems, message };
}

function decodeJsonResponse(signal: Signal, bytes: Uint8Array): ExportResponse {
  const partial = member(parseObject(bytes), 'partialSuccess');
  const rejected = Math.trunc(Number(member(partial, REJECTED_KEY[signal]) ?? 0));
  return { rejectedItems: rejected > 0 ? rejected : 0, message: text(member(partial, 'errorMessage')) };
}

/** The answer to a request that was not taken. `retryAfterMs` adds a RetryInfo detail. */
export function encodeStatus(
  code: number,
  message: string,
  retryAfterMs: number | undefined,
  encoding: Encoding,
): Uint8Array {
  if (encoding === 'json') {
    const detail = { '@type': RETRY_INFO_URL, retryDelay: `${wholeMs(retryAfterMs ?? 0) / 1000}s` };
    return Buffer.from(JSON.stringify({ code, message, ...(retryAfterMs === undefined ? {} : { details: [detail] }) }));
  }
  const writer = new Writer(128);
  if (code !== 0) writer.int64(STATUS.code, BigInt(code));
  if (message !== '') writer.string(STATUS.message, message);
  if (retryAfterMs !== undefined) writeRetryInfo(writer, retryAfterMs);
  return writer.detach(0);
}

function writeRetryInfo(writer: Writer, retryAfterMs: number): void {
  const delayMs = wholeMs(retryAfterMs);
  const any = writer.begin(STATUS.details);
  writer.string(ANY.typeUrl, RETRY_INFO_URL);
  const info = writer.begin(ANY.value);
  const delay = writer.begin(RETRY_INFO.retryDelay);
  writer.uint(DURATION.seconds, Math.floor(delayMs / 1000));
  if (delayMs % 1000 !== 0) writer.uint(DURATION.nanos, (delayMs % 1000) * 1e6);
  writer.end(delay);
  writer.end(info);
  writer.end(any);
}

function wholeMs(delayMs: number): number {
  return Math.max(0, Math.round(delayMs));
}

/** Reads a google.rpc.Status; details of other kinds are passed over. Throws payload_malformed. */
export function decodeStatus(bytes: Uint8Array, encoding: Encoding): Status {
  if (encoding === 'json') return decodeJsonStatus(bytes);
  let code = 0;
  let message = '';
  let retryAfterMs: number | undefined;
  for (const status = new Cursor(bytes); status.next();) {
    if (status.field === STATUS.code) code = status.int32();
    else if (status.field === STATUS.message) message = status.string();
    else if (status.field === STATUS.details) retryAfterMs = readRetryInfo(status) ?? retryAfterMs;
  }
  return { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The delay of the Any that `at` stands on, or undefined when it is no RetryInfo. */
function readRetryInfo(at: Cursor): number | undefined {
  let typeUrl = '';
  let delayMs: number | undefined;
  const any = new Cursor().enter(at);
  while (any.next()) if (any.field === ANY.typeUrl) typeUrl = any.string();
  if (typeUrl !== RETRY_INFO_URL) return undefined;
  for (any.enter(at); any.next();) {
    if (any.field !== ANY.value) continue;
    for (const info = new Cursor().enter(any); info.next();) {
      if (info.field === RETRY_INFO.retryDelay) delayMs = readDuration(info);
    }
  }
  return delayMs;
}

function readDuration(at: Cursor): number | undefined {
  let seconds = 0;
  let nanos = 0;
  for (const duration = new Cursor().enter(at); duration.next();) {
    if (duration.field === DURATION.seconds) seconds = Number(duration.int64());
    else if (duration.field === DURATION.nanos) nanos = duration.int32();
  }
  return sensible(seconds * 1000 + nanos / 1e6);
}

function decodeJsonStatus(bytes: Uint8Array): Status {
  const status = parseObject(bytes);
  const code = Number(member(status, 'code') ?? 0);
  const details = member(status, 'details');
  let retryAfterMs: number | undefined;
  for (const detail of Array.isArray(details) ? details : []) {
    if (member(detail, '@type') !== RETRY_INFO_URL) continue;
    const seconds = /^(-?\d+(?:\.\d+)?)s$/.exec(text(member(detail, 'retryDelay')))?.[1];
    if (seconds !== undefined) retryAfterMs = sensible(Number(seconds) * 1000);
  }
  return {
    code: Number.isInteger(code) ? code : 0,
    message: text(member(status, 'message')),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function sensible(delayMs: number): number | undefined {
  return delayMs >= 0 && delayMs <= Number.MAX_SAFE_INTEGER ? delayMs : undefined;
}

function parseObject(bytes: Uint8Array): unknown {
  const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new RemoraError('payload_malformed', 'The answer is not JSON.', { cause: error });
  }
  throw new RemoraError('payload_malformed', 'The answer is not a JSON object.');
}

/** An own member of something parsed; never one of Object.prototype. */
function member(object: unknown, key: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, key)) return undefined;
  return Reflect.get(object, key);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
