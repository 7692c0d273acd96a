import { RemoraError } from '../core/errors.ts';

/**
 * The protobuf wire format, read in place.
 *
 *   message  = *( tag value )          tag = varint( field << 3 | wireType )
 *   0 VARINT   1 I64 (8 bytes)   2 LEN (varint length, then that many bytes)   3 SGROUP   4 EGROUP   5 I32 (4 bytes)
 *
 * Source: protobuf.dev/programming-guides/encoding.
 */
export const VARINT = 0;
export const I64 = 1;
export const LEN = 2;
export const SGROUP = 3;
export const EGROUP = 4;
export const I32 = 5;

/** Nested groups in unknown fields that are skipped; more is malformed. protobufjs stops at the same depth. */
const MAX_GROUP_DEPTH = 100;

export function malformed(what: string, at: number): RemoraError {
  return new RemoraError('payload_malformed', `Malformed protobuf: ${what} at byte ${at}.`);
}

/**
 * Walks the fields of one message inside a larger run of bytes; allocates nothing. `enter()` reuses a second cursor for
 * a nested message.
 *
 *     for (cursor.reset(bytes, 0, bytes.length); cursor.next(); ) if (cursor.field === 1) ...
 *
 * After `next()` returned true: `field`, `wireType`; `tagStart` is where the tag begins, `start` where the value begins
 * (for LEN, the content), `end` where the field ends, so `[tagStart, end)` is the whole field, ready to be copied.
 */
export class Cursor {
  bytes: Uint8Array = EMPTY;
  /** Where `next()` goes on reading. */
  pos = 0;
  limit = 0;
  field = 0;
  wireType = 0;
  tagStart = 0;
  start = 0;
  end = 0;

  constructor(bytes?: Uint8Array, start = 0, end = bytes?.length ?? 0) {
    if (bytes !== undefined) this.reset(bytes, start, end);
  }

  reset(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.pos = start;
    this.limit = end;
    return this;
  }

  /** Sets this cursor to walk the LEN value that `parent` stands on. */
  enter(parent: Cursor): this {
    if (parent.wireType !== LEN) throw malformed(`field ${parent.field} is not a message`, parent.tagStart);
    return this.reset(parent.bytes, parent.start, parent.end);
  }

  /** Stands on one element of a packed field: a value of `wireType` at `start`, without a tag. */
  enterElement(bytes: Uint8Array, start: number, end: number, wireType: number): void {
    this.reset(bytes, start, end);
    this.tagStart = start;
    this.wireType = wireType;
    this.#value();
  }

  /** Moves to the next field; false at the end of the message. Throws payload_malformed. */
  next(): boolean {
    if (this.pos >= this.limit) return false;
    this.tagStart = this.pos;
    const first = this.bytes[this.pos] ?? 0;
    const tag = first < 0x80 ? (this.pos++, first) : this.#varint();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    if (this.field === 0 || tag > 0xffffffff) throw malformed('field number out of range', this.tagStart);
    this.#value();
    return true;
  }

  #value(): void {
    switch (this.wireType) {
      case LEN: {
        const length = this.#length();
        this.start = this.pos;
        this.end = this.pos + length;
        break;
      }
      case VARINT:
        this.start = this.pos;
        this.#skipVarint();
        this.end = this.pos;
        break;
      case I64:
        this.start = this.pos;
        this.end = this.pos + 8;
        break;
      case I32:
        this.start = this.pos;
        this.end = this.pos + 4;
        break;
      case SGROUP:
        this.start = this.pos;
        this.#skipGroup();
        this.end = this.pos;
        break;
      default:
        throw malformed(`wire type ${this.wireType}`, this.tagStart);
    }
    if (this.end > this.limit) throw malformed(`field ${this.field} runs past the end of its message`, this.tagStart);
    this.pos = this.end;
  }

  /** The varint at `pos`, which mostly is of one or two bytes. */
  #length(): number {
    const { bytes, pos } = this;
    const first = bytes[pos] ?? 0;
    if (first < 0x80 && pos < this.limit) {
      this.pos = pos + 1;
      return first;
    }
    const second = bytes[pos + 1] ?? 0;
    if (second >= 0x80 || pos + 1 >= this.limit) return this.#varint();
    this.pos = pos + 2;
    return (first & 0x7f) | (second << 7);
  }

  /** The varint at `pos` as a number; exact up to 2^53, larger ones lose low bits but never wrap. */
  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      if (this.pos >= this.limit) throw malformed('truncated varint', this.tagStart);
      const byte = this.bytes[this.pos++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw malformed('varint longer than 10 bytes', this.tagStart);
  }

  #skipVarint(): void {
    const from = this.pos;
    while (this.pos < this.limit && this.pos - from < 10) if ((this.bytes[this.pos++] ?? 0) < 0x80) return;
    throw malformed('truncated or over-long varint', this.tagStart);
  }

  #skipGroup(): void {
    const { tagStart, field } = this;
    const open = [field];
    while (open.length > 0) {
      if (this.pos >= this.limit) throw malformed('truncated group', tagStart);
      const tag = this.#varint();
      const wireType = tag & 7;
      const inner = Math.floor(tag / 8);
      if (wireType === EGROUP) {
        if (open.pop() !== inner) throw malformed('group end without start', tagStart);
      } else if (wireType === SGROUP) {
        if (open.push(inner) > MAX_GROUP_DEPTH) throw malformed('groups nested too deep', tagStart);
      } else {
        this.wireType = wireType;
        this.#value();
      }
    }
    this.wireType = SGROUP;
    this.field = field;
    this.tagStart = tagStart;
    this.start = tagStart;
  }

  // Readers of the value that the cursor stands on. They check the wire type.

  /** VARINT as a number; exact up to 2^53. */
  uint(): number {
    this.#expect(VARINT);
    let value = 0;
    let factor = 1;
    for (let at = this.start; at < this.end; at++) {
      value += ((this.bytes[at] ?? 0) & 0x7f) * factor;
      factor *= 128;
    }
    return value;
  }

  /** VARINT as the low 32 bits, signed: enums, int32 and booleans. */
  int32(): number {
    this.#expect(VARINT);
    let value = 0;
    for (let at = this.start, shift = 0; at < this.end && shift < 35; at++, shift += 7) {
      value |= ((this.bytes[at] ?? 0) & 0x7f) << shift;
    }
    return value;
  }

  /** VARINT as a signed 64-bit integer, exact. */
  int64(): bigint {
    this.#expect(VARINT);
    let value = 0n;
    for (let at = this.start, shift = 0n; at < this.end; at++, shift += 7n) {
      value |= BigInt((this.bytes[at] ?? 0) & 0x7f) << shift;
    }
    return BigInt.asIntN(64, value);
  }

  /** The low half of a VARINT of 64 bits. */
  varintLow(): number {
    return this.int32() >>> 0;
  }

  /** The high half of a VARINT of 64 bits. */
  varintHigh(): number {
    this.#expect(VARINT);
    let value = ((this.bytes[this.start + 4] ?? 0) & 0x7f) >>> 4;
    if (this.end - this.start < 5) return 0;
    for (let at = this.start + 5, shift = 3; at < this.end && shift < 32; at++, shift += 7) {
      value |= ((this.bytes[at] ?? 0) & 0x7f) << shift;
    }
    return value >>> 0;
  }

  /** I64 as an unsigned integer: times in nanoseconds, counts. */
  fixed64(): bigint {
    this.#expect(I64);
    return (BigInt(this.fixed64High()) << 32n) | BigInt(this.fixed64Low());
  }

  fixed64Low(): number {
    return readUint32(this.bytes, this.start);
  }

  fixed64High(): number {
    return readUint32(this.bytes, this.start + 4);
  }

  fixed32(): number {
    this.#expect(I32);
    return readUint32(this.bytes, this.start);
  }

  /** I64 as a double. */
  double(): number {
    this.#expect(I64);
    SCRATCH_WORDS[0] = this.fixed64Low();
    SCRATCH_WORDS[1] = this.fixed64High();
    return SCRATCH_DOUBLE[0] ?? 0;
  }

  /** LEN as text. Invalid UTF-8 becomes U+FFFD. */
  string(): string {
    this.#expect(LEN);
    return utf8(this.bytes, this.start, this.end);
  }

  /** LEN as a view into the message, valid as long as the message is. */
  view(): Uint8Array {
    this.#expect(LEN);
    return this.bytes.subarray(this.start, this.end);
  }

  /** True when the LEN value is exactly `expected`; decodes nothing. */
  equals(expected: Uint8Array): boolean {
    if (this.wireType !== LEN || this.end - this.start !== expected.length) return false;
    for (let i = 0; i < expected.length; i++) if (this.bytes[this.start + i] !== expected[i]) return false;
    return true;
  }

  #expect(wireType: number): void {
    if (this.wireType !== wireType)
      throw malformed(`field ${this.field} has wire type ${this.wireType}`, this.tagStart);
  }
}

const EMPTY = new Uint8Array(0);
const SCRATCH_DOUBLE = new Float64Array(1);
const SCRATCH_WORDS = new Uint32Array(SCRATCH_DOUBLE.buffer);

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

/** Text of a range; short ASCII, which is most of telemetry, without a call into native code. */
export function utf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= 24) {
    let text = '';
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte >= 0x80) return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
