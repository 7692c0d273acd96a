import { SPAN, STATUS } from '../../otlp/fields.ts';
import { isTraceId, TRACE_ID_BYTES } from '../../otlp/sampling/randomness.ts';
import { Cursor, I64, LEN, VARINT } from '../../otlp/wire.ts';
import type { WantedAttributes } from '../../otlp/wanted-attributes.ts';

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

  /** `view`: the same bytes. Throws payload_malformed. */
  read(bytes: Uint8Array, view: DataView, start: number, end: number): this {
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
    if (!this.#skim(bytes, start, end)) {
      this.#attributes.reset();
      this.#walk(bytes, start, end);
    }
    this.durationNs = this.#startAt < 0 || this.#endAt < 0 ? 0 : differenceOf(view, this.#startAt, this.#endAt);
    return this;
  }

  release(): void {
    for (const cursor of [this.#cursor, this.#status]) cursor.reset(EMPTY, 0, 0);
  }

  /**
   * The walk over most spans, in plain variables, because this is most of what the sampler costs; and with the tags as they
   * are on the wire, because constants of other modules would be read from memory for each field. False where there is
   * anything uncommon or malformed; then only attributes were read.
   *
   *   message Span { bytes trace_id = 1; string trace_state = 3; string name = 5; SpanKind kind = 6; Status status = 15;
   *     fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; fixed32 flags = 16; }
   */
  #skim(bytes: Uint8Array, start: number, end: number): boolean {
    const attributes = this.#attributes;
    const { lengths } = attributes;
    let [traceIdAt, nameStart, nameEnd, kind, startAt, endAt, isError] = [-1, 0, 0, 0, -1, -1, false];
    let pos = start;
    while (pos < end) {
      const tag = bytes[pos] ?? 0;
      // Of a field that has one.
      let length = bytes[pos + 1] ?? 0;
      if (tag < 0x08) return false;
      if ((tag & 7) === 2 && tag < 0x80) {
        let value = pos + 2;
        if (length >= 0x80) {
          const high = bytes[value++] ?? 0;
          if (high >= 0x80) return false;
          length = (length & 0x7f) | (high << 7);
        }
        pos = value + length;
        if (tag === 0x4a) {
          // Mostly the key comes first, and is another one by its length.
          const keyLength = bytes[value + 1] ?? 0;
          const isOther = bytes[value] === 0x0a && ((lengths >>> Math.min(keyLength, 31)) & 1) === 0;
          if (isOther) continue;
          if (pos > end) return false;
          attributes.offer(bytes, value, pos);
        } else if (tag === 0x2a) {
          nameStart = value;
          nameEnd = pos;
        } else if (tag === 0x0a) traceIdAt = length === 16 ? value : -1;
        else if (tag === 0x7a && length > 0) {
          // Mostly the code alone.
          if (length !== 2 || bytes[value] !== 0x18) return false;
          isError = bytes[value + 1] === 2;
        } else if (tag === 0x1a) return false;
      } else if ((tag & 7) === 1 && tag < 0x80) {
        if (tag === 0x39) startAt = pos + 1;
        else if (tag === 0x41) endAt = pos + 1;
        pos += 9;
      } else if ((tag & 7) === 0 && tag < 0x80 && length < 0x80) {
        if (tag === 0x30) kind = length;
        pos += 2;
      } else if (tag === 0x85 && length === 1) pos += 6;
      else return false;
    }
    if (pos !== end) return false;
    this.traceIdAt = traceIdAt >= 0 && isTraceId(bytes, traceIdAt) ? traceIdAt : -1;
    this.nameStart = nameStart;
    this.nameEnd = nameEnd;
    this.kind = kind;
    this.isError = isError;
    this.#startAt = startAt;
    this.#endAt = endAt;
    return true;
  }

  /** As `#skim`, for all spans. */
  #walk(bytes: Uint8Array, start: number, end: number): void {
    for (let pos = start; pos < end;) pos = this.#field(bytes, pos, end);
  }

  /** Returns where the field ends. */
  #field(bytes: Uint8Array, pos: number, end: number): number {
    const at = this.#cursor.reset(bytes, pos, end);
    at.next();
    switch ((at.field << 3) | at.wireType) {
      case ATTRIBUTE_TAG:
        this.#attributes.offer(bytes, at.start, at.end);
        break;
      case TRACE_ID_TAG:
        this.#readTraceId(bytes, at.start, at.end);
        break;
      case TRACE_STATE_TAG:
        this.#readState(at.tagStart, at.start, at.end);
        break;
      case NAME_TAG:
        this.nameStart = at.start;
        this.nameEnd = at.end;
        break;
      case KIND_TAG:
        this.kind = at.int32();
        break;
      case START_TAG:
        this.#startAt = at.start;
        break;
      case END_TAG:
        this.#endAt = at.start;
        break;
      case STATUS_TAG:
        this.#readStatus(bytes, at.start, at.end);
    }
    return at.end;
  }

  #readTraceId(bytes: Uint8Array, start: number, end: number): void {
    this.traceIdAt = end - start === TRACE_ID_BYTES && isTraceId(bytes, start) ? start : -1;
  }

  #readState(tagStart: number, start: number, end: number): void {
    this.stateTagStart = tagStart;
    this.stateStart = start;
    this.stateEnd = end;
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

/** From one time in nanoseconds to another one, 8 bytes each; negative when the second is earlier. */
function differenceOf(view: DataView, from: number, to: number): number {
  const high = view.getUint32(to + 4, true) - view.getUint32(from + 4, true);
  return high * 2 ** 32 + (view.getUint32(to, true) - view.getUint32(from, true));
}
