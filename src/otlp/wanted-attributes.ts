import { KEY_VALUE } from './fields.ts';
import { Cursor, LEN } from './wire.ts';

const KEY_TAG = (KEY_VALUE.key << 3) | LEN;
const VALUE_TAG = (KEY_VALUE.value << 3) | LEN;

/**
 * Looks for some attributes among all of one message, which are offered to it one after the other. Reused: `reset` begins
 * anew. Of attributes with one key the first counts.
 */
export class WantedAttributes {
  /** The content of the AnyValue of each, in the order of the keys; start -1 where it is missing. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly #names: string[] = [];
  readonly #keys: Key[] = [];
  /** Bit n: one of the keys has n bytes, so that most attributes are passed over by one look; 31 stands for more. */
  lengths = 0;
  readonly #cursor = new Cursor();
  #bytes: Uint8Array = EMPTY;
  /** The same bytes. */
  #view = NO_VIEW;

  constructor(keys: readonly string[] = []) {
    for (const key of keys) this.want(key);
  }

  /** The place of a key that is looked for from now on. */
  want(key: string): number {
    const known = this.indexOf(key);
    if (known >= 0) return known;
    const bytes = Buffer.from(key);
    this.#names.push(key);
    this.starts.push(-1);
    this.ends.push(-1);
    this.lengths |= 1 << Math.min(31, bytes.length);
    return this.#keys.push(new Key(bytes)) - 1;
  }

  /** The place of a key; -1 when it is not wanted. */
  indexOf(key: string): number {
    return this.#names.indexOf(key);
  }

  reset(): void {
    // A loop: there are two or three of them, and this is done for each item.
    for (let i = 0; i < this.starts.length; i++) this.starts[i] = -1;
  }

  /** Its next one counts again. */
  forget(index: number): void {
    this.starts[index] = -1;
  }

  /**
   * An attribute: the content of its KeyValue is bytes[start, end). Its place when it is wanted, and the first of its key;
   * else -1. Throws payload_malformed.
   */
  offer(bytes: Uint8Array, start: number, end: number): number {
    const length = bytes[start + 1] ?? 0;
    if (bytes[start] !== KEY_TAG || length >= 0x80) {
      return this.#read(bytes, start, end);
    }
    // The key comes first, and mostly is another one by its length; the value is all that follows.
    if (((this.lengths >>> Math.min(31, length)) & 1) === 0) return -1;
    const key = start + 2;
    const value = key + length;
    const valueLength = bytes[value + 1] ?? 0;
    if (value + 2 + valueLength !== end || bytes[value] !== VALUE_TAG || valueLength >= 0x80) {
      return this.#read(bytes, start, end);
    }
    const index = this.#match(bytes, key, value);
    return index >= 0 ? this.#put(index, value + 2, end) : -1;
  }

  release(): void {
    this.#bytes = EMPTY;
    this.#view = NO_VIEW;
    this.#cursor.reset(EMPTY, 0, 0);
  }

  #read(bytes: Uint8Array, start: number, end: number): number {
    const at = this.#cursor;
    let index = -1;
    let [valueStart, valueEnd] = [-1, -1];
    for (at.reset(bytes, start, end); at.next();) {
      if (at.field === KEY_VALUE.key) {
        index = at.wireType === LEN ? this.#match(bytes, at.start, at.end) : -1;
        if (index < 0) return -1;
      } else if (at.field === KEY_VALUE.value && at.wireType === LEN) {
        valueStart = at.start;
        valueEnd = at.end;
      }
    }
    return index >= 0 && valueStart >= 0 ? this.#put(index, valueStart, valueEnd) : -1;
  }

  #put(index: number, start: number, end: number): number {
    if ((this.starts[index] ?? 0) >= 0) return -1;
    this.starts[index] = start;
    this.ends[index] = end;
    return index;
  }

  /** The key that is bytes[start, end), or -1. */
  #match(bytes: Uint8Array, start: number, end: number): number {
    if (bytes !== this.#bytes) this.#look(bytes);
    const view = this.#view;
    const keys = this.#keys;
    const length = end - start;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (key !== undefined && key.length === length && key.isAt(view, start)) return i;
    }
    return -1;
  }

  #look(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** The bytes of a key, compared four at a time. */
class Key {
  readonly length: number;
  readonly #words: readonly number[];
  /** Where the last word begins, which the one before it may overlap. */
  readonly #last: number;
  readonly #lastWord: number;
  /** All of a key that is shorter than a word. */
  readonly #short: Uint8Array;

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = bytes.length;
    this.#last = bytes.length - 4;
    this.#words = Array.from({ length: Math.max(0, Math.ceil(this.#last / 4)) }, (_, i) => view.getInt32(4 * i));
    this.#lastWord = this.#last < 0 ? 0 : view.getInt32(this.#last);
    this.#short = this.#last < 0 ? bytes : EMPTY;
  }

  /** There are as many bytes from `at` on. */
  isAt(view: DataView, at: number): boolean {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) if (view.getInt32(at + 4 * i) !== words[i]) return false;
    if (this.#last >= 0) return view.getInt32(at + this.#last) === this.#lastWord;
    return this.#short.every((byte, i) => view.getUint8(at + i) === byte);
  }
}

const EMPTY = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(EMPTY.buffer);
