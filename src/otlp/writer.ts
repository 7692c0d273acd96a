import { I32, I64, LEN, VARINT } from './wire.ts';

/**
 * Writes protobuf forwards into one growing buffer.
 *
 * A nested message is opened with `begin` and closed with `end`: one byte is kept for its length, and the content moves
 * up when it needs more, so lengths are always minimal. Strings and ranges are written without intermediate copies.
 *
 *     const record = writer.begin(SCOPE_X.items);
 *     writer.fixed64(LOG.timeUnixNano, nanos);
 *     writer.end(record);
 */
export class Writer {
  buffer: Buffer;
  /** The buffer, for numbers: a Buffer's own methods check more than is needed here, and are slower. */
  words: DataView;
  pos = 0;

  constructor(initialBytes = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.words = wordsOf(this.buffer);
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    if (this.pos + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.pos + bytes));
    this.buffer.copy(grown, 0, 0, this.pos);
    this.buffer = grown;
    this.words = wordsOf(grown);
  }

  /** Opens a LEN field; the mark goes to `end`. `expectedBytes` saves moving the content when it is about right. */
  begin(field: number, expectedBytes = 0): number {
    this.ensure(16);
    this.#tag(field, LEN);
    const mark = this.pos;
    this.pos += varintSize(expectedBytes);
    // The reserved width is kept in the byte itself until `end`.
    this.buffer[mark] = this.pos - mark;
    return mark;
  }

  /** Begins a LEN field of which `length` bytes of content follow. */
  header(field: number, length: number): void {
    this.ensure(16);
    this.#tag(field, LEN);
    this.pos = putVarint(this.buffer, this.pos, length);
  }

  end(mark: number): void {
    const reserved = this.buffer[mark] ?? 1;
    const from = mark + reserved;
    const length = this.pos - from;
    const needed = varintSize(length);
    if (needed !== reserved) {
      this.ensure(needed);
      this.buffer.copyWithin(mark + needed, from, this.pos);
      this.pos += needed - reserved;
    }
    putVarint(this.buffer, mark, length);
  }

  uint(field: number, value: number): void {
    this.ensure(16);
    this.#tag(field, VARINT);
    this.pos = putVarint(this.buffer, this.pos, value);
  }

  /** A signed 64-bit integer as a plain varint (int64, not sint64). */
  int64(field: number, value: bigint): void {
    this.ensure(16);
    this.#tag(field, VARINT);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.buffer[this.pos++] = Number(rest & 0x7fn) | 0x80;
    this.buffer[this.pos++] = Number(rest);
  }

  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  fixed64(field: number, value: bigint): void {
    this.ensure(16);
    this.#tag(field, I64);
    this.pos = this.buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.pos);
  }

  /** A fixed64 from its two halves; saves a bigint on hot paths. */
  fixed64Parts(field: number, low: number, high: number): void {
    this.ensure(16);
    this.#tag(field, I64);
    this.#fixed64(low, high);
  }

  sfixed64(field: number, value: bigint): void {
    this.fixed64(field, value);
  }

  fixed32(field: number, value: number): void {
    this.ensure(16);
    this.#tag(field, I32);
    this.pos = this.buffer.writeUInt32LE(value >>> 0, this.pos);
  }

  double(field: number, value: number): void {
    this.ensure(16);
    this.#tag(field, I64);
    this.words.setFloat64(this.pos, value, true);
    this.pos += 8;
  }

  string(field: number, text: string): void {
    const maxBytes = text.length * 3;
    this.ensure(16 + maxBytes);
    this.#tag(field, LEN);
    const reserved = varintSize(text.length);
    const from = this.pos + reserved;
    const length = text.length < 24 ? this.#ascii(text, from) : this.buffer.write(text, from, 'utf8');
    const needed = varintSize(length);
    if (needed !== reserved) this.buffer.copyWithin(this.pos + needed, from, from + length);
    this.pos = putVarint(this.buffer, this.pos, length) + length;
  }

  /** Writes short text at `at` without a call into native code; falls back for anything but ASCII. */
  #ascii(text: string, at: number): number {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return this.buffer.write(text, at, 'utf8');
      this.buffer[at + i] = code;
    }
    return text.length;
  }

  /** A LEN field whose content is `source[start, end)`. */
  bytes(field: number, source: Uint8Array, start = 0, end = source.length): void {
    this.ensure(16 + end - start);
    this.#tag(field, LEN);
    this.pos = putVarint(this.buffer, this.pos, end - start);
    this.raw(source, start, end);
  }

  /** Copies encoded fields as they stand. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    this.ensure(end - start);
    copyBytes(source, start, end, this.buffer, this.pos);
    this.pos += end - start;
  }

  varint(value: number): void {
    this.ensure(10);
    this.pos = putVarint(this.buffer, this.pos, value);
  }

  /** An unsigned 64-bit integer from its two halves, as a varint without a tag. */
  varintParts(low: number, high: number): void {
    this.ensure(10);
    let rest = high >>> 0;
    let part = low >>> 0;
    while (rest > 0) {
      this.buffer[this.pos++] = (part & 0x7f) | 0x80;
      part = ((part >>> 7) | (rest << 25)) >>> 0;
      rest >>>= 7;
    }
    this.pos = putVarint(this.buffer, this.pos, part);
  }

  /** An int64 or uint64 field from the two halves of the integer. */
  int64Parts(field: number, low: number, high: number): void {
    this.ensure(16);
    this.#tag(field, VARINT);
    this.varintParts(low, high);
  }

  /** Eight bytes without a tag: one element of a packed fixed64. */
  rawFixed64Parts(low: number, high: number): void {
    this.ensure(8);
    this.#fixed64(low, high);
  }

  #fixed64(low: number, high: number): void {
    this.words.setUint32(this.pos, low, true);
    this.words.setUint32(this.pos + 4, high, true);
    this.pos += 8;
  }

  /** Eight bytes without a tag: one element of a packed double. */
  rawDouble(value: number): void {
    this.ensure(8);
    this.words.setFloat64(this.pos, value, true);
    this.pos += 8;
  }

  #tag(field: number, wireType: number): void {
    const tag = ((field << 3) | wireType) >>> 0;
    if (tag < 0x80) this.buffer[this.pos++] = tag;
    else this.pos = putVarint(this.buffer, this.pos, tag);
  }

  /** What was written, as a copy of its own; the writer starts again at zero. */
  take(): Uint8Array {
    const out = Buffer.allocUnsafeSlow(this.pos);
    this.buffer.copy(out, 0, 0, this.pos);
    this.pos = 0;
    return out;
  }

  /** What was written, as a view that the next write overwrites. */
  takeView(): Uint8Array {
    const view = this.buffer.subarray(0, this.pos);
    this.pos = 0;
    return view;
  }

  /** What was written, without a copy; the buffer now belongs to the caller and a new one is made when needed. */
  detach(nextBytes = this.buffer.length): Uint8Array {
    return this.swap(Buffer.allocUnsafeSlow(nextBytes));
  }

  /** What was written, without a copy; the buffer now belongs to the caller, and `next` is written to from now on. */
  swap(next: Buffer): Uint8Array {
    const out = this.buffer.subarray(0, this.pos);
    this.buffer = next;
    this.words = wordsOf(next);
    this.pos = 0;
    return out;
  }
}

function wordsOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Copies `source[start, end)` to `target[to]`, where there is room. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Buffer, to: number): void {
  if (end - start > 32) {
    // Two thirds of the time of `set`, which needs a view of its own.
    target.copy.call(source, target, to, start, end);
  } else for (let from = start, at = to; from < end; from++, at++) target[at] = source[from] ?? 0;
}

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Writes an unsigned varint (up to 2^53) at `at` and returns where it ends. The caller made room. */
export function putVarint(buffer: Uint8Array, at: number, value: number): number {
  let rest = value;
  let pos = at;
  while (rest > 0x7fffffff) {
    buffer[pos++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    buffer[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[pos++] = rest;
  return pos;
}
