import { putVarint, varintSize } from '../../../otlp/writer.ts';
import { KEY, VALUE } from './value-tags.ts';
import type { WatchedKey } from './watched-key.ts';

/**
 * A key that some line had, with everything that is to know about it: lines of one program have the same keys in the
 * same order, so mostly the key that follows is the one that followed before, and comparing is all there is to do.
 */
export class KnownKey {
  readonly watched: WatchedKey | undefined;
  /** `string key = 1` and the tag of `AnyValue value = 2`, as they are written. */
  readonly head: Uint8Array;
  /** Which of the objects had it last, counted over the life of the table: a second time in one object is a duplicate. */
  lastObject = 0;
  /** What followed it the last time. */
  next: KnownKey | undefined;
  /** Another key with the same hash. */
  readonly sibling: KnownKey | undefined;
  readonly #content: Uint8Array;
  /** The key as it stands in a line, `"level":`, four bytes each; the last under the mask. */
  readonly #words: Int32Array;
  readonly #lastMask: number;

  constructor(content: Uint8Array, watched: WatchedKey | undefined, sibling: KnownKey | undefined) {
    this.watched = watched;
    this.sibling = sibling;
    this.#content = content;
    this.head = headOf(content);
    this.#words = wordsOf(content);
    const rest = (content.length + 3) % 4;
    this.#lastMask = rest === 0 ? -1 : (1 << (8 * rest)) - 1;
  }

  /** Where it ends, with its colon, when it stands at `pos` without blanks; -1 otherwise. Looks no further than `end`. */
  match(view: DataView, pos: number, end: number): number {
    const words = this.#words;
    const last = words.length - 1;
    if (pos + 4 * words.length > end) return -1;
    for (let i = 0; i < last; i++) if (view.getInt32(pos + 4 * i, true) !== words[i]) return -1;
    if (((view.getInt32(pos + 4 * last, true) ^ (words[last] ?? 0)) & this.#lastMask) !== 0) return -1;
    return pos + this.#content.length + 3;
  }

  equals(source: Uint8Array, start: number, end: number): boolean {
    const content = this.#content;
    if (content.length !== end - start) return false;
    for (let i = 0; i < content.length; i++) if (content[i] !== source[start + i]) return false;
    return true;
  }
}

function headOf(content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(2 + varintSize(content.length) + content.length);
  head[0] = KEY;
  const at = putVarint(head, 1, content.length);
  head.set(content, at);
  head[head.length - 1] = VALUE;
  return head;
}

function wordsOf(content: Uint8Array): Int32Array {
  const text = Buffer.alloc(Math.ceil((content.length + 3) / 4) * 4);
  text.set(content, 1);
  text[0] = text[content.length + 1] = 0x22;
  text[content.length + 2] = 0x3a;
  return Int32Array.from({ length: text.length / 4 }, (_, i) => text.readInt32LE(4 * i));
}

/** Bytes that the known keys may take, about; then all are forgotten and learned again. */
const LIMIT_BYTES = 512 * 1024;
const KEY_BYTES = 256;

/**
 * The keys of objects at one depth. Objects of one depth follow one another and never overlap, so a mark on the key tells
 * whether the present object had it.
 */
export class KnownKeys {
  /** Stands before the first key of an object. */
  readonly start = new KnownKey(new Uint8Array(), undefined, undefined);
  readonly #watched: readonly WatchedKey[];
  readonly #keys = new Map<number, KnownKey>();
  #bytes = 0;

  constructor(watched: readonly WatchedKey[] = []) {
    this.#watched = watched;
    this.#forget();
  }

  /** Keeps the memory bounded; call it between lines. */
  tidy(): void {
    if (this.#bytes > LIMIT_BYTES) this.#forget();
  }

  /** The key with these bytes, which `hash` is made of. Undefined when there are too many in one line. */
  find(hash: number, source: Uint8Array, start: number, end: number): KnownKey | undefined {
    const first = this.#keys.get(hash);
    for (let key = first; key !== undefined; key = key.sibling) if (key.equals(source, start, end)) return key;
    if (this.#bytes > 4 * LIMIT_BYTES) return undefined;
    return this.#add(hash, Uint8Array.prototype.slice.call(source, start, end), undefined);
  }

  #add(hash: number, content: Uint8Array, watched: WatchedKey | undefined): KnownKey {
    const key = new KnownKey(content, watched, this.#keys.get(hash));
    this.#keys.set(hash, key);
    this.#bytes += KEY_BYTES + 3 * content.length;
    return key;
  }

  #forget(): void {
    this.#keys.clear();
    this.start.next = undefined;
    this.#bytes = 0;
    for (const watched of this.#watched) {
      const content = Buffer.from(watched.key, 'utf8');
      this.#add(content.reduce(keyHash, 0), content, watched);
    }
  }
}

/** One step of the hash over the bytes of a key; start with 0. */
export function keyHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}
