import { KEY_VALUE, LOG, SPAN } from '../fields.ts';
import { makePlace, type Place } from '../place.ts';
import { Cursor, I64, LEN, malformed, VARINT } from '../wire.ts';
import { isTraceId, TRACE_ID_BYTES } from './randomness.ts';

const NOWHERE = makePlace('traces');

/** Numbers of the fields of Span or LogRecord that samplers read. */
interface Fields {
  readonly traceId: number;
  readonly attributes: number;
  /** 0: it has none. */
  readonly traceState: number;
}

const FIELDS: Readonly<Record<'traces' | 'logs', Fields>> = {
  traces: SPAN,
  logs: { traceId: LOG.traceId, attributes: LOG.attributes, traceState: 0 },
};

/**
 * What a sampler wants to know of a span or log record, found in one walk over its fields. Reused: valid until the next
 * item. Of a field that comes several times the last counts, as protobuf defines it; of attributes with one key the first.
 */
export class ItemView {
  readonly signal: 'traces' | 'logs';
  place: Place = NOWHERE;
  /** Where the 16 bytes of the trace id stand; -1 when it is absent, all zero or of another length. */
  traceIdAt = -1;
  /** The whole field, and its text; -1 when there is none. */
  traceStateTagStart = -1;
  traceStateStart = -1;
  traceStateEnd = -1;
  /** By the keys that were asked for: the whole field, and its content, a KeyValue; -1 when there is none. */
  readonly attributeTagStarts: number[];
  readonly attributeStarts: number[];
  readonly attributeEnds: number[];
  readonly #keys: readonly Uint8Array[];
  /** Bit n: one of the keys has n bytes; longer ones share the last bit. */
  readonly #keyLengths: number;
  readonly #fields: Fields;
  readonly #cursor = new Cursor();
  readonly #entry = new Cursor();

  constructor(signal: 'traces' | 'logs', keys: readonly string[]) {
    this.signal = signal;
    this.#fields = FIELDS[signal];
    this.#keys = keys.map((key) => Buffer.from(key));
    this.#keyLengths = this.#keys.reduce((bits, { length }) => bits | bitOf(length), 0);
    this.attributeTagStarts = keys.map(() => -1);
    this.attributeStarts = keys.map(() => -1);
    this.attributeEnds = keys.map(() => -1);
  }

  get bytes(): Uint8Array {
    return this.place.bytes;
  }

  hasAttribute(index: number): boolean {
    return (this.attributeStarts[index] ?? -1) >= 0;
  }

  /** Puts `cursor` on the AnyValue of an attribute; false when it has none. */
  valueOf(index: number, cursor: Cursor): boolean {
    const start = this.attributeStarts[index] ?? -1;
    if (start < 0) return false;
    const end = this.attributeEnds[index] ?? start;
    let at = -1;
    for (cursor.reset(this.bytes, start, end); cursor.next();) {
      if (cursor.field === KEY_VALUE.value && cursor.wireType === LEN) at = cursor.tagStart;
    }
    return at >= 0 && cursor.reset(this.bytes, at, end).next();
  }

  /** Throws payload_malformed. */
  read(place: Place): this {
    this.place = place;
    this.traceIdAt = -1;
    this.traceStateTagStart = -1;
    this.traceStateStart = -1;
    this.traceStateEnd = -1;
    for (let i = 0; i < this.#keys.length; i++) this.attributeStarts[i] = -1;
    this.#walk(place.bytes, place.itemStart, place.itemEnd);
    return this;
  }

  /** Lets go of the request. */
  release(): void {
    this.place = NOWHERE;
    this.#cursor.reset(NOWHERE.bytes, 0, 0);
    this.#entry.reset(NOWHERE.bytes, 0, 0);
  }

  /** A cursor in plain variables: this loop is most of what a sampler costs. */
  #walk(bytes: Uint8Array, start: number, end: number): void {
    const attributeTag = (this.#fields.attributes << 3) | LEN;
    const traceIdTag = (this.#fields.traceId << 3) | LEN;
    const traceStateTag = (this.#fields.traceState << 3) | LEN;
    const keyLengths = this.#keyLengths;
    let pos = start;
    while (pos < end) {
      const tag = bytes[pos] ?? 0;
      if (tag === attributeTag) {
        // Mostly the key comes first, and is another one by its length.
        const length = bytes[pos + 1] ?? 0;
        const keyLength = bytes[pos + 3] ?? 0;
        const isShort = length < 0x80 && keyLength < 31 && bytes[pos + 2] === KEY_TAG;
        if (isShort && ((keyLengths >>> keyLength) & 1) === 0) {
          pos += 2 + length;
          continue;
        }
      }
      const wireType = tag & 7;
      let value = pos + 1;
      let next = -1;
      if (wireType === LEN) {
        const first = bytes[value++] ?? 0;
        if (first < 0x80) next = value + first;
        else {
          const second = bytes[value++] ?? 0;
          if (second < 0x80) next = value + ((first & 0x7f) | (second << 7));
        }
      } else if (wireType === I64) next = value + 8;
      else if (wireType === VARINT && (bytes[value] ?? 0) < 0x80) next = value + 1;
      if (next < 0 || tag < 8 || tag >= 0x80) {
        pos = this.#uncommon(bytes, pos, end);
        continue;
      }
      if (next > end) throw malformed(`field ${tag >> 3} runs past the end of its message`, pos);
      if (tag === attributeTag) this.#attribute(bytes, pos, value, next);
      else if (tag === traceIdTag) this.#traceId(bytes, value, next - value);
      else if (tag === traceStateTag) this.#traceState(pos, value, next);
      pos = next;
    }
    if (pos > end) throw malformed('an attribute runs past the end of its message', end);
  }

  /** Tags and lengths of more bytes, other wire types, and what is malformed. */
  #uncommon(bytes: Uint8Array, pos: number, end: number): number {
    const at = this.#cursor.reset(bytes, pos, end);
    at.next();
    if (at.wireType !== LEN) return at.end;
    if (at.field === this.#fields.attributes) this.#attribute(bytes, at.tagStart, at.start, at.end);
    else if (at.field === this.#fields.traceId) this.#traceId(bytes, at.start, at.end - at.start);
    else if (at.field === this.#fields.traceState) this.#traceState(at.tagStart, at.start, at.end);
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

  #attribute(bytes: Uint8Array, tagStart: number, start: number, end: number): void {
    const key = this.#entry.reset(bytes, start, end);
    do if (!key.next()) return;
    while (key.field !== KEY_VALUE.key);
    for (let i = 0; i < this.#keys.length; i++) {
      if (this.hasAttribute(i) || !key.equals(this.#keys[i] ?? NOWHERE.bytes)) continue;
      this.attributeTagStarts[i] = tagStart;
      this.attributeStarts[i] = start;
      this.attributeEnds[i] = end;
    }
  }
}

const KEY_TAG = (KEY_VALUE.key << 3) | LEN;

function bitOf(length: number): number {
  return 1 << Math.min(length, 31);
}
