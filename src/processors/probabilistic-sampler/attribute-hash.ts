import { ANY_VALUE } from '../../otlp/fields.ts';
import type { ItemView } from '../../otlp/sampling/item-view.ts';
import { hashBytes } from '../../otlp/sampling/randomness.ts';
import { readAnyValue } from '../../otlp/value.ts';
import { valueText } from '../../otlp/value-text.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';

const found = new Cursor();
const inner = new Cursor();

/**
 * Goes on hashing with the value of an attribute: the bytes of bytes and texts, the text of anything else. Undefined
 * when it has none, or an empty one.
 */
export function hashAttribute(hash: number, item: ItemView, index: number): number | undefined {
  const value = item.valueOf(index, found) ? hashValue(hash) : undefined;
  for (const cursor of [found, inner]) cursor.reset(NOTHING.bytes, 0, 0);
  return value;
}

function hashValue(hash: number): number | undefined {
  const { bytes, start, end } = inner.enter(found).next() ? inner : NOTHING;
  const isPlain = inner.field === ANY_VALUE.string || inner.field === ANY_VALUE.bytes;
  if (isPlain && inner.wireType === LEN && !inner.next()) return hashRange(hash, bytes, start, end);
  const value = readAnyValue(found);
  const text = value instanceof Uint8Array ? value : Buffer.from(valueText(value));
  return hashRange(hash, text, 0, text.length);
}

function hashRange(hash: number, bytes: Uint8Array, start: number, end: number): number | undefined {
  return end > start ? hashBytes(hash, bytes, start, end) : undefined;
}

const NOTHING = { bytes: new Uint8Array(0), start: 0, end: 0 };
