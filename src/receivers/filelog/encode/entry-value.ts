import { ANY_VALUE, KEY_VALUE, VALUES } from '../../../otlp/fields.ts';
import { MAX_VALUE_DEPTH, writeAnyValue } from '../../../otlp/value.ts';
import type { Writer } from '../../../otlp/writer.ts';
import { Double, jsonText, type Value } from '../operators/entry.ts';

/** Writes the KeyValue in `field`, for example an attribute. */
export function writeEntryPair(writer: Writer, field: number, key: string, value: Value, depth = 0): void {
  const pair = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  writeEntryValue(writer, KEY_VALUE.value, value, depth);
  writer.end(pair);
}

/**
 * As `writeAnyValue`, and for doubles that are whole numbers. Operators can nest deeper than OTLP values may: what is
 * below the deepest level is written as JSON text.
 */
export function writeEntryValue(writer: Writer, field: number, value: Value, depth = 0): void {
  if (!(value instanceof Double) && !(value instanceof Map) && !Array.isArray(value)) {
    writeAnyValue(writer, field, value);
    return;
  }
  const any = writer.begin(field);
  if (value instanceof Double) writer.double(ANY_VALUE.double, value.value);
  else if (depth >= MAX_VALUE_DEPTH) writer.string(ANY_VALUE.string, jsonText(value));
  else if (value instanceof Map) {
    const kvlist = writer.begin(ANY_VALUE.kvlist);
    for (const [key, inner] of value) writeEntryPair(writer, VALUES.values, key, inner, depth + 1);
    writer.end(kvlist);
  } else {
    const array = writer.begin(ANY_VALUE.array);
    for (const inner of value) writeEntryValue(writer, VALUES.values, inner, depth + 1);
    writer.end(array);
  }
  writer.end(any);
}
