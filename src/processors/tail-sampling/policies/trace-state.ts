import { TraceState } from '../../../otlp/sampling/tracestate.ts';
import { utf8 } from '../../../otlp/wire.ts';
import type { SpanCondition } from '../policy.ts';
import type { SpanReader } from './span-reader.ts';

const COMMA = 0x2c;
const BLANK = 0x20;
const TAB = 0x09;

/** Whether the entry `key` of a span's tracestate has one of these values; false of one that is malformed. */
export function traceStateCondition({ key, values }: Entry, reader: SpanReader): SpanCondition {
  const wanted = new Set(values);
  const head = Buffer.from(`${key}=`);
  const state = new TraceState();
  return (span) => {
    const { traceStateStart: start, traceStateEnd: end } = reader.read(span);
    if (start === end) return false;
    const { bytes } = span;
    const { status } = state.read(bytes, start, end);
    state.release();
    return status === 'plain' && hasMember({ bytes, start, end, head, wanted });
  };
}

interface Entry {
  readonly key: string;
  readonly values: readonly string[];
}

interface Search {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly head: Uint8Array;
  readonly wanted: ReadonlySet<string>;
}

function hasMember({ bytes, start, end, head, wanted }: Search): boolean {
  for (let from = start; from < end;) {
    const comma = bytes.indexOf(COMMA, from);
    let until = comma < 0 || comma > end ? end : comma;
    const next = until + 1;
    while (from < until && isBlank(bytes[from])) from += 1;
    while (until > from && isBlank(bytes[until - 1])) until -= 1;
    if (startsWith(bytes, from, until, head)) return wanted.has(utf8(bytes, from + head.length, until));
    from = next;
  }
  return false;
}

function startsWith(bytes: Uint8Array, start: number, end: number, head: Uint8Array): boolean {
  if (end - start < head.length) return false;
  for (let i = 0; i < head.length; i++) if (bytes[start + i] !== head[i]) return false;
  return true;
}

function isBlank(byte: number | undefined): boolean {
  return byte === BLANK || byte === TAB;
}
