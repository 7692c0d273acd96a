import { ANY_VALUE } from '../../../otlp/fields.ts';
import { Cursor, I64, LEN, VARINT } from '../../../otlp/wire.ts';

/** What is asked of the value of an attribute, the content [start, end) of its AnyValue. */
export type ValueTest = (bytes: Uint8Array, start: number, end: number) => boolean;

const value = new Cursor();

/** Puts `value` on what the AnyValue holds, of a oneof the last; false when it holds nothing of `wireType`. */
function find(bytes: Uint8Array, start: number, end: number, wireType: number): boolean {
  let last = false;
  for (value.reset(bytes, start, end); value.next();) last = true;
  return last && value.wireType === wireType;
}

export function isBoolean(expected: boolean): ValueTest {
  return (bytes, start, end) =>
    find(bytes, start, end, VARINT) && value.field === ANY_VALUE.bool && (value.uint() !== 0) === expected;
}

/** Of an integer or a double. */
export function isBetween(lower: number, upper: number): ValueTest {
  return (bytes, start, end) => {
    let found: number | bigint;
    if (find(bytes, start, end, VARINT) && value.field === ANY_VALUE.int) found = integer();
    else if (value.wireType === I64 && value.field === ANY_VALUE.double && start < end) found = value.double();
    else return false;
    return found >= lower && found <= upper;
  };
}

/** A varint of up to 7 bytes is exact as a number. */
function integer(): number | bigint {
  return value.end - value.start <= 7 ? value.uint() : value.int64();
}

/** More are found faster in a set than one after another. */
const MAX_COMPARED = 8;

export function isOneOf(texts: readonly string[]): ValueTest {
  if (texts.length > MAX_COMPARED) {
    const wanted = new Set(texts);
    return isText((text) => wanted.has(text));
  }
  const wanted = texts.map((text) => Buffer.from(text));
  return (bytes, start, end) => {
    if (!find(bytes, start, end, LEN) || value.field !== ANY_VALUE.string) return false;
    for (const text of wanted) if (value.equals(text)) return true;
    return false;
  };
}

/** Of a text that is not empty. */
export function isText(test: (text: string) => boolean): ValueTest {
  return (bytes, start, end) =>
    find(bytes, start, end, LEN) && value.field === ANY_VALUE.string && value.start < value.end && test(value.string());
}
