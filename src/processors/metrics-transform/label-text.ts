import type { AttributeList } from '../../otlp/attribute-list.ts';
import { ANY_VALUE, KEY_VALUE } from '../../otlp/fields.ts';
import { Cursor, LEN, utf8 } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';

/** Labels, as this processor takes attributes: what is not a text, or is not there, reads as the empty text. */

const valueAt = new Cursor();
const inside = new Cursor();
const found = new Cursor();

/** Puts `found` on the text of entry `index`; false where there is none. */
function enterText(list: AttributeList, index: number): boolean {
  if (index < 0 || !list.value(index, valueAt)) return false;
  let isText = false;
  for (inside.enter(valueAt); inside.next();) {
    if (inside.field < ANY_VALUE.string || inside.field > ANY_VALUE.bytes) continue;
    isText = inside.field === ANY_VALUE.string && inside.wireType === LEN;
    if (isText) found.reset(inside.bytes, inside.start, inside.end);
  }
  return isText;
}

/** The text of entry `index`, -1 for no entry. */
export function labelText(list: AttributeList, index: number): string {
  return enterText(list, index) ? utf8(found.bytes, found.pos, found.limit) : '';
}

/** Whether the text of entry `index`, -1 for no entry, is this; decodes nothing. */
export function isLabelText(list: AttributeList, index: number, expected: Uint8Array): boolean {
  if (!enterText(list, index)) return expected.length === 0;
  const { bytes, pos, limit } = found;
  if (limit - pos !== expected.length) return false;
  for (let at = 0; at < expected.length; at++) if (bytes[pos + at] !== expected[at]) return false;
  return true;
}

/** The content of a KeyValue with this text. */
export function labelBytes(key: string, text: string): Uint8Array {
  const writer = new Writer(64);
  writer.string(KEY_VALUE.key, key);
  const value = writer.begin(KEY_VALUE.value);
  writer.string(ANY_VALUE.string, text);
  writer.end(value);
  return writer.take();
}

/** Sets or adds the label whose key is `key` to the KeyValue with the content `entry`. */
export function putLabel(list: AttributeList, key: Uint8Array, entry: Uint8Array): void {
  const at = list.find(key);
  if (at < 0) list.append(entry);
  else list.set(at, entry);
}

/** Gives the value of entry `index` the key `key`, whatever the value is. */
export function renameLabel(list: AttributeList, index: number, key: string): void {
  const { scratch } = list;
  const start = scratch.pos;
  scratch.string(KEY_VALUE.key, key);
  if (list.value(index, valueAt)) scratch.raw(valueAt.bytes, valueAt.tagStart, valueAt.end);
  list.set(index, scratch.buffer, start, scratch.pos);
}

/** The cursors outlive the batch, its bytes must not. */
export function releaseLabels(): void {
  for (const cursor of [valueAt, inside, found]) cursor.reset(EMPTY, 0, 0);
}

const EMPTY = new Uint8Array(0);
