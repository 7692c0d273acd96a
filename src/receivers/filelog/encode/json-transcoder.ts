import { putVarint, varintSize, type Writer } from '../../../otlp/writer.ts';
import { NumberScanner } from './json-number.ts';
import { StringCopier } from './json-string.ts';
import { keyHash, KnownKeys, type KnownKey } from './known-keys.ts';
import { ARRAY, BOOL, closeLength, DOUBLE, INT, KVLIST, STRING, VALUES } from './value-tags.ts';
import { NOT_FOUND, NUMBER, OTHER, PLAIN_STRING, type Captured, type Lift, type WatchedKey } from './watched-key.ts';

/** Objects and arrays inside the outermost object; what is deeper the slow path refuses too. */
const MAX_DEPTH = 49;
/** The worst case is `-1,` in an array: three bytes become thirteen. */
const GROWTH = 5;
const SLACK_BYTES = 1024;
/** Of a field whose length is one byte. */
const LONGEST_SHORT_BYTES = 2 + 0x7f;

/**
 * Writes a JSON object straight as OTLP attributes, byte by byte, without making a JavaScript object of the line.
 *
 * What is not JSON, keys that stand twice and very many new keys make `transcode` say no, with nothing written, and the
 * caller takes the slow path, which decides.
 */
export class JsonTranscoder {
  /** By depth. */
  readonly #known: KnownKeys[];
  readonly #captures: Captured[];
  readonly #number = new NumberScanner();
  readonly #string = new StringCopier();
  #object = 0;
  #source: Buffer = EMPTY;
  #view = EMPTY_VIEW;
  #pos = 0;
  #end = 0;
  #out: Buffer = EMPTY;
  #outView = EMPTY_VIEW;
  #at = 0;
  #lifted = 0;

  constructor(watched: readonly WatchedKey[]) {
    this.#known = [new KnownKeys(watched)];
    this.#captures = watched.flatMap(({ captured }) => captured ?? []);
  }

  /** Writes the object in `source[start, end)` as KeyValue fields tagged `tag`. False: nothing was written. */
  transcode(source: Buffer, start: number, end: number, writer: Writer, tag: number): boolean {
    const captures = this.#captures;
    for (let i = 0; i < captures.length; i++) (captures[i] as Captured).kind = NOT_FOUND;
    for (let i = 0; i < this.#known.length; i++) this.#known[i]?.tidy();
    writer.ensure((end - start) * GROWTH + SLACK_BYTES);
    if (this.#source !== source) this.#view = viewOf(source);
    if (this.#out !== writer.buffer) this.#outView = viewOf(writer.buffer);
    this.#source = source;
    this.#pos = start;
    this.#end = end;
    this.#out = writer.buffer;
    this.#at = writer.pos;
    this.#lifted = 0;
    if (this.#skipBlanks() !== 0x7b || !this.#members(tag, 0)) return false;
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

  /** An object from its brace on: each member as a KeyValue tagged `tag`. */
  #members(tag: number, depth: number): boolean {
    const known = (this.#known[depth] ??= new KnownKeys());
    const object = ++this.#object;
    this.#pos++;
    let byte = this.#skipBlanks();
    if (byte === 0x7d) {
      this.#pos++;
      return true;
    }
    for (let previous = known.start; ;) {
      const key = this.#key(known, previous, byte);
      if (key === undefined || key.lastObject === object) return false;
      key.lastObject = object;
      previous = key;
      const { watched } = key;
      if (!(watched === undefined ? this.#value(tag, key, depth) : this.#watched(watched, tag, key))) return false;
      byte = this.#skipBlanks();
      this.#pos++;
      if (byte === 0x7d) return true;
      if (byte !== 0x2c) return false;
      byte = this.#skipBlanks();
    }
  }

  /** The key, whose first byte is `byte`, with its colon. Undefined when there is none. */
  #key(known: KnownKeys, previous: KnownKey, byte: number): KnownKey | undefined {
    const { next } = previous;
    const end = next === undefined ? -1 : next.match(this.#view, this.#pos, this.#end);
    if (end !== -1) {
      this.#pos = end;
      return next;
    }
    const key = byte === 0x22 ? this.#newKey(known) : undefined;
    if (key === undefined || this.#skipBlanks() !== 0x3a) return undefined;
    this.#pos++;
    previous.next = key;
    return key;
  }

  /** A key that was not expected here. Its characters are put where the output goes on, and overwritten later. */
  #newKey(known: KnownKeys): KnownKey | undefined {
    const out = this.#out;
    const start = this.#at;
    const end = this.#string.copy(this.#view, this.#pos + 1, this.#end, this.#outView, start);
    if (end === -1) return undefined;
    this.#pos = this.#string.end;
    let hash = 0;
    for (let i = start; i < end; i++) hash = keyHash(hash, out[i] ?? 0);
    return known.find(hash, out, start, end);
  }

  #watched(watched: WatchedKey, tag: number, key: KnownKey): boolean {
    if (watched.refuse === true) return false;
    const byte = this.#skipBlanks();
    const start = this.#pos;
    if (byte === 0x22 && watched.lift !== undefined) {
      const lifted = this.#lift(watched.lift, start + 1);
      if (lifted === DOUBLE_LIFT) return false;
      if (lifted && !watched.lift.keepsAttribute) return true;
    }
    if (!this.#value(tag, key, 0)) return false;
    const { captured } = watched;
    if (captured === undefined) return true;
    const isString = byte === 0x22 && !this.#string.escaped;
    const isNumber = byte === 0x2d || (byte >= 0x30 && byte <= 0x39);
    captured.kind = isString ? PLAIN_STRING : isNumber ? NUMBER : OTHER;
    captured.start = isString ? start + 1 : start;
    captured.end = isString ? this.#pos - 1 : this.#pos;
    return true;
  }

  /** False when the string is not fit, DOUBLE_LIFT when its kind was lifted before. */
  #lift(lift: Lift, start: number): boolean | typeof DOUBLE_LIFT {
    const end = start + lift.digits;
    if (end >= this.#end || this.#source[end] !== 0x22) return false;
    const at = lift.write(this.#source, start, end, this.#out, this.#at);
    if (at === -1) return false;
    const bit = 1 << lift.kind;
    if ((this.#lifted & bit) !== 0) return DOUBLE_LIFT;
    this.#lifted |= bit;
    this.#at = at;
    if (!lift.keepsAttribute) this.#pos = end + 1;
    return true;
  }

  /** One value, with its key, or as an element of an array when there is none. */
  #value(tag: number, key: KnownKey | undefined, depth: number): boolean {
    const byte = this.#skipBlanks();
    switch (byte) {
      case 0x22:
        return this.#text(tag, key);
      case 0x7b:
      case 0x5b:
        return depth < MAX_DEPTH && this.#container(tag, key, depth + 1, byte === 0x7b);
      case 0x74:
        return this.#literal(TRUE) && this.#boolean(tag, key, 1);
      case 0x66:
        return this.#literal(FALSE) && this.#boolean(tag, key, 0);
      case 0x6e:
        if (!this.#literal(NULL)) return false;
        this.#head(tag, key, 0);
        return true;
      default:
        return this.#numeric(tag, key);
    }
  }

  #container(tag: number, key: KnownKey | undefined, depth: number, isObject: boolean): boolean {
    const out = this.#out;
    out[this.#at++] = tag;
    const outer = this.#at++;
    let any = -1;
    if (key !== undefined) {
      this.#at = copyShort(key.head, out, this.#at);
      any = this.#at++;
    }
    out[this.#at++] = isObject ? KVLIST : ARRAY;
    const inner = this.#at++;
    if (!(isObject ? this.#members(VALUES, depth) : this.#elements(depth))) return false;
    let at = closeLength(out, inner, this.#at);
    if (any !== -1) at = closeLength(out, any, at);
    this.#at = closeLength(out, outer, at);
    return true;
  }

  #elements(depth: number): boolean {
    this.#pos++;
    if (this.#skipBlanks() === 0x5d) {
      this.#pos++;
      return true;
    }
    for (;;) {
      if (!this.#value(VALUES, undefined, depth)) return false;
      const byte = this.#skipBlanks();
      this.#pos++;
      if (byte === 0x5d) return true;
      if (byte !== 0x2c) return false;
    }
  }

  /** Everything before the content of an AnyValue of `anyBytes`. */
  #head(tag: number, key: KnownKey | undefined, anyBytes: number): void {
    const out = this.#out;
    out[this.#at++] = tag;
    if (key !== undefined) {
      this.#at = putVarint(out, this.#at, key.head.length + varintSize(anyBytes) + anyBytes);
      this.#at = copyShort(key.head, out, this.#at);
    }
    this.#at = putVarint(out, this.#at, anyBytes);
  }

  /** The string is copied to where it belongs when every length is one byte, which is nearly always so. */
  #text(tag: number, key: KnownKey | undefined): boolean {
    const begin = this.#at;
    const string = this.#string;
    const contentAt = begin + (key === undefined ? 4 : key.head.length + 5);
    const end = string.copy(this.#view, this.#pos + 1, this.#end, this.#outView, contentAt);
    if (end === -1) return false;
    this.#pos = string.end;
    const length = end - contentAt;
    if (end - begin > LONGEST_SHORT_BYTES) {
      this.#longText(tag, key, contentAt, length);
      return true;
    }
    const out = this.#out;
    let at = begin;
    out[at++] = tag;
    if (key !== undefined) {
      out[at++] = key.head.length + 3 + length;
      at = copyShort(key.head, out, at);
    }
    out[at++] = 2 + length;
    out[at++] = STRING;
    out[at] = length;
    this.#at = end;
    return true;
  }

  /** Moves the content up, as its lengths need more bytes. */
  #longText(tag: number, key: KnownKey | undefined, contentAt: number, length: number): void {
    const out = this.#out;
    const anyBytes = 1 + varintSize(length) + length;
    const keyBytes = key?.head.length ?? 0;
    const outerBytes = key === undefined ? 0 : varintSize(keyBytes + varintSize(anyBytes) + anyBytes);
    const movedTo = this.#at + 1 + outerBytes + keyBytes + varintSize(anyBytes) + 1 + varintSize(length);
    out.copyWithin(movedTo, contentAt, contentAt + length);
    this.#head(tag, key, anyBytes);
    out[this.#at++] = STRING;
    this.#at = putVarint(out, this.#at, length) + length;
  }

  #boolean(tag: number, key: KnownKey | undefined, value: 0 | 1): boolean {
    this.#head(tag, key, 2);
    this.#out[this.#at++] = BOOL;
    this.#out[this.#at++] = value;
    return true;
  }

  #numeric(tag: number, key: KnownKey | undefined): boolean {
    const number = this.#number;
    const end = number.scan(this.#source, this.#pos, this.#end);
    if (end === -1) return false;
    this.#pos = end;
    this.#head(tag, key, 1 + number.size);
    this.#out[this.#at++] = number.isDouble ? DOUBLE : INT;
    this.#at = number.write(this.#outView, this.#at);
    return true;
  }

  #literal(word: Buffer): boolean {
    for (let i = 0; i < word.length; i++) if (this.#source[this.#pos + i] !== word[i]) return false;
    this.#pos += word.length;
    return this.#pos <= this.#end;
  }
}

const DOUBLE_LIFT = 'double';
const EMPTY = Buffer.alloc(0);
const EMPTY_VIEW = viewOf(EMPTY);
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** In a loop, which is cheaper than a call for the few bytes of a key. */
function copyShort(source: Uint8Array, out: Buffer, at: number): number {
  const { length } = source;
  for (let i = 0; i < length; i++) out[at + i] = source[i] ?? 0;
  return at + length;
}
