import { Writer } from '../writer.ts';
import { compareBits56, HEX_DIGITS, MutableBits56, putAllHex, putHex, type Bits56 } from './bits56.ts';
import { Randomness } from './randomness.ts';
import type { SamplingState } from './sampling-state.ts';
import { digitsOf, type Threshold } from './threshold.ts';
import {
  COLON,
  COMMA,
  EQUALS,
  indexOf,
  isBlank,
  isKey,
  isOtKey,
  isOtValue,
  isValue,
  MAX_BYTES,
  MAX_MEMBERS,
  MAX_OT_BYTES,
  SEMICOLON,
} from './tracestate-syntax.ts';

/** Runs of bytes in the text that was read, kept from one reading to the next. */
class Ranges {
  count = 0;
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  add(start: number, end: number): void {
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count += 1;
  }
}

/**
 * A W3C tracestate as its sampling fields, `th` and `rv` of the entry `ot`, and the rest, which is copied as it stands:
 *
 *   ot=rv:fd70a3d70a3d71;th:c;pn:abc , zz=vendorcontent
 *      └── randomness ─┘ └ threshold └ further fields └ further members
 *
 * One object is reused for all spans, so what it says is valid until the next `read`. What is malformed says nothing of
 * sampling and cannot be changed. Written anew, `ot` comes first and `rv`, `th` first in it, as the Collector does.
 */
export class TraceState implements SamplingState {
  status: 'absent' | 'plain' | 'malformed' = 'absent';
  hasThreshold = false;
  hasRandomness = false;
  readonly #threshold = new MutableBits56();
  readonly #randomness = new Randomness();
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  /** The values of `th` and `rv` where they are still those that were read; -1 once they were set. */
  #thStart = -1;
  #thEnd = -1;
  #rvStart = -1;
  #rvEnd = -1;
  #touched = false;
  /** Of what `write` gives; -1 when it was not worked out since something was set. */
  #encodedBytes = -1;
  readonly #fields = new Ranges();
  readonly #members = new Ranges();
  readonly #encoded = new EncodedThreshold();

  get threshold(): Threshold {
    return this.#threshold;
  }

  get randomness(): Bits56 {
    return this.#randomness;
  }

  /** A span without a tracestate. */
  clear(): this {
    return this.read(EMPTY, 0, 0);
  }

  /** Reads the text bytes[start, end), which must stay as they are until it is written. Never throws. */
  read(bytes: Uint8Array, start: number, end: number): this {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#touched = false;
    this.#encodedBytes = -1;
    this.#forget();
    this.status = start >= end ? 'absent' : 'plain';
    if (start < end && !this.#parse()) {
      this.#forget();
      this.status = 'malformed';
    }
    return this;
  }

  raiseThreshold(threshold: Threshold): boolean {
    if (this.status === 'malformed') return false;
    // Also when it stays, the text is written as the Collector would, who writes every text that a sampler has seen.
    this.#touch();
    if (this.hasThreshold && compareBits56(this.#threshold, threshold) > 0) return false;
    this.#threshold.set(threshold);
    this.hasThreshold = true;
    this.#thStart = -1;
    return true;
  }

  eraseThreshold(): void {
    if (!this.hasThreshold) return;
    this.hasThreshold = false;
    this.#touch();
  }

  setRandomness(randomness: Bits56): void {
    if (this.status === 'malformed') return;
    this.#randomness.set(randomness);
    this.hasRandomness = true;
    this.#rvStart = -1;
    this.#touch();
  }

  /** Whether the text that `write` gives is another one than was read; false unless something was to be set or erased. */
  get changed(): boolean {
    if (!this.#touched) return false;
    const length = this.encodedBytes();
    if (length !== this.#end - this.#start) return true;
    SCRATCH.pos = 0;
    this.write(SCRATCH);
    for (let i = 0; i < length; i++) if (SCRATCH.buffer[i] !== this.#bytes[this.#start + i]) return true;
    return false;
  }

  /** Length of what `write` gives. */
  encodedBytes(): number {
    if (this.#encodedBytes >= 0) return this.#encodedBytes;
    let bytes = this.#otBytes();
    for (let i = 0; i < this.#members.count; i++) bytes += lengthOf(this.#members, i) + (bytes > 0 ? 1 : 0);
    return (this.#encodedBytes = bytes);
  }

  /** Writes the whole text, without blanks and empty members. */
  write(writer: Writer): void {
    writer.ensure(this.encodedBytes());
    const from = writer.pos;
    if (this.hasRandomness || this.hasThreshold || this.#fields.count > 0) this.#writeOt(writer);
    for (let i = 0; i < this.#members.count; i++) {
      if (writer.pos > from) writer.buffer[writer.pos++] = COMMA;
      writer.raw(this.#bytes, this.#members.starts[i], this.#members.ends[i]);
    }
  }

  /** Lets go of the bytes that were read. */
  release(): void {
    this.clear();
  }

  #touch(): void {
    this.#touched = true;
    this.#encodedBytes = -1;
  }

  /** Length of the member `ot`; 0 when it has no field. */
  #otBytes(): number {
    const { hasRandomness, hasThreshold } = this;
    let bytes = hasRandomness ? 3 + HEX_DIGITS : 0;
    if (hasThreshold) bytes += (bytes > 0 ? 1 : 0) + 3 + this.#thBytes();
    for (let i = 0; i < this.#fields.count; i++) bytes += (bytes > 0 ? 1 : 0) + lengthOf(this.#fields, i);
    return bytes > 0 ? bytes + 3 : 0;
  }

  #thBytes(): number {
    return this.#thStart >= 0 ? this.#thEnd - this.#thStart : this.#encoded.of(this.#threshold).length;
  }

  #writeOt(writer: Writer): void {
    const { buffer } = writer;
    let at = writer.pos;
    buffer[at++] = 0x6f;
    buffer[at++] = 0x74;
    buffer[at++] = EQUALS;
    const from = at;
    if (this.hasRandomness) {
      buffer[at++] = 0x72;
      buffer[at++] = 0x76;
      buffer[at++] = COLON;
      at =
        this.#rvStart < 0
          ? putAllHex(buffer, at, this.#randomness)
          : this.#copy(buffer, at, this.#rvStart, this.#rvEnd);
    }
    if (this.hasThreshold) {
      if (at > from) buffer[at++] = SEMICOLON;
      buffer[at++] = 0x74;
      buffer[at++] = 0x68;
      buffer[at++] = COLON;
      at =
        this.#thStart < 0
          ? this.#encoded.of(this.#threshold).put(buffer, at)
          : this.#copy(buffer, at, this.#thStart, this.#thEnd);
    }
    for (let i = 0; i < this.#fields.count; i++) {
      if (at > from) buffer[at++] = SEMICOLON;
      at = this.#copy(buffer, at, this.#fields.starts[i] ?? 0, this.#fields.ends[i] ?? 0);
    }
    writer.pos = at;
  }

  #copy(buffer: Uint8Array, at: number, start: number, end: number): number {
    for (let i = start; i < end; i++) buffer[at + i - start] = this.#bytes[i] ?? 0;
    return at + end - start;
  }

  #forget(): void {
    this.#members.count = 0;
    this.#forgetOt();
  }

  #forgetOt(): void {
    this.#fields.count = 0;
    this.hasThreshold = false;
    this.hasRandomness = false;
  }

  #parse(): boolean {
    if (this.#end - this.#start > MAX_BYTES) return false;
    const bytes = this.#bytes;
    for (let at = this.#start, members = 1; at < this.#end; members++) {
      if (members > MAX_MEMBERS) return false;
      const comma = indexOf(bytes, COMMA, at, this.#end);
      let end = comma < 0 ? this.#end : comma;
      const next = end + 1;
      while (at < end && isBlank(bytes[at])) at += 1;
      while (end > at && isBlank(bytes[end - 1])) end -= 1;
      if (at < end && !this.#member(at, end)) return false;
      at = next;
    }
    return true;
  }

  #member(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const equals = indexOf(bytes, EQUALS, start, end);
    if (equals <= start || !isKey(bytes, start, equals) || !isValue(bytes, equals + 1, end)) return false;
    const isOt = equals - start === 2 && bytes[start] === 0x6f && bytes[start + 1] === 0x74;
    if (isOt) return this.#ot(equals + 1, end);
    this.#members.add(start, end);
    return true;
  }

  /** The last `ot` counts, as in the Collector; a second one is against the rules of W3C. */
  #ot(start: number, end: number): boolean {
    this.#forgetOt();
    if (end - start > MAX_OT_BYTES) return false;
    for (let at = start; at <= end;) {
      const semicolon = indexOf(this.#bytes, SEMICOLON, at, end);
      const fieldEnd = semicolon < 0 ? end : semicolon;
      if (!this.#field(at, fieldEnd)) return false;
      at = fieldEnd + 1;
    }
    return true;
  }

  #field(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const colon = indexOf(bytes, COLON, start, end);
    if (colon < 0 || !isOtKey(bytes, start, colon) || !isOtValue(bytes, colon + 1, end)) return false;
    const isPair = colon - start === 2;
    if (isPair && bytes[start] === 0x74 && bytes[start + 1] === 0x68) return this.#readThreshold(colon + 1, end);
    if (isPair && bytes[start] === 0x72 && bytes[start + 1] === 0x76) return this.#readRandomness(colon + 1, end);
    this.#fields.add(start, end);
    return true;
  }

  #readThreshold(start: number, end: number): boolean {
    this.#thStart = start;
    this.#thEnd = end;
    return (this.hasThreshold = this.#threshold.readHex(this.#bytes, start, end));
  }

  #readRandomness(start: number, end: number): boolean {
    this.#rvStart = start;
    this.#rvEnd = end;
    return (this.hasRandomness = end - start === HEX_DIGITS && this.#randomness.readHex(this.#bytes, start, end));
  }
}

/** The digits of a threshold, which is mostly the same as that of the span before. */
class EncodedThreshold {
  length = 0;
  readonly #value = new MutableBits56();
  readonly #digits = new Uint8Array(HEX_DIGITS);

  of(threshold: Threshold): this {
    const { high, low } = this.#value;
    if (this.length > 0 && high === threshold.high && low === threshold.low) return this;
    this.#value.set(threshold);
    this.length = digitsOf(threshold);
    putHex(this.#digits, 0, threshold, this.length);
    return this;
  }

  put(buffer: Uint8Array, at: number): number {
    for (let i = 0; i < this.length; i++) buffer[at + i] = this.#digits[i] ?? 0;
    return at + this.length;
  }
}

function lengthOf(ranges: Ranges, index: number): number {
  return (ranges.ends[index] ?? 0) - (ranges.starts[index] ?? 0);
}

const EMPTY = new Uint8Array(0);
/** For a text that is compared with the one that was read. */
const SCRATCH = new Writer(MAX_BYTES);
