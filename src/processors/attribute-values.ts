import { hash } from 'node:crypto';
import { ANY_VALUE, KEY_VALUE } from '../otlp/fields.ts';
import { valueText } from '../otlp/value-text.ts';
import { readAnyValue } from '../otlp/value.ts';
import { Cursor } from '../otlp/wire.ts';
import type { Writer } from '../otlp/writer.ts';

export const CONVERTED_TYPES = ['int', 'double', 'string', 'bool'] as const;
export type ConvertedType = (typeof CONVERTED_TYPES)[number];

const inside = new Cursor();

/** Puts `inside` on the one field of the AnyValue that `at` stands on; false for the empty value. */
function enterValue(at: Cursor): boolean {
  let lastAt = -1;
  for (inside.enter(at); inside.next();) {
    if (inside.field >= ANY_VALUE.string && inside.field <= ANY_VALUE.bytes) lastAt = inside.tagStart;
  }
  return lastAt >= 0 && inside.reset(at.bytes, lastAt, at.end).next();
}

/** The text in the AnyValue that `at` stands on, if it is one. */
export function textOf(at: Cursor): string | undefined {
  return enterValue(at) && inside.field === ANY_VALUE.string ? inside.string() : undefined;
}

/**
 * SHA-256 in hex, as the Collector: of the bytes of a text, of 0 or 1, of the 8 bytes (little endian) of a number. An
 * empty text stays empty. Unlike the Collector, which empties them, bytes, lists and maps are hashed as encoded.
 */
export function hashValue(at: Cursor): string {
  if (!enterValue(at)) return '';
  const content = hashedBytes();
  return content.length === 0 ? '' : hash('sha256', content, 'hex');
}

function hashedBytes(): Uint8Array {
  switch (inside.field) {
    case ANY_VALUE.bool:
      return Buffer.from([inside.int64() === 0n ? 0 : 1]);
    case ANY_VALUE.int: {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(inside.int64());
      return bytes;
    }
    case ANY_VALUE.double:
      return inside.bytes.subarray(inside.start, inside.end);
    default:
      return inside.view();
  }
}

/** The value as `type`; undefined when it is of that type already or cannot be converted. */
export function convertValue(type: ConvertedType, at: Cursor): string | number | bigint | boolean | undefined {
  const isEmpty = !enterValue(at);
  if (isEmpty || inside.field === FIELD_OF[type]) return isEmpty && type === 'string' ? '' : undefined;
  switch (type) {
    case 'string':
      return valueText(readAnyValue(at));
    case 'int':
      return toInt();
    case 'double':
      return toDouble();
    case 'bool':
      return toBool();
  }
}

const FIELD_OF: Readonly<Record<ConvertedType, number>> = {
  int: ANY_VALUE.int,
  double: ANY_VALUE.double,
  string: ANY_VALUE.string,
  bool: ANY_VALUE.bool,
};

const MAX_INT64 = 2n ** 63n - 1n;

function toInt(): bigint | undefined {
  switch (inside.field) {
    case ANY_VALUE.bool:
      return inside.int64() === 0n ? 0n : 1n;
    case ANY_VALUE.double: {
      const value = inside.double();
      return Number.isFinite(value) ? inInt64(BigInt(Math.trunc(value))) : undefined;
    }
    case ANY_VALUE.string: {
      const text = inside.string();
      return /^[+-]?\d{1,19}$/.test(text) ? inInt64(BigInt(text.replace('+', ''))) : undefined;
    }
    default:
      return undefined;
  }
}

function inInt64(value: bigint): bigint | undefined {
  return value <= MAX_INT64 && value >= -MAX_INT64 - 1n ? value : undefined;
}

function toDouble(): number | undefined {
  switch (inside.field) {
    case ANY_VALUE.bool:
      return inside.int64() === 0n ? 0 : 1;
    case ANY_VALUE.int:
      return Number(inside.int64());
    case ANY_VALUE.string: {
      const text = inside.string();
      return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
    }
    default:
      return undefined;
  }
}

/** Texts as Go's strconv.ParseBool. */
function toBool(): boolean | undefined {
  switch (inside.field) {
    case ANY_VALUE.int:
      return inside.int64() !== 0n;
    case ANY_VALUE.double:
      return inside.double() !== 0;
    case ANY_VALUE.string: {
      const text = inside.string();
      if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
      return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined;
    }
    default:
      return undefined;
  }
}

/** Writes KeyValue.value with a text. */
export function writeText(writer: Writer, text: string): void {
  const mark = writer.begin(KEY_VALUE.value, text.length + 2);
  writer.string(ANY_VALUE.string, text);
  writer.end(mark);
}

/** Writes KeyValue.value with what `convertValue` gave for `type`. */
export function writeScalar(writer: Writer, type: ConvertedType, value: string | number | bigint | boolean): void {
  const mark = writer.begin(KEY_VALUE.value);
  switch (type) {
    case 'string':
      writer.string(ANY_VALUE.string, String(value));
      break;
    case 'int':
      writer.int64(ANY_VALUE.int, BigInt(value));
      break;
    case 'double':
      writer.double(ANY_VALUE.double, Number(value));
      break;
    case 'bool':
      writer.bool(ANY_VALUE.bool, Boolean(value));
      break;
  }
  writer.end(mark);
}
