import { KEY_VALUE } from '../../../otlp/fields.ts';
import { Cursor, LEN } from '../../../otlp/wire.ts';

const KEY_TAG = (KEY_VALUE.key << 3) | LEN;

/** The first bytes of a KeyValue: the tag and the length of a key that is not long. */
const KEY_AT = 2;
const LONG = 0x80;

/**
 * Where the values of some attributes stand in one list of attributes, found in one walk over it:
 *
 *   KeyValue   0a <length> key   12 <length> AnyValue
 *                    │ no wanted key is that long: on to the next one
 *
 * Of attributes with one key the first that has a value counts.
 */
export class WantedAttributes {
  /** By key: the content of its AnyValue; start < 0 when there is none. */
  readonly start: number[] = [];
  readonly end: number[] = [];
  readonly #keys: Uint8Array[] = [];
  readonly #byLength: (number[] | undefined)[] = [];
  #found = false;
  readonly #entry = new Cursor();

  /** The index of a key that is looked for from now on. */
  want(key: string): number {
    const bytes = Buffer.from(key);
    const known = this.#keys.findIndex((each) => bytes.equals(each));
    if (known >= 0) return known;
    const index = this.#keys.push(bytes) - 1;
    (this.#byLength[bytes.length] ??= []).push(index);
    this.start.push(-1);
    this.end.push(-1);
    return index;
  }

  clear(): void {
    if (this.#found) this.start.fill(-1);
    this.#found = false;
  }

  /** Looks at one KeyValue, [start, end). */
  look(bytes: Uint8Array, start: number, end: number): void {
    const length = bytes[start + 1] ?? 0;
    if (bytes[start] !== KEY_TAG || length >= LONG) {
      this.#lookClosely(bytes, start, end);
      return;
    }
    const candidates = this.#byLength[length];
    if (candidates === undefined) return;
    for (const index of candidates) {
      if (isAt(bytes, start + KEY_AT, this.#keys[index])) this.#take(index, bytes, start, end);
    }
  }

  /** The key is long, or does not come first. */
  #lookClosely(bytes: Uint8Array, start: number, end: number): void {
    const entry = this.#entry;
    for (entry.reset(bytes, start, end); entry.next();) {
      if (entry.field !== KEY_VALUE.key) continue;
      const index = this.#keys.findIndex((key) => entry.equals(key));
      if (index >= 0) this.#take(index, bytes, start, end);
      return;
    }
  }

  #take(index: number, bytes: Uint8Array, start: number, end: number): void {
    if ((this.start[index] ?? 0) >= 0) return;
    const entry = this.#entry;
    for (entry.reset(bytes, start, end); entry.next();) {
      if (entry.field !== KEY_VALUE.value || entry.wireType !== LEN) continue;
      this.start[index] = entry.start;
      this.end[index] = entry.end;
      this.#found = true;
    }
  }
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array | undefined): boolean {
  if (expected === undefined) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}
