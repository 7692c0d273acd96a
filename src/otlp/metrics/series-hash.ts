import { randomWord, type Random } from '../../core/random.ts';
import { KEY_VALUE } from '../fields.ts';
import { Cursor, LEN } from '../wire.ts';
import { Writer } from '../writer.ts';

/**
 * Says of a set of attributes, and of what is around it, by 96 bits which one it is; the order of the attributes makes no
 * difference. It hashes in place: no text, no object.
 *
 *     hasher.source(bytes);
 *     hasher.begin(low, mid, high);              // what is around: what an `end` before has left, or nothing
 *     hasher.context(start, end);                // in their order: a name, a unit, ...
 *     hasher.attribute(start, end);              // in any order: the content of a KeyValue
 *     hasher.end();                              // low, mid, high
 *
 * Two of n sets meet in one hash with odds of n^2 in 2^97: of a million sets, one time in 10^17. The multipliers are made
 * from the injected randomness, so that a sender does not know which sets would meet; it is no hash for secrets.
 *
 * An attribute is its key and the bytes of its AnyValue: however a KeyValue around them is encoded, it is the same one.
 * An AnyValue that is empty is as one that is absent.
 */
export class SeriesHasher {
  /** Of the last `end`: 32 bits each, as signed integers, which are no objects wherever they are kept. */
  low = 0;
  mid = 0;
  high = 0;
  readonly #seeds: readonly [number, number, number];
  readonly #factors: readonly [number, number, number];
  readonly #canonical = new Writer(256);
  #bytes: Uint8Array = EMPTY;
  #view: DataView = EMPTY_VIEW;
  /** Of what `#digest` read. */
  #a = 0;
  #b = 0;
  #c = 0;
  #contextA = 0;
  #contextB = 0;
  #contextC = 0;
  #sumA = 0;
  #sumB = 0;
  #sumC = 0;

  constructor(random: Random) {
    const word = (): number => randomWord(random);
    this.#seeds = [word(), word(), word()];
    // Odd, so that no bit is lost.
    this.#factors = [word() | 1, word() | 1, word() | 1];
  }

  /** The bytes that ranges are of from now on. */
  source(bytes: Uint8Array): void {
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Lets go of the bytes. */
  release(): void {
    this.#bytes = EMPTY;
    this.#view = EMPTY_VIEW;
  }

  begin(low = 0, mid = 0, high = 0): void {
    this.#contextA = low;
    this.#contextB = mid;
    this.#contextC = high;
    this.#sumA = 0;
    this.#sumB = 0;
    this.#sumC = 0;
  }

  /** What is around, in order; `ab`, `c` is not `a`, `bc`. */
  context(start: number, end: number): void {
    this.#digest(this.#view, start, end);
    this.sameContext();
  }

  /** The range that `context` was given last, around something else. */
  sameContext(): void {
    this.#contextA = (mixed(this.#contextA ^ this.#a) + this.#c) | 0;
    this.#contextB = (mixed(this.#contextB ^ this.#b) + this.#a) | 0;
    this.#contextC = (mixed(this.#contextC ^ this.#c) + this.#b) | 0;
  }

  /** The same, with a number of 32 bits. */
  number(value: number): void {
    this.#contextA = mixed(this.#contextA ^ Math.imul(value + 1, this.#factors[0]));
    this.#contextB = mixed(this.#contextB ^ Math.imul(value + 2, this.#factors[1]));
    this.#contextC = mixed(this.#contextC ^ Math.imul(value + 3, this.#factors[2]));
  }

  /** One attribute: the content of a KeyValue. */
  attribute(start: number, end: number): void {
    if (isCanonical(this.#bytes, start, end)) this.#digest(this.#view, start, end);
    else this.#digestOther(start, end);
    this.#sumA = (this.#sumA + mixed(this.#a + this.#b)) | 0;
    this.#sumB = (this.#sumB + mixed(this.#b + this.#c)) | 0;
    this.#sumC = (this.#sumC + mixed(this.#c ^ this.#a)) | 0;
  }

  end(): void {
    const a = mixed(this.#contextA + this.#sumA);
    const b = mixed(this.#contextB + this.#sumB);
    const c = mixed(this.#contextC + this.#sumC);
    this.low = (a + b) | 0;
    this.mid = b ^ c;
    this.high = (c + a) | 0;
  }

  /**
   * Each word goes into all three halves, turned by a different number of bits, so that what cancels out in one does not
   * in the others.
   */
  #digest(view: DataView, start: number, end: number): void {
    const seeds = this.#seeds;
    const factors = this.#factors;
    let [a, b, c] = [seeds[0], seeds[1], seeds[2]];
    const [f, g, h] = [factors[0], factors[1], factors[2]];
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word = view.getInt32(at, true);
      a = Math.imul(a ^ word, f);
      a ^= a >>> 15;
      b = Math.imul(b ^ ((word << 11) | (word >>> 21)), g);
      b ^= b >>> 13;
      c = Math.imul(c ^ ((word << 22) | (word >>> 10)), h);
      c ^= c >>> 16;
    }
    let rest = end - start;
    for (; at < end; at++) rest = (rest << 8) ^ view.getUint8(at);
    a = Math.imul(a ^ rest, f);
    b = Math.imul(b ^ rest, g);
    c = Math.imul(c ^ rest, h);
    this.#a = a ^ (a >>> 15);
    this.#b = b ^ (b >>> 13);
    this.#c = c ^ (c >>> 16);
  }

  #digestOther(start: number, end: number): void {
    const bytes = this.#bytes;
    let [keyStart, keyEnd, valueStart, valueEnd] = [start, start, start, start];
    for (entry.reset(bytes, start, end); entry.next();) {
      if (entry.wireType !== LEN) continue;
      if (entry.field === KEY_VALUE.key) [keyStart, keyEnd] = [entry.start, entry.end];
      else if (entry.field === KEY_VALUE.value) [valueStart, valueEnd] = [entry.start, entry.end];
    }
    entry.reset(EMPTY, 0, 0);
    const writer = this.#canonical;
    writer.pos = 0;
    writer.bytes(KEY_VALUE.key, bytes, keyStart, keyEnd);
    writer.bytes(KEY_VALUE.value, bytes, valueStart, valueEnd);
    const { buffer, pos } = writer;
    this.#digest(new DataView(buffer.buffer, buffer.byteOffset, pos), 0, pos);
    if (buffer.length > KEPT_BYTES) writer.detach(256);
  }
}

/** A buffer that grew larger is not kept. */
const KEPT_BYTES = 64 * 1024;
const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer);
const KEY_TAG = (KEY_VALUE.key << 3) | LEN;
const VALUE_TAG = (KEY_VALUE.value << 3) | LEN;
const entry = new Cursor();

/** As encoders write a KeyValue: the key, then the value, each shorter than 128 bytes, and nothing else. */
function isCanonical(bytes: Uint8Array, start: number, end: number): boolean {
  const keyLength = bytes[start + 1] ?? 0xff;
  const valueAt = start + 2 + keyLength;
  if (keyLength >= 0x80 || valueAt + 2 > end || bytes[start] !== KEY_TAG) return false;
  const valueLength = bytes[valueAt + 1] ?? 0xff;
  return bytes[valueAt] === VALUE_TAG && valueLength < 0x80 && valueAt + 2 + valueLength === end;
}

/** Murmur3's finalizer. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
