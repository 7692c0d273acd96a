import { randomWord, type Random } from '../../core/random.ts';
import { isWellFormedText, isWellFormedValue } from '../../otlp/well-formed.ts';
import { putVarint } from '../../otlp/writer.ts';

/**
 * What tells the series of one resource apart, as bytes:
 *
 *   service.name | scope name | scope version | span.name | kind, 1 byte | status, 1 byte | value of each dimension ...
 *
 * Texts and values (the content of an AnyValue) have their length + 1 as a varint before them; 0 is one that is absent.
 * Kind and status are those of the span, or LEFT_OUT. A key is made in one buffer, where what spans have in common stays
 * at the beginning, and is copied only when its series is a new one. Zeros follow it up to a whole word, because keys are
 * hashed and compared by words.
 *
 * Keys are made of what spans say, so their hash has secrets of this process: whoever names spans does not know which names
 * would fall together. Each word is multiplied twice. After one multiplication a change of its highest bit would still be
 * known whatever the factor is, and the next word could undo it.
 */
export class KeyBuilder {
  bytes = new Uint8Array(1024);
  length = 0;
  hash = 0;
  #words = new Int32Array(this.bytes.buffer);
  readonly #seed: number;
  readonly #first: number;
  readonly #second: number;

  constructor(random: Random) {
    this.#seed = randomWord(random);
    // Odd, so that no bit is lost.
    this.#first = randomWord(random) | 1;
    this.#second = randomWord(random) | 1;
  }

  /** Goes back to the first `length` bytes. */
  truncate(length: number): void {
    this.length = length;
  }

  value(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.#ensure(size + 6);
    const { bytes } = this;
    let at = this.length;
    if (size < 0x7f) bytes[at++] = size + 1;
    else at = putVarint(bytes, at, size + 1);
    for (let i = start; i < end; i++) bytes[at++] = source[i] ?? 0;
    this.length = at;
  }

  absent(): void {
    this.byte(0);
  }

  byte(value: number): void {
    this.#ensure(1);
    this.bytes[this.length++] = value;
  }

  /** Hashes what was written, for a resource by its number. To be called before `hash`, `equals` and `copy` are of use. */
  finish(resource: number): void {
    this.#ensure(WORD);
    const { bytes, length } = this;
    for (let at = length; at % WORD !== 0; at++) bytes[at] = 0;
    const words = this.#words;
    const count = Math.ceil(length / WORD);
    const [first, second] = [this.#first, this.#second];
    let hash = this.#seed ^ Math.imul(resource + 1, 0x9e3779b1);
    for (let at = 0; at < count; at++) {
      hash = Math.imul(hash ^ (words[at] ?? 0), first);
      hash = Math.imul(hash ^ (hash >>> 15), second);
      hash ^= hash >>> 13;
    }
    this.hash = hash;
  }

  /** `other` is a copy. */
  equals(other: Int32Array): boolean {
    const words = this.#words;
    const count = other.length;
    if (count !== Math.ceil(this.length / WORD)) return false;
    for (let at = 0; at < count; at++) if (words[at] !== other[at]) return false;
    return true;
  }

  /** The key in memory of its own. */
  copy(): Int32Array {
    return this.#words.slice(0, Math.ceil(this.length / WORD));
  }

  #ensure(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(wordsFor(Math.max(this.bytes.length * 2, this.length + more)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.#words = new Int32Array(grown.buffer);
  }
}

const WORD = 4;

function wordsFor(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD;
}

/** In place of a kind or a status that is no dimension. */
export const LEFT_OUT = 0xff;

/** Reads the parts of a key in their order. */
export class KeyReader {
  readonly bytes: Uint8Array;
  #pos = 0;
  /** Of the value that was read last. */
  start = 0;
  end = 0;

  constructor(key: Int32Array) {
    this.bytes = new Uint8Array(key.buffer);
  }

  /** False for one that is absent. */
  value(): boolean {
    let size = 0;
    let factor = 1;
    let byte: number;
    do {
      byte = this.byte();
      size += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte >= 0x80);
    if (size === 0) return false;
    this.start = this.#pos;
    this.end = this.#pos += size - 1;
    return true;
  }

  byte(): number {
    return this.bytes[this.#pos++] ?? 0;
  }

  /** True after the last part of a key of `length` bytes. */
  isAtEnd(length: number): boolean {
    return this.#pos >= length;
  }
}

/** Names and versions of the scope and the span. */
const TEXTS = 3;

/** Whether whoever gets the series can decode all that its key of `length` bytes says. */
export function isWellFormedKey(key: Int32Array, length: number): boolean {
  const part = new KeyReader(key);
  const isGood = (is: typeof isWellFormedValue): boolean => !part.value() || is(part.bytes, part.start, part.end);
  if (!isGood(isWellFormedValue)) return false;
  for (let text = 0; text < TEXTS; text++) if (!isGood(isWellFormedText)) return false;
  part.byte();
  part.byte();
  while (!part.isAtEnd(length)) if (!isGood(isWellFormedValue)) return false;
  return true;
}
