import { KEY_VALUE, SPAN, STATUS } from '../../otlp/fields.ts';
import { isTraceId, TRACE_ID_BYTES } from '../../otlp/sampling/randomness.ts';
import { Cursor, I64, LEN, malformed, VARINT } from '../../otlp/wire.ts';
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
const KEY_TAG = (KEY_VALUE.key << 3) | LEN;
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
    this.#walk(bytes, start, end);
    this.durationNs = this.#startAt < 0 || this.#endAt < 0 ? 0 : differenceOf(view, this.#startAt, this.#endAt);
    return this;
  }

  release(): void {
    for (const cursor of [this.#cursor, this.#status]) cursor.reset(EMPTY, 0, 0);
  }

  /** A cursor in plain variables: this loop is most of what the sampler costs. Fields are in the order of their number. */
  #walk(bytes: Uint8Array, start: number, end: number): void {
    const attributes = this.#attributes;
    const { lengths } = attributes;
    for (let pos = start; pos < end;) {
      const tag = bytes[pos] ?? 0;
      const wireType = tag & 7;
      let value = pos + 1;
      let next = -1;
      if (tag < 8 || tag >= 0x80) next = -1;
      else if (wireType === LEN) {
        let length = bytes[value++] ?? 0;
        if (length >= 0x80) {
          const second = bytes[value++] ?? 0;
          length = second < 0x80 ? (length & 0x7f) | (second << 7) : -0x10000000;
        }
        next = value + length;
      } else if (wireType === I64) next = value + 8;
      else if (wireType === VARINT && (bytes[value] ?? 0) < 0x80) next = value + 1;
      if (next < 0) {
        pos = this.#uncommon(bytes, pos, end);
        continue;
      }
      if (next > end) throw malformed(`field ${tag >> 3} runs past the end of its message`, pos);
      if (tag === ATTRIBUTE_TAG) {
        // Mostly the key comes first, and is another one by its length.
        const keyLength = bytes[value + 1] ?? 0;
        const isOther = bytes[value] === KEY_TAG && keyLength < 31 && ((lengths >>> keyLength) & 1) === 0;
        if (!isOther) attributes.offer(bytes, value, next);
      } else if (tag > ATTRIBUTE_TAG) {
        if (tag === STATUS_TAG) this.#readStatus(bytes, value, next);
      } else if (tag === TRACE_ID_TAG) this.#readTraceId(bytes, value, next);
      else if (tag === NAME_TAG) {
        this.nameStart = value;
        this.nameEnd = next;
      } else if (tag === KIND_TAG) this.kind = bytes[value] ?? 0;
      else if (tag === START_TAG) this.#startAt = value;
      else if (tag === END_TAG) this.#endAt = value;
      else if (tag === TRACE_STATE_TAG) this.#readState(pos, value, next);
      pos = next;
    }
  }

  /** Tags, lengths and numbers of more bytes, other wire types, and what is malformed. */
  #uncommon(bytes: Uint8Array, pos: number, end: number): number {
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
