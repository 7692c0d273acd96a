import { KEY_VALUE, SPAN, STATUS } from '../../otlp/fields.ts';
import { Cursor, I64, LEN, malformed, VARINT } from '../../otlp/wire.ts';
import type { Dimension } from './dimensions.ts';

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const KEY_TAG = (KEY_VALUE.key << 3) | LEN;
const TAGS = {
  traceId: (SPAN.traceId << 3) | LEN,
  spanId: (SPAN.spanId << 3) | LEN,
  traceState: (SPAN.traceState << 3) | LEN,
  name: (SPAN.name << 3) | LEN,
  kind: (SPAN.kind << 3) | VARINT,
  startTime: (SPAN.startTimeUnixNano << 3) | I64,
  endTime: (SPAN.endTimeUnixNano << 3) | I64,
  attributes: (SPAN.attributes << 3) | LEN,
  status: (SPAN.status << 3) | LEN,
} as const;

/**
 * What metrics want to know of a span, found in one walk over its fields. Reused: valid until the next span. Of a field
 * that comes several times the last counts, as protobuf defines it; of attributes with one key the first.
 */
export class SpanReader {
  bytes: Uint8Array = NOTHING;
  nameStart = 0;
  nameEnd = 0;
  kind = 0;
  status = 0;
  /** Nanoseconds; 0 for a span that ends before it starts, or does not say when it does. */
  durationNs = 0;
  /** -1 where there is none, or one of another length. */
  traceIdAt = -1;
  spanIdAt = -1;
  endAt = -1;
  traceStateStart = 0;
  traceStateEnd = 0;
  /** Of the value of each dimension; -1 where the span does not have it. */
  readonly valueStarts: Int32Array;
  readonly valueEnds: Int32Array;
  readonly #names: readonly Uint8Array[];
  readonly #span = new Cursor();
  readonly #inner = new Cursor();
  #startAt = -1;

  constructor(dimensions: readonly Dimension[]) {
    this.#names = dimensions.map(({ name }) => name);
    this.valueStarts = new Int32Array(dimensions.length);
    this.valueEnds = new Int32Array(dimensions.length);
  }

  /** Reads the Span that `at` stands on. Throws payload_malformed. */
  read(at: Cursor): this {
    this.#reset(at.bytes);
    this.#walk(at.bytes, at.start, at.end);
    this.durationNs = this.#duration();
    return this;
  }

  release(): void {
    this.#reset(NOTHING);
    this.#span.reset(NOTHING, 0, 0);
    this.#inner.reset(NOTHING, 0, 0);
  }

  #reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.nameStart = this.nameEnd = 0;
    this.kind = this.status = 0;
    this.traceIdAt = this.spanIdAt = this.#startAt = this.endAt = -1;
    this.traceStateStart = this.traceStateEnd = 0;
    this.valueStarts.fill(-1);
  }

  /** A cursor in plain variables: most of what is read of a span is skipped. */
  #walk(bytes: Uint8Array, start: number, end: number): void {
    for (let pos = start; pos < end;) {
      const tag = bytes[pos] ?? 0;
      const second = bytes[pos + 1] ?? 0;
      let value = pos + 1;
      let next = -1;
      if (tag < 8 || tag >= 0x80) next = -1;
      else if ((tag & 7) === LEN) {
        const third = second < 0x80 ? 0 : (bytes[pos + 2] ?? 0);
        value = second < 0x80 ? pos + 2 : pos + 3;
        if (third < 0x80) next = value + (second < 0x80 ? second : (second & 0x7f) | (third << 7));
      } else if ((tag & 7) === I64) next = pos + 9;
      else if ((tag & 7) === VARINT && second < 0x80) next = pos + 2;
      if (next < 0) {
        pos = this.#uncommon(bytes, pos, end);
        continue;
      }
      if (next > end) throw malformed(`field ${tag >> 3} runs past the end of its message`, pos);
      this.#field(tag, value, next);
      pos = next;
    }
  }

  /** Tags, lengths and numbers of more bytes, other wire types, and what is malformed. */
  #uncommon(bytes: Uint8Array, pos: number, end: number): number {
    const at = this.#span.reset(bytes, pos, end);
    at.next();
    if (at.field < 16) this.#field((at.field << 3) | at.wireType, at.start, at.end);
    return at.end;
  }

  /** A known field with another wire type is an unknown one. */
  #field(tag: number, start: number, end: number): void {
    switch (tag) {
      case TAGS.attributes:
        if (this.#names.length > 0) this.#attribute(start, end);
        return;
      case TAGS.name:
        this.nameStart = start;
        this.nameEnd = end;
        return;
      case TAGS.kind:
        // Kinds have one byte.
        this.kind = end - start === 1 ? (this.bytes[start] ?? 0) : 0;
        return;
      case TAGS.startTime:
        this.#startAt = start;
        return;
      case TAGS.endTime:
        this.endAt = start;
        return;
      case TAGS.status:
        this.#status(start, end);
        return;
      case TAGS.traceId:
        this.traceIdAt = end - start === TRACE_ID_BYTES ? start : -1;
        return;
      case TAGS.spanId:
        this.spanIdAt = end - start === SPAN_ID_BYTES ? start : -1;
        return;
      case TAGS.traceState:
        this.traceStateStart = start;
        this.traceStateEnd = end;
    }
  }

  #status(start: number, end: number): void {
    for (const status = this.#inner.reset(this.bytes, start, end); status.next();) {
      if (status.field === STATUS.code && status.wireType === VARINT) this.status = status.int32();
    }
  }

  #attribute(from: number, to: number): void {
    const index = this.#dimensionOf(this.bytes, from, to);
    if (index < 0) return;
    // An attribute without a value has the empty one.
    let start = to;
    let end = to;
    for (const pair = this.#inner.reset(this.bytes, from, to); pair.next();) {
      if (pair.field !== KEY_VALUE.value || pair.wireType !== LEN) continue;
      start = pair.start;
      end = pair.end;
    }
    const names = this.#names;
    for (let same = index; same < names.length; same++) {
      if (this.valueStarts[same] !== -1 || !sameBytes(names[same], names[index])) continue;
      this.valueStarts[same] = start;
      this.valueEnds[same] = end;
    }
  }

  /** The first dimension that is called like the attribute, or -1. */
  #dimensionOf(bytes: Uint8Array, start: number, end: number): number {
    const names = this.#names;
    const length = bytes[start + 1] ?? 0;
    if (bytes[start] === KEY_TAG && length < 0x80 && start + 2 + length <= end) {
      for (let index = 0; index < names.length; index++) {
        if (matches(names[index], bytes, start + 2, length)) return index;
      }
      return -1;
    }
    return this.#dimensionOfUncommon(bytes, start, end);
  }

  /** The key does not come first, or is a long one. */
  #dimensionOfUncommon(bytes: Uint8Array, start: number, end: number): number {
    for (const pair = this.#inner.reset(bytes, start, end); pair.next();) {
      if (pair.field === KEY_VALUE.key) return this.#names.findIndex((name) => pair.equals(name));
    }
    return -1;
  }

  #duration(): number {
    if (this.#startAt < 0 || this.endAt < 0) return 0;
    const startHigh = word(this.bytes, this.#startAt + 4);
    const startLow = word(this.bytes, this.#startAt);
    // No time, as where the field is left out.
    if (startHigh === 0 && startLow === 0) return 0;
    const high = word(this.bytes, this.endAt + 4) - startHigh;
    const low = word(this.bytes, this.endAt) - startLow;
    return Math.max(0, high * 2 ** 32 + low);
  }
}

const NOTHING = new Uint8Array(0);

function matches(name: Uint8Array | undefined, bytes: Uint8Array, at: number, length: number): boolean {
  if (name?.length !== length) return false;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[at + i]) return false;
  return true;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && (a === b || matches(a, b, 0, b.length));
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}
