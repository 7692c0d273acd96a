import { SPAN, STATUS } from '../../otlp/fields.ts';
import { isTraceId, TRACE_ID_BYTES } from '../../otlp/sampling/randomness.ts';
import { Cursor, I64, LEN, malformed, VARINT } from '../../otlp/wire.ts';
import type { WantedAttributes } from './wanted-attributes.ts';

const STATUS_ERROR = 2;

const TRACE_ID_TAG = (SPAN.traceId << 3) | LEN;
const TRACE_STATE_TAG = (SPAN.traceState << 3) | LEN;
const NAME_TAG = (SPAN.name << 3) | LEN;
const START_TAG = (SPAN.startTimeUnixNano << 3) | I64;
const END_TAG = (SPAN.endTimeUnixNano << 3) | I64;
const STATUS_TAG = (SPAN.status << 3) | LEN;
const KIND_TAG = (SPAN.kind << 3) | VARINT;
const ATTRIBUTE_TAG = (SPAN.attributes << 3) | LEN;
const CODE_TAG = (STATUS.code << 3) | VARINT;

/**
 * What the sampler wants to know of a span, found in one walk over its fields. Reused: valid until the next span. Of a
 * field that comes several times the last counts, as protobuf defines it.
 */
export class SpanReader {
  /** Where the 16 bytes of the trace id stand; -1 when it is absent, all zero or of another length. */
  traceIdAt = -1;
  /** The whole field, and its text; start < 0 when there is none. */
  stateTagStart = -1;
  stateStart = -1;
  stateEnd = -1;
  nameStart = 0;
  nameEnd = 0;
  kind = 0;
  isError = false;
  /** How long the span took. */
  durationNs = 0;
  readonly #attributes: WantedAttributes;
  readonly #cursor = new Cursor();
  readonly #status = new Cursor();
  #startAt = -1;
  #endAt = -1;

  constructor(attributes: WantedAttributes) {
    this.#attributes = attributes;
  }

  /** Throws payload_malformed. */
  read(bytes: Uint8Array, start: number, end: number): this {
    this.traceIdAt = -1;
    this.stateTagStart = -1;
    this.stateStart = -1;
    this.stateEnd = -1;
    this.nameStart = 0;
    this.nameEnd = 0;
    this.kind = 0;
    this.isError = false;
    this.#startAt = -1;
    this.#endAt = -1;
    this.#attributes.reset();
    this.#walk(bytes, start, end);
    this.durationNs = this.#startAt < 0 || this.#endAt < 0 ? 0 : difference(bytes, this.#startAt, this.#endAt);
    return this;
  }

  release(): void {
    for (const cursor of [this.#cursor, this.#status]) cursor.reset(EMPTY, 0, 0);
  }

  /** A cursor in plain variables: this loop is most of what the sampler costs. */
  #walk(bytes: Uint8Array, start: number, end: number): void {
    for (let pos = start; pos < end;) {
      const tag = bytes[pos] ?? 0;
      let value = pos + 2;
      let length = bytes[pos + 1] ?? 0;
      if (length >= 0x80) {
        const second = bytes[pos + 2] ?? 0;
        length = second < 0x80 ? (length & 0x7f) | (second << 7) : -1;
        value = pos + 3;
      }
      const wireType = tag & 7;
      if (tag < 8 || tag >= 0x80) length = -1;
      else if (wireType === I64) {
        value = pos + 1;
        length = 8;
      } else if (wireType !== LEN) length = -1;
      if (length < 0) {
        pos = tag === KIND_TAG ? this.#readKind(bytes, pos, end) : this.#uncommon(bytes, pos, end);
        continue;
      }
      const next = value + length;
      if (next > end) throw malformed(`field ${tag >> 3} runs past the end of its message`, pos);
      if (tag === ATTRIBUTE_TAG) this.#attributes.offer(bytes, value, next);
      else this.#field(bytes, tag, value, next, pos);
      pos = next;
    }
  }

  #readKind(bytes: Uint8Array, pos: number, end: number): number {
    const kind = bytes[pos + 1] ?? 0;
    if (kind >= 0x80 || pos + 2 > end) return this.#uncommon(bytes, pos, end);
    this.kind = kind;
    return pos + 2;
  }

  /** Numbers, and tags and lengths of more bytes; what is malformed. */
  #uncommon(bytes: Uint8Array, pos: number, end: number): number {
    const at = this.#cursor.reset(bytes, pos, end);
    at.next();
    if (at.field === SPAN.kind && at.wireType === VARINT) this.kind = at.int32();
    const tag = (at.field << 3) | at.wireType;
    if (tag === ATTRIBUTE_TAG) this.#attributes.offer(bytes, at.start, at.end);
    else this.#field(bytes, tag, at.start, at.end, at.tagStart);
    return at.end;
  }

  #field(bytes: Uint8Array, tag: number, start: number, end: number, tagStart: number): void {
    switch (tag) {
      case TRACE_ID_TAG:
        this.traceIdAt = end - start === TRACE_ID_BYTES && isTraceId(bytes, start) ? start : -1;
        return;
      case TRACE_STATE_TAG:
        this.stateTagStart = tagStart;
        this.stateStart = start;
        this.stateEnd = end;
        return;
      case NAME_TAG:
        this.nameStart = start;
        this.nameEnd = end;
        return;
      case START_TAG:
        this.#startAt = start;
        return;
      case END_TAG:
        this.#endAt = start;
        return;
      case STATUS_TAG:
        this.#readStatus(bytes, start, end);
    }
  }

  #readStatus(bytes: Uint8Array, start: number, end: number): void {
    // Mostly the code alone.
    if (end - start === 2 && bytes[start] === CODE_TAG) {
      this.isError = bytes[start + 1] === STATUS_ERROR;
      return;
    }
    const at = this.#status;
    for (at.reset(bytes, start, end); at.next();) {
      if (at.field === STATUS.code && at.wireType === VARINT) this.isError = at.int32() === STATUS_ERROR;
    }
  }
}

const EMPTY = new Uint8Array(0);

/** Of two times in nanoseconds, 8 bytes little endian each; negative when the second is earlier. */
function difference(bytes: Uint8Array, from: number, to: number): number {
  const high = uint32(bytes, to + 4) - uint32(bytes, from + 4);
  return high * 2 ** 32 + (uint32(bytes, to) - uint32(bytes, from));
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}
