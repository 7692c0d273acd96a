import { RemoraError } from '../core/errors.ts';
import { ANY_VALUE, KEY_VALUE, VALUES } from './fields.ts';
import { Cursor } from './wire.ts';
import type { Writer } from './writer.ts';

/**
 * An attribute value or log body as JavaScript knows it; `null` is the empty AnyValue.
 *
 *   message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
 *     double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
 *   message ArrayValue { repeated AnyValue values = 1; }       message KeyValueList { repeated KeyValue values = 1; }
 *   message KeyValue { string key = 1; AnyValue value = 2; }
 */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | null
  | readonly AttributeValue[]
  | ReadonlyMap<string, AttributeValue>;

/** Arrays and kvlists that may stand inside one another; more is payload_too_deep, in every encoding. */
export const MAX_VALUE_DEPTH = 50;

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

export function tooDeep(): RemoraError {
  return new RemoraError('payload_too_deep', `An attribute value nests deeper than ${MAX_VALUE_DEPTH} levels.`);
}

/**
 * Writes `value` as the AnyValue in `field`. A number that is a safe integer becomes int_value, any other double_value
 * (also -0, which int_value cannot hold); a bigint becomes int_value, or double_value when it does not fit 64 bits.
 * Throws payload_too_deep.
 */
export function writeAnyValue(writer: Writer, field: number, value: AttributeValue): void {
  writeValue(writer, field, value, 0);
}

/** Writes the KeyValue in `field`, for example an attribute. Throws payload_too_deep. */
export function writeKeyValue(writer: Writer, field: number, key: string, value: AttributeValue): void {
  writePair(writer, field, key, value, 0);
}

function writePair(writer: Writer, field: number, key: string, value: AttributeValue, depth: number): void {
  const pair = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  writeValue(writer, KEY_VALUE.value, value, depth);
  writer.end(pair);
}

function writeValue(writer: Writer, field: number, value: AttributeValue, depth: number): void {
  const any = writer.begin(field);
  if (typeof value === 'string') writer.string(ANY_VALUE.string, value);
  else if (typeof value === 'number') writeNumber(writer, value);
  else if (typeof value === 'boolean') writer.bool(ANY_VALUE.bool, value);
  else if (typeof value === 'bigint') writeInteger(writer, value);
  else if (value instanceof Uint8Array) writer.bytes(ANY_VALUE.bytes, value);
  else if (value !== null) writeContainer(writer, value, depth);
  writer.end(any);
}

function writeNumber(writer: Writer, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) writer.double(ANY_VALUE.double, value);
  else if (value >= 0) writer.uint(ANY_VALUE.int, value);
  else writer.int64(ANY_VALUE.int, BigInt(value));
}

function writeInteger(writer: Writer, value: bigint): void {
  if (value >= MIN_INT64 && value <= MAX_INT64) writer.int64(ANY_VALUE.int, value);
  else writer.double(ANY_VALUE.double, Number(value));
}

function writeContainer(
  writer: Writer,
  value: readonly AttributeValue[] | ReadonlyMap<string, AttributeValue>,
  depth: number,
): void {
  if (depth >= MAX_VALUE_DEPTH) throw tooDeep();
  if (isMap(value)) {
    const kvlist = writer.begin(ANY_VALUE.kvlist);
    for (const [key, inner] of value) writePair(writer, VALUES.values, key, inner, depth + 1);
    writer.end(kvlist);
  } else {
    const array = writer.begin(ANY_VALUE.array);
    for (const inner of value) writeValue(writer, VALUES.values, inner, depth + 1);
    writer.end(array);
  }
}

function isMap(
  value: readonly AttributeValue[] | ReadonlyMap<string, AttributeValue>,
): value is ReadonlyMap<string, AttributeValue> {
  return value instanceof Map;
}

/**
 * The AnyValue in the LEN field that `at` stands on, for example KeyValue.value. An integer comes as a number when it
 * is safe, otherwise as a bigint; bytes are a view into the message; of a repeated key the last counts. Throws
 * payload_malformed, payload_too_deep.
 */
export function readAnyValue(at: Cursor): AttributeValue {
  return readValue(at, 0);
}

function readValue(at: Cursor, depth: number): AttributeValue {
  let value: AttributeValue = null;
  for (const any = new Cursor().enter(at); any.next();) {
    switch (any.field) {
      case ANY_VALUE.string:
        value = any.string();
        break;
      case ANY_VALUE.bool:
        value = any.int64() !== 0n;
        break;
      case ANY_VALUE.int:
        value = readInteger(any);
        break;
      case ANY_VALUE.double:
        value = any.double();
        break;
      case ANY_VALUE.array:
        value = readArray(any, depth);
        break;
      case ANY_VALUE.kvlist:
        value = readMap(any, depth);
        break;
      case ANY_VALUE.bytes:
        value = any.view();
    }
  }
  return value;
}

function readInteger(at: Cursor): number | bigint {
  const value = at.int64();
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function readArray(at: Cursor, depth: number): AttributeValue[] {
  if (depth >= MAX_VALUE_DEPTH) throw tooDeep();
  const values: AttributeValue[] = [];
  for (const array = new Cursor().enter(at); array.next();) {
    if (array.field === VALUES.values) values.push(readValue(array, depth + 1));
  }
  return values;
}

function readMap(at: Cursor, depth: number): Map<string, AttributeValue> {
  if (depth >= MAX_VALUE_DEPTH) throw tooDeep();
  const values = new Map<string, AttributeValue>();
  for (const kvlist = new Cursor().enter(at); kvlist.next();) {
    if (kvlist.field !== VALUES.values) continue;
    let key = '';
    let value: AttributeValue = null;
    for (const pair = new Cursor().enter(kvlist); pair.next();) {
      if (pair.field === KEY_VALUE.key) key = pair.string();
      else if (pair.field === KEY_VALUE.value) value = readValue(pair, depth + 1);
    }
    values.set(key, value);
  }
  return values;
}
