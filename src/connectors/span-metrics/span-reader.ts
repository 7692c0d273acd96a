import { KEY_VALUE, SPAN, STATUS } from '../../otlp/fields.ts';
import { Cursor, I64, LEN, malformed, VARINT } from '../../otlp/wire.ts';
import type { Dimension } from './dimensions.ts';

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const KEY_TAG = (KEY_VALUE.key << 3) | LEN;

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
  /** Nanoseconds; 0 for a span that ends before it starts. */
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
    for (const span = this.#span.enter(at); span.next();) this.#field(span);
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

  #field(span: Cursor): void {
    switch (span.field) {
      case SPAN.attributes:
        expect(span, LEN);
        if (this.#names.length > 0) this.#attribute(span);
        return;
      case SPAN.name:
        expect(span, LEN);
        this.nameStart = span.start;
        this.nameEnd = span.end;
        return;
      case SPAN.kind:
        expect(span, VARINT);
        this.kind = span.int32();
        return;
      case SPAN.startTimeUnixNano:
        expect(span, I64);
        this.#startAt = span.start;
        return;
      case SPAN.endTimeUnixNano:
        expect(span, I64);
        this.endAt = span.start;
        return;
      case SPAN.status:
        expect(span, LEN);
        this.#status(span);
        return;
      case SPAN.traceId:
        this.traceIdAt = span.end - span.start === TRACE_ID_BYTES ? span.start : -1;
        return;
      case SPAN.spanId:
        this.spanIdAt = span.end - span.start === SPAN_ID_BYTES ? span.start : -1;
        return;
      case SPAN.traceState:
        expect(span, LEN);
        this.traceStateStart = span.start;
        this.traceStateEnd = span.end;
    }
  }

  #status(span: Cursor): void {
    for (const status = this.#inner.enter(span); status.next();) {
      if (status.field === STATUS.code) this.status = status.int32();
    }
  }

  #attribute(span: Cursor): void {
    const index = this.#dimensionOf(span);
    if (index < 0) return;
    // An attribute without a value has the empty one.
    let start = span.end;
    let end = span.end;
    for (const pair = this.#inner.enter(span); pair.next();) {
      if (pair.field !== KEY_VALUE.value) continue;
      expect(pair, LEN);
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
  #dimensionOf({ bytes, start, end }: Cursor): number {
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
    const high = word(this.bytes, this.endAt + 4) - word(this.bytes, this.#startAt + 4);
    const low = word(this.bytes, this.endAt) - word(this.bytes, this.#startAt);
    return Math.max(0, high * 2 ** 32 + low);
  }
}

const NOTHING = new Uint8Array(0);

function expect(at: Cursor, wireType: number): void {
  if (at.wireType !== wireType) throw malformed(`field ${at.field} has wire type ${at.wireType}`, at.tagStart);
}

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
