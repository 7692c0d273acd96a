import { LOG } from '../../../otlp/fields.ts';
import { I32, LEN } from '../../../otlp/wire.ts';

/** Keys of JSON logs that carry the trace context, as the common logging libraries write them. */
export const TRACE_ID_KEYS = ['trace_id', 'traceId', 'traceid'] as const;
export const SPAN_ID_KEYS = ['span_id', 'spanId', 'spanid'] as const;
export const FLAGS_KEYS = ['trace_flags', 'traceFlags'] as const;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
export const TRACE_ID_DIGITS = 2 * TRACE_ID_BYTES;
export const SPAN_ID_DIGITS = 2 * SPAN_ID_BYTES;
export const FLAGS_DIGITS = 2;

/** Writes `bytes trace_id = 9`; -1 when the text is not 32 hex digits, or all of them zero. */
export function liftTraceId(source: Buffer, start: number, end: number, out: Buffer, at: number): number {
  return liftId(source, start, end, out, { at, tag: (LOG.traceId << 3) | LEN, bytes: TRACE_ID_BYTES });
}

/** Writes `bytes span_id = 10`; -1 when the text is not 16 hex digits, or all of them zero. */
export function liftSpanId(source: Buffer, start: number, end: number, out: Buffer, at: number): number {
  return liftId(source, start, end, out, { at, tag: (LOG.spanId << 3) | LEN, bytes: SPAN_ID_BYTES });
}

/** Writes `fixed32 flags = 8`; -1 when the text is not two hex digits. */
export function liftFlags(source: Buffer, start: number, end: number, out: Buffer, at: number): number {
  if (end - start !== FLAGS_DIGITS) return -1;
  const byte = hexByte(source[start] ?? 0, source[start + 1] ?? 0);
  if (byte === -1) return -1;
  out[at] = (LOG.flags << 3) | I32;
  return out.writeUInt32LE(byte, at + 1);
}

interface IdPlace {
  readonly at: number;
  readonly tag: number;
  readonly bytes: number;
}

function liftId(source: Buffer, start: number, end: number, out: Buffer, place: IdPlace): number {
  const { at, tag, bytes } = place;
  if (end - start !== bytes * 2) return -1;
  let any = 0;
  for (let i = 0; i < bytes; i++) {
    const byte = hexByte(source[start + 2 * i] ?? 0, source[start + 2 * i + 1] ?? 0);
    if (byte === -1) return -1;
    any |= byte;
    out[at + 2 + i] = byte;
  }
  if (any === 0) return -1;
  out[at] = tag;
  out[at + 1] = bytes;
  return at + 2 + bytes;
}

function hexByte(high: number, low: number): number {
  const first = HEX[high] ?? -1;
  const second = HEX[low] ?? -1;
  return first < 0 || second < 0 ? -1 : (first << 4) | second;
}

const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX[text.charCodeAt(0)] = digit;
  HEX[text.toUpperCase().charCodeAt(0)] = digit;
}

/** The bytes of an id written as hex digits; undefined when it is not one, or is all zero. */
export function parseId(text: unknown, bytes: 8 | 16): Uint8Array | undefined {
  if (!isHex(text, bytes) || /^0+$/.test(text)) return undefined;
  return Buffer.from(text, 'hex');
}

/** Whether this is an id of so many bytes written as hex digits, zero or not. */
export function isHex(text: unknown, bytes: number): text is string {
  return typeof text === 'string' && text.length === bytes * 2 && /^[\da-f]+$/i.test(text);
}

/** Trace flags as two hex digits. */
export function parseFlags(value: unknown): number | undefined {
  return isHex(value, 1) ? Number.parseInt(value, 16) : undefined;
}
