import { KEY_VALUE, SPAN } from '../fields.ts';
import { makePlace, type Place } from '../place.ts';
import { Cursor, LEN, malformed, VARINT, I64 } from '../wire.ts';
import { isTraceId, TRACE_ID_BYTES } from './randomness.ts';

const TRACE_ID_TAG = (SPAN.traceId << 3) | LEN;
const TRACE_STATE_TAG = (SPAN.traceState << 3) | LEN;
const ATTRIBUTE_TAG = (SPAN.attributes << 3) | LEN;
const KEY_TAG = (KEY_VALUE.key << 3) | LEN;

/**
 * What a sampler wants to know of a span, found in one walk over its fields. Reused: valid until the next span.
 * Of a field that comes several times the last counts, as protobuf defines it; of attributes with one key the first.
 */
export class SpanView {
  place: Place = makePlace('traces');
  /** Where the 16 bytes of the trace id stand; -1 when it is absent, all zero or of another length. */
  traceIdAt = -1;
  /** The whole field, and its text; start < 0 when there is none. */
  traceStateTagStart = -1;
  traceStateStart = -1;
  traceStateEnd = -1;
  /** The content of the KeyValue with the key that was asked for; start < 0 when there is none. */
  attributeStart = -1;
  attributeEnd = -1;
  readonly #key: Uint8Array;
  readonly #cursor = new Cursor();
  readonly #entry = new Cursor();

  /** `attribute`: the key of an attribute to look for. */
  constructor(attribute: string | undefined) {
    this.#key = Buffer.from(attribute ?? '');
  }

  get bytes(): Uint8Array {
    return this.place.bytes;
  }

  /** Throws payload_malformed. */
  read(place: Place): this {
    this.place = place;
    this.traceIdAt = -1;
    this.traceStateTagStart = -1;
    this.traceStateStart = -1;
    this.traceStateEnd = -1;
    this.attributeStart = -1;
    this.#walk(place.bytes, place.itemStart, place.itemEnd);
    return this;
  }

  release(): void {
    this.place = NOWHERE;
    this.#cursor.reset(NOWHERE.bytes, 0, 0);
    this.#entry.reset(NOWHERE.bytes, 0, 0);
  }

  /** A cursor in plain variables: this loop is most of what a sampler costs. */
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
      if (tag < 8 || tag >= 0x80) length = -1;
      else if ((tag & 7) === I64) [value, length] = [pos + 1, 8];
      else if ((tag & 7) === VARINT) length = length >= 0 ? 0 : -1;
      else if ((tag & 7) !== LEN) length = -1;
      if (length < 0) {
        pos = this.#uncommon(bytes, pos, end);
        continue;
      }
      const next = value + length;
      if (next > end) throw malformed(`field ${tag >> 3} runs past the end of its message`, pos);
      if (tag === ATTRIBUTE_TAG) this.#attribute(bytes, value, next);
      else if (tag === TRACE_ID_TAG) this.#traceId(bytes, value, length);
      else if (tag === TRACE_STATE_TAG) this.#traceState(pos, value, next);
      pos = next;
    }
  }

  /** Tags and lengths of more bytes, other wire types, and what is malformed. */
  #uncommon(bytes: Uint8Array, pos: number, end: number): number {
    const at = this.#cursor.reset(bytes, pos, end);
    at.next();
    if (at.wireType !== LEN) return at.end;
    if (at.field === SPAN.attributes) this.#attribute(bytes, at.start, at.end);
    else if (at.field === SPAN.traceId) this.#traceId(bytes, at.start, at.end - at.start);
    else if (at.field === SPAN.traceState) this.#traceState(at.tagStart, at.start, at.end);
    return at.end;
  }

  #traceId(bytes: Uint8Array, start: number, length: number): void {
    this.traceIdAt = length === TRACE_ID_BYTES && isTraceId(bytes, start) ? start : -1;
  }

  #traceState(tagStart: number, start: number, end: number): void {
    this.traceStateTagStart = tagStart;
    this.traceStateStart = start;
    this.traceStateEnd = end;
  }

  #attribute(bytes: Uint8Array, start: number, end: number): void {
    const { length } = this.#key;
    // The key comes first, and is another one by its length.
    if (bytes[start] === KEY_TAG && bytes[start + 1] !== length && length < 0x80) return;
    if (length === 0 || this.attributeStart >= 0 || !this.#hasKey(bytes, start, end)) return;
    this.attributeStart = start;
    this.attributeEnd = end;
  }

  #hasKey(bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#entry.reset(bytes, start, end);
    while (at.next()) if (at.field === KEY_VALUE.key) return at.equals(this.#key);
    return false;
  }
}

const NOWHERE = makePlace('traces');
