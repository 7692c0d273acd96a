import { isUtf8 } from 'node:buffer';
import { ANY_VALUE, KEY_VALUE, VALUES } from './fields.ts';
import { MAX_VALUE_DEPTH } from './value.ts';
import { Cursor, I64, LEN, VARINT } from './wire.ts';

/**
 * Whether everybody can decode what went by unread, for those who keep it and send it again and again: one malformed value
 * among theirs would have all of it refused. Strict as a decoder may be: texts are UTF-8, known fields have their wire
 * types, and no value nests deeper than MAX_VALUE_DEPTH. Not for a hot path: made for what is seen for the first time.
 */

export function isWellFormedText(bytes: Uint8Array, start: number, end: number): boolean {
  return isUtf8(bytes.subarray(start, end));
}

/** Of the content of an AnyValue. */
export function isWellFormedValue(bytes: Uint8Array, start: number, end: number): boolean {
  return isFramed(() => isValue(new Cursor(bytes, start, end), 0));
}

/** Of the content of a KeyValue. */
export function isWellFormedPair(bytes: Uint8Array, start: number, end: number): boolean {
  return isFramed(() => isPair(new Cursor(bytes, start, end), 0));
}

/** Cursors throw where a field runs past its message. */
function isFramed(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

/** By the numbers of ANY_VALUE. */
const WIRE_TYPES = [-1, LEN, VARINT, VARINT, I64, LEN, LEN, LEN];

function isValue(at: Cursor, depth: number): boolean {
  while (at.next()) {
    if (at.field > ANY_VALUE.bytes) continue;
    if (at.wireType !== WIRE_TYPES[at.field] || depth > MAX_VALUE_DEPTH) return false;
    if (at.field === ANY_VALUE.string && !isText(at)) return false;
    if (at.field === ANY_VALUE.array && !isList(at, depth, isValue)) return false;
    if (at.field === ANY_VALUE.kvlist && !isList(at, depth, isPair)) return false;
  }
  return true;
}

/** Of an ArrayValue, or a KeyValueList. */
function isList(list: Cursor, depth: number, isElement: (at: Cursor, depth: number) => boolean): boolean {
  const inner = new Cursor();
  for (const at = new Cursor().enter(list); at.next();) {
    if (at.field !== VALUES.values) continue;
    if (at.wireType !== LEN || !isElement(inner.enter(at), depth + 1)) return false;
  }
  return true;
}

function isPair(at: Cursor, depth: number): boolean {
  while (at.next()) {
    if (at.field !== KEY_VALUE.key && at.field !== KEY_VALUE.value) continue;
    if (at.wireType !== LEN) return false;
    if (at.field === KEY_VALUE.key ? !isText(at) : !isValue(new Cursor().enter(at), depth)) return false;
  }
  return true;
}

function isText({ bytes, start, end }: Cursor): boolean {
  return isWellFormedText(bytes, start, end);
}
