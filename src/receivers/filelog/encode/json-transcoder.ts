import { putVarint, varintSize, type Writer } from '../../../otlp/writer.ts';
import { NumberScanner } from './json-number.ts';
import { decodeString, INVALID, scanString } from './json-string.ts';
import { keyHash, KeyTable } from './key-table.ts';
import { ARRAY, BOOL, closeLength, DOUBLE, INT, KEY, KVLIST, STRING, VALUE, VALUES } from './value-tags.ts';
import { NOT_FOUND, NUMBER, OTHER, PLAIN_STRING, type Captured, type Lift, type WatchedKey } from './watched-key.ts';

const MAX_DEPTH = 40;
const MAX_KEYS = 128;
/** The worst case is `-1,` in an array: three bytes become thirteen. */
const GROWTH = 5;
const SLACK_BYTES = 1024;
/** Shorter runs are copied in a loop, which is cheaper than the call. */
const LOOP_BYTES = 32;

/**
 * Writes a JSON object straight as OTLP attributes, byte by byte, without making a single JavaScript object.
 *
 * It does the common path only: what is odd (keys with escapes, keys that stand twice, very many keys, deep nesting) and
 * what is not JSON makes `transcode` say no, with nothing written, and the caller takes the slow path, which decides.
 */
export class JsonTranscoder {
  readonly #keys: KeyTable<WatchedKey>;
  readonly #captures: Captured[];
  readonly #number = new NumberScanner();
  readonly #hashes = new Int32Array(MAX_KEYS * 8);
  #hashCount = 0;
  #source: Buffer = EMPTY;
  #pos = 0;
  #end = 0;
  #out: Buffer = EMPTY;
  #at = 0;
  // The string that was scanned last.
  #start = 0;
  #stop = 0;
  #escaped = false;
  #hash = 0;
  #lifted = 0;

  constructor(watched: readonly WatchedKey[]) {
    this.#keys = new KeyTable(watched);
    this.#captures = watched.flatMap(({ captured }) => captured ?? []);
  }

  /** Writes the object in `source[start, end)` as KeyValue fields tagged `tag`. False: nothing was written. */
  transcode(source: Buffer, start: number, end: number, writer: Writer, tag: number): boolean {
    for (const captured of this.#captures) captured.kind = NOT_FOUND;
    writer.ensure((end - start) * GROWTH + SLACK_BYTES);
    this.#source = source;
    this.#pos = start;
    this.#end = end;
    this.#out = writer.buffer;
    this.#at = writer.pos;
    this.#hashCount = 0;
    this.#lifted = 0;
    if (this.#skipBlanks() !== 0x7b || !this.#object(tag, 0)) return false;
    if (this.#skipBlanks() !== -1) return false;
    writer.pos = this.#at;
    return true;
  }

  /** The next byte that is no blank, without taking it; -1 at the end. */
  #skipBlanks(): number {
    const source = this.#source;
    for (; this.#pos < this.#end; this.#pos++) {
      const byte = source[this.#pos] ?? 0;
      if (byte > 0x20) return byte;
      if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return 0;
    }
    return -1;
  }

  #object(tag: number, depth: number): boolean {
    this.#pos++;
    const firstHash = this.#hashCount;
    let byte = this.#skipBlanks();
    if (byte === 0x7d) {
      this.#pos++;
      return true;
    }
    for (;;) {
      if (byte !== 0x22 || !this.#keyString() || !this.#isNewKey(firstHash)) return false;
      if (!this.#member(tag, depth)) return false;
      byte = this.#skipBlanks();
      this.#pos++;
      if (byte === 0x7d) break;
      if (byte !== 0x2c) return false;
      byte = this.#skipBlanks();
    }
    this.#hashCount = firstHash;
    return true;
  }

  /** A second key with the same hash may be the same key: the slow path tells. */
  #isNewKey(first: number): boolean {
    const hashes = this.#hashes;
    const hash = this.#hash;
    const count = this.#hashCount;
    for (let i = first; i < count; i++) if (hashes[i] === hash) return false;
    if (count - first >= MAX_KEYS || count >= hashes.length) return false;
    hashes[count] = hash;
    this.#hashCount = count + 1;
    return true;
  }

  /** What follows a key that was just scanned. */
  #member(tag: number, depth: number): boolean {
    const keyStart = this.#start;
    const keyEnd = this.#stop;
    const watched = depth === 0 ? this.#keys.find(this.#hash, this.#source, keyStart, keyEnd) : undefined;
    if (this.#skipBlanks() !== 0x3a) return false;
    this.#pos++;
    if (watched === undefined) return this.#value(tag, keyStart, keyEnd, depth);
    return this.#watched(watched, tag, keyStart, keyEnd);
  }

  #watched(watched: WatchedKey, tag: number, keyStart: number, keyEnd: number): boolean {
    if (watched.refuse === true) return false;
    const byte = this.#skipBlanks();
    const valueStart = this.#pos;
    if (byte === 0x22 && watched.lift !== undefined) {
      if (!this.#string()) return false;
      const lifted = this.#escaped ? -1 : this.#lift(watched.lift);
      if (lifted === -2) return false;
      if (lifted !== -1) this.#at = lifted;
      if (lifted !== -1 && !watched.lift.keepsAttribute) return true;
      this.#pos = valueStart;
    }
    if (!this.#value(tag, keyStart, keyEnd, 0)) return false;
    const { captured } = watched;
    if (captured === undefined) return true;
    if (byte === 0x22 && !this.#escaped) {
      captured.kind = PLAIN_STRING;
      captured.start = this.#start;
      captured.end = this.#stop;
    } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      captured.kind = NUMBER;
      captured.start = valueStart;
      captured.end = this.#pos;
    } else captured.kind = OTHER;
    return true;
  }

  /** Where the lifted field ends; -1 when the value is not fit, -2 when its kind was lifted before. */
  #lift(lift: Lift): number {
    const end = lift.write(this.#source, this.#start, this.#stop, this.#out, this.#at);
    if (end === -1) return -1;
    const bit = 1 << lift.kind;
    if ((this.#lifted & bit) !== 0) return -2;
    this.#lifted |= bit;
    return end;
  }

  /** One value, with its key, or as an element of an array when `keyStart` is -1. */
  #value(tag: number, keyStart: number, keyEnd: number, depth: number): boolean {
    const byte = this.#skipBlanks();
    switch (byte) {
      case 0x22:
        if (keyStart !== -1 && this.#shortString(tag, keyStart, keyEnd)) return true;
        if (!this.#string()) return false;
        if (this.#escaped) return this.#escapedString(tag, keyStart, keyEnd);
        this.#plainString(tag, keyStart, keyEnd);
        return true;
      case 0x7b:
      case 0x5b:
        return depth < MAX_DEPTH && this.#container(tag, keyStart, keyEnd, depth, byte === 0x7b);
      case 0x74:
        return this.#literal(TRUE) && this.#boolean(tag, keyStart, keyEnd, 1);
      case 0x66:
        return this.#literal(FALSE) && this.#boolean(tag, keyStart, keyEnd, 0);
      case 0x6e:
        if (!this.#literal(NULL)) return false;
        this.#head(tag, keyStart, keyEnd, 0);
        return true;
      default:
        return this.#numeric(tag, keyStart, keyEnd);
    }
  }

  #container(tag: number, keyStart: number, keyEnd: number, depth: number, isObject: boolean): boolean {
    const out = this.#out;
    out[this.#at++] = tag;
    const outer = this.#at++;
    let any = -1;
    if (keyStart !== -1) {
      this.#key(keyStart, keyEnd);
      out[this.#at++] = VALUE;
      any = this.#at++;
    }
    out[this.#at++] = isObject ? KVLIST : ARRAY;
    const inner = this.#at++;
    if (!(isObject ? this.#object(VALUES, depth + 1) : this.#array(depth + 1))) return false;
    let at = closeLength(out, inner, this.#at);
    if (any !== -1) at = closeLength(out, any, at);
    this.#at = closeLength(out, outer, at);
    return true;
  }

  #array(depth: number): boolean {
    this.#pos++;
    if (this.#skipBlanks() === 0x5d) {
      this.#pos++;
      return true;
    }
    for (;;) {
      if (!this.#value(VALUES, -1, -1, depth)) return false;
      const byte = this.#skipBlanks();
      this.#pos++;
      if (byte === 0x5d) return true;
      if (byte !== 0x2c) return false;
    }
  }

  /** Everything before the content of an AnyValue of `anySize` bytes. */
  #head(tag: number, keyStart: number, keyEnd: number, anySize: number): void {
    const out = this.#out;
    let at = this.#at;
    out[at++] = tag;
    if (keyStart === -1) {
      this.#at = putVarint(out, at, anySize);
      return;
    }
    const keySize = keyEnd - keyStart;
    if (keySize + anySize > 123) {
      this.#longHead(keyStart, keyEnd, anySize);
      return;
    }
    // Nearly always: every length is one byte.
    out[at++] = keySize + anySize + 4;
    out[at++] = KEY;
    out[at++] = keySize;
    const source = this.#source;
    for (let i = keyStart; i < keyEnd; i++) out[at++] = source[i] ?? 0;
    out[at++] = VALUE;
    out[at++] = anySize;
    this.#at = at;
  }

  #longHead(keyStart: number, keyEnd: number, anySize: number): void {
    const out = this.#out;
    const keySize = keyEnd - keyStart;
    this.#at = putVarint(out, this.#at + 1, 2 + varintSize(keySize) + keySize + varintSize(anySize) + anySize);
    this.#key(keyStart, keyEnd);
    out[this.#at++] = VALUE;
    this.#at = putVarint(out, this.#at, anySize);
  }

  #key(start: number, end: number): void {
    this.#out[this.#at++] = KEY;
    this.#at = putVarint(this.#out, this.#at, end - start);
    this.#copy(start, end);
  }

  #copy(start: number, end: number): void {
    const source = this.#source;
    const out = this.#out;
    let at = this.#at;
    if (end - start <= LOOP_BYTES) {
      for (let i = start; i < end; i++) out[at++] = source[i] ?? 0;
    } else at += source.copy(out, at, start, end);
    this.#at = at;
  }

  #plainString(tag: number, keyStart: number, keyEnd: number): void {
    const start = this.#start;
    const stop = this.#stop;
    const length = stop - start;
    this.#head(tag, keyStart, keyEnd, length < 0x80 ? 2 + length : 1 + varintSize(length) + length);
    const out = this.#out;
    out[this.#at++] = STRING;
    if (length < 0x80) out[this.#at++] = length;
    else this.#at = putVarint(out, this.#at, length);
    this.#copy(start, stop);
  }

  /**
   * An attribute that is a plain string and whose lengths are one byte each, which most are: scanned and copied in one
   * pass. False when it is not; then nothing was taken.
   */
  #shortString(tag: number, keyStart: number, keyEnd: number): boolean {
    const keySize = keyEnd - keyStart;
    const longest = 121 - keySize;
    if (longest <= 0) return false;
    const source = this.#source;
    const out = this.#out;
    const begin = this.#at;
    const valueAt = begin + keySize + 8;
    const start = this.#pos + 1;
    const end = Math.min(this.#end, start + longest + 1);
    let at = valueAt;
    let pos = start;
    let byte = 0;
    for (; pos < end; pos++) {
      byte = source[pos] ?? 0;
      if (byte === 0x22 || byte === 0x5c || byte < 0x20) break;
      out[at++] = byte;
    }
    if (byte !== 0x22 || pos === end) return false;
    const length = pos - start;
    out[begin] = tag;
    out[begin + 1] = keySize + length + 6;
    out[begin + 2] = KEY;
    out[begin + 3] = keySize;
    let keyAt = begin + 4;
    for (let i = keyStart; i < keyEnd; i++) out[keyAt++] = source[i] ?? 0;
    out[keyAt] = VALUE;
    out[keyAt + 1] = length + 2;
    out[keyAt + 2] = STRING;
    out[keyAt + 3] = length;
    this.#at = at;
    this.#start = start;
    this.#stop = pos;
    this.#escaped = false;
    this.#pos = pos + 1;
    return true;
  }

  #escapedString(tag: number, keyStart: number, keyEnd: number): boolean {
    const text = decodeString(this.#source, this.#start, this.#stop);
    if (text === undefined) return false;
    const length = Buffer.byteLength(text);
    this.#head(tag, keyStart, keyEnd, 1 + varintSize(length) + length);
    this.#out[this.#at++] = STRING;
    this.#at = putVarint(this.#out, this.#at, length);
    this.#at += this.#out.write(text, this.#at, 'utf8');
    return true;
  }

  #boolean(tag: number, keyStart: number, keyEnd: number, value: 0 | 1): boolean {
    this.#head(tag, keyStart, keyEnd, 2);
    this.#out[this.#at++] = BOOL;
    this.#out[this.#at++] = value;
    return true;
  }

  #numeric(tag: number, keyStart: number, keyEnd: number): boolean {
    const number = this.#number;
    const end = number.scan(this.#source, this.#pos, this.#end);
    if (end === -1) return false;
    this.#pos = end;
    if (number.isDouble) {
      this.#head(tag, keyStart, keyEnd, 9);
      this.#out[this.#at++] = DOUBLE;
    } else {
      this.#head(tag, keyStart, keyEnd, 1 + number.size);
      this.#out[this.#at++] = INT;
    }
    this.#at = number.write(this.#out, this.#at);
    return true;
  }

  #literal(word: Buffer): boolean {
    for (let i = 0; i < word.length; i++) if (this.#source[this.#pos + i] !== word[i]) return false;
    this.#pos += word.length;
    return this.#pos <= this.#end;
  }

  /** Scans the string whose quote is at `pos`: notes its content and whether it has escapes. */
  #string(): boolean {
    const found = scanString(this.#source, this.#pos + 1, this.#end);
    if (found === INVALID) return false;
    this.#escaped = found < 0;
    this.#start = this.#pos + 1;
    this.#stop = found < 0 ? -2 - found : found;
    this.#pos = this.#stop + 1;
    return true;
  }

  /** The same for a key, which is hashed too; false also when it has escapes. */
  #keyString(): boolean {
    const source = this.#source;
    const end = this.#end;
    let pos = this.#pos + 1;
    let hash = 0;
    this.#start = pos;
    for (; pos < end; pos++) {
      const byte = source[pos] ?? 0;
      if (byte === 0x22) {
        this.#stop = pos;
        this.#hash = hash;
        this.#pos = pos + 1;
        return true;
      }
      if (byte === 0x5c || byte < 0x20) return false;
      hash = keyHash(hash, byte);
    }
    return false;
  }
}

const EMPTY = Buffer.alloc(0);
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
