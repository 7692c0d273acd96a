import { KEY_VALUE } from './fields.ts';
import type { RangeCopier } from './range-copier.ts';
import { Cursor, LEN, utf8 } from './wire.ts';
import { Writer } from './writer.ts';

/**
 * The attributes of one resource, scope or item, for reading and changing. One list is loaded again and again, so
 * indexes are valid until the next load.
 *
 * An entry is the content of a KeyValue, either in the request or, once changed, in bytes given to `set` or `append`.
 *
 *   message KeyValue { string key = 1; AnyValue value = 2; }
 */
export class AttributeList {
  /** Entries, removed ones included. */
  count = 0;
  changed = false;
  /** For bytes that are made for this list; emptied by each load. Entries may point into its buffer. */
  readonly scratch = new Writer(512);
  #field = 0;
  /** Entries that stand in the request; the rest is appended. */
  #original = 0;
  /** True when one of those was replaced or removed. */
  #originalChanged = false;
  #removed: boolean[] = [];
  #replaced: boolean[] = [];
  /** The whole field in the request, originals only. */
  #fieldStart: number[] = [];
  #fieldEnd: number[] = [];
  #bytes: Uint8Array[] = [];
  #start: number[] = [];
  #end: number[] = [];
  #keyStart: number[] = [];
  #keyEnd: number[] = [];

  /** Empties the list. `field` is the number of the attributes field in the message that the list belongs to. */
  reset(field: number): void {
    this.#field = field;
    this.count = 0;
    this.#original = 0;
    this.#originalChanged = false;
    this.changed = false;
    this.scratch.pos = 0;
  }

  /** Empties the list and lets go of all bytes. */
  release(): void {
    this.reset(this.#field);
    this.#bytes.fill(EMPTY);
    if (this.scratch.buffer.length > KEPT_BYTES) this.scratch.detach(0);
    messageCursor.reset(EMPTY, 0, 0);
    entryCursor.reset(EMPTY, 0, 0);
  }

  /** Adds the attributes in the message whose content is bytes[start, end). */
  load(bytes: Uint8Array, start: number, end: number): void {
    const field = this.#field;
    for (messageCursor.reset(bytes, start, end); messageCursor.next();) {
      if (messageCursor.field !== field || messageCursor.wireType !== LEN) continue;
      this.#fieldStart[this.count] = messageCursor.tagStart;
      this.#fieldEnd[this.count] = messageCursor.end;
      this.#put(this.count, bytes, messageCursor.start, messageCursor.end);
      this.#removed[this.count] = false;
      this.#replaced[this.count] = false;
      this.count += 1;
    }
    this.#original = this.count;
  }

  /** The first entry with this key at or after `from`, or -1. */
  find(key: Uint8Array, from = 0): number {
    const { length } = key;
    for (let i = from; i < this.count; i++) {
      const keyStart = this.#keyStart[i] ?? 0;
      if ((this.#keyEnd[i] ?? 0) - keyStart !== length || this.#removed[i] === true) continue;
      if (isAt(this.#bytes[i], keyStart, key)) return i;
    }
    return -1;
  }

  /** False for an entry that was removed. */
  has(index: number): boolean {
    return index < this.count && this.#removed[index] === false;
  }

  key(index: number): string {
    const bytes = this.#bytes[index];
    return bytes === undefined ? '' : utf8(bytes, this.#keyStart[index] ?? 0, this.#keyEnd[index] ?? 0);
  }

  /** Puts `cursor` on the field of the KeyValue that holds its AnyValue; false when it has none. */
  value(index: number, cursor: Cursor): boolean {
    const bytes = this.#bytes[index];
    if (bytes === undefined) return false;
    let valueAt = -1;
    const end = this.#end[index] ?? 0;
    for (cursor.reset(bytes, this.#start[index] ?? 0, end); cursor.next();) {
      if (cursor.field === KEY_VALUE.value && cursor.wireType === LEN) valueAt = cursor.tagStart;
    }
    return valueAt >= 0 && cursor.reset(bytes, valueAt, end).next();
  }

  remove(index: number): void {
    this.#removed[index] = true;
    this.changed = true;
    if (index < this.#original) this.#originalChanged = true;
  }

  /** Replaces an entry by the KeyValue whose content is bytes[start, end). */
  set(index: number, bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#put(index, bytes, start, end);
    this.#replaced[index] = true;
    this.changed = true;
    if (index < this.#original) this.#originalChanged = true;
  }

  append(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#put(this.count, bytes, start, end);
    this.#removed[this.count] = false;
    this.count += 1;
    this.changed = true;
  }

  /** Applies what changed to the originals inside [start, end), the content of the message the copier is in. */
  writeChanged(copier: RangeCopier, start: number, end: number): void {
    if (!this.#originalChanged) return;
    for (let i = 0; i < this.#original; i++) {
      const fieldStart = this.#fieldStart[i] ?? 0;
      if (fieldStart < start || fieldStart >= end) continue;
      if (this.#removed[i] !== true && this.#replaced[i] !== true) continue;
      const writer = copier.cut(fieldStart, this.#fieldEnd[i] ?? 0);
      if (this.#removed[i] !== true) this.#write(i, writer);
    }
  }

  /** Writes the appended entries. */
  writeAppended(writer: Writer): void {
    for (let i = this.#original; i < this.count; i++) if (this.#removed[i] !== true) this.#write(i, writer);
  }

  /** Writes the content bytes[start, end) of the message that the list was loaded from, as it is now. */
  writeMessage(writer: Writer, bytes: Uint8Array, start: number, end: number): void {
    let from = start;
    if (this.#originalChanged) {
      for (let i = 0; i < this.#original; i++) {
        if (this.#removed[i] !== true && this.#replaced[i] !== true) continue;
        writer.raw(bytes, from, this.#fieldStart[i] ?? 0);
        from = this.#fieldEnd[i] ?? 0;
        if (this.#removed[i] !== true) this.#write(i, writer);
      }
    }
    writer.raw(bytes, from, end);
    this.writeAppended(writer);
  }

  /** Writes all entries, whether they changed or not. */
  write(writer: Writer): void {
    for (let i = 0; i < this.count; i++) if (this.#removed[i] !== true) this.#write(i, writer);
  }

  get hasAppended(): boolean {
    for (let i = this.#original; i < this.count; i++) if (this.#removed[i] !== true) return true;
    return false;
  }

  #write(index: number, writer: Writer): void {
    const bytes = this.#bytes[index];
    if (bytes !== undefined) writer.bytes(this.#field, bytes, this.#start[index], this.#end[index]);
  }

  #put(index: number, bytes: Uint8Array, start: number, end: number): void {
    this.#bytes[index] = bytes;
    this.#start[index] = start;
    this.#end[index] = end;
    this.#keyStart[index] = start;
    this.#keyEnd[index] = start;
    for (entryCursor.reset(bytes, start, end); entryCursor.next();) {
      if (entryCursor.field !== KEY_VALUE.key || entryCursor.wireType !== LEN) continue;
      this.#keyStart[index] = entryCursor.start;
      this.#keyEnd[index] = entryCursor.end;
    }
  }
}

/** A scratch that grew larger is not kept. */
const KEPT_BYTES = 64 * 1024;

const EMPTY = new Uint8Array(0);
const messageCursor = new Cursor();
const entryCursor = new Cursor();

function isAt(bytes: Uint8Array | undefined, at: number, expected: Uint8Array): boolean {
  if (bytes === undefined) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}
