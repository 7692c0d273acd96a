import type { Signal } from '../../core/signal.ts';
import { MAX_VALUE_DEPTH, tooDeep } from '../value.ts';
import { Cursor, I64, LEN, malformed } from '../wire.ts';
import { complement, type Integer } from './numbers.ts';
import { JsonOutput } from './output.ts';
import { isPacked, REQUEST_MESSAGE, type Field, type Message, type Scalar } from './schema.ts';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const MAX_FIELDS = 16;

/**
 * The OTLP/JSON text of a request, UTF-8 without a line end, as the Collector's file exporter writes it: ids in lower
 * case hex, 64-bit integers as strings, enums as integers, members that hold the default left out (but not those of a
 * oneof or with presence of their own), fields in the order of the .proto files whatever their order on the wire. Unknown
 * fields are left out. Always valid JSON: text that is not UTF-8 becomes U+FFFD. The payload of a NaN is lost. Throws
 * payload_malformed, payload_too_deep.
 */
export function requestToJson(signal: Signal, request: Uint8Array): Uint8Array {
  const output = new JsonOutput(Math.max(1024, request.length * 3));
  new MessageWriter(output).message(REQUEST_MESSAGE[signal], request, 0, request.length);
  return output.take();
}

/** Where the fields of one message stand on the wire, by `Field.index`. One for each depth, used again and again. */
class Places {
  readonly cursor = new Cursor();
  readonly count = new Uint32Array(MAX_FIELDS);
  readonly first = new Uint32Array(MAX_FIELDS);
  readonly last = new Uint32Array(MAX_FIELDS);
  readonly end = new Uint32Array(MAX_FIELDS);

  /** Of a repeated field every place counts, of any other the last, of a oneof only the member that came last. */
  find(message: Message, bytes: Uint8Array, start: number, end: number): void {
    const { cursor, count } = this;
    count.fill(0);
    let chosen = -1;
    for (cursor.reset(bytes, start, end); cursor.next();) {
      const field = message.byNumber[cursor.field];
      if (field === undefined) continue;
      const { index } = field;
      if (field.oneof) {
        if (chosen >= 0 && chosen !== index) count[chosen] = 0;
        chosen = index;
      }
      if (count[index] === 0) this.first[index] = cursor.tagStart;
      count[index] = (count[index] ?? 0) + 1;
      this.last[index] = cursor.tagStart;
      this.end[index] = cursor.end;
    }
  }
}

/** Writes messages as `requestToJson` does, one after the other, to one output. */
export class MessageWriter {
  readonly #output: JsonOutput;
  readonly #places: Places[] = [];
  readonly #integer: Integer = { negative: false, high: 0, low: 0 };
  #depth = 0;
  #nested = 0;

  constructor(output: JsonOutput) {
    this.#output = output;
  }

  message(message: Message, bytes: Uint8Array, start: number, end: number): void {
    if (message.nests && ++this.#nested > MAX_VALUE_DEPTH) throw tooDeep();
    const places = (this.#places[this.#depth] ??= new Places());
    this.#depth += 1;
    places.find(message, bytes, start, end);
    const output = this.#output;
    output.byte(OPEN_BRACE);
    let first = true;
    for (const field of message.fields) {
      if (places.count[field.index] === 0) continue;
      if (this.#field(field, places, bytes, first)) first = false;
    }
    output.byte(CLOSE_BRACE);
    this.#depth -= 1;
    if (message.nests) this.#nested -= 1;
  }

  /** Writes one member, unless it holds the default; returns whether it did. */
  #field(field: Field, places: Places, bytes: Uint8Array, first: boolean): boolean {
    const { cursor } = places;
    const { index, type } = field;
    const end = places.end[index] ?? 0;
    if (field.repeated) {
      cursor.reset(bytes, places.first[index] ?? 0, end);
      return this.#repeated(field, cursor, first);
    }
    cursor.reset(bytes, places.last[index] ?? 0, end).next();
    if (typeof type !== 'object') {
      if (!field.explicit && isDefault(cursor, type)) return false;
      this.#key(field, first);
      this.#scalar(cursor, type);
      return true;
    }
    this.#key(field, first);
    if (places.count[index] === 1) {
      expect(cursor, LEN);
      this.message(type, bytes, cursor.start, cursor.end);
    } else {
      const merged = mergedContent(cursor.reset(bytes, places.first[index] ?? 0, end), field.number);
      this.message(type, merged, 0, merged.length);
    }
    return true;
  }

  #key(field: Field, first: boolean): void {
    if (!first) this.#output.byte(COMMA);
    this.#output.bytes(field.keyBytes);
  }

  #repeated(field: Field, cursor: Cursor, first: boolean): boolean {
    const { type } = field;
    let elements = 0;
    while (cursor.next()) {
      if (cursor.field !== field.number) continue;
      if (typeof type === 'object') {
        expect(cursor, LEN);
        this.#beforeElement(field, first, elements++);
        this.message(type, cursor.bytes, cursor.start, cursor.end);
      } else if (isPacked(type) && cursor.wireType === LEN) {
        elements = this.#packed(field, cursor, first, elements);
      } else {
        this.#beforeElement(field, first, elements++);
        this.#scalar(cursor, type);
      }
    }
    if (elements === 0) return false;
    this.#output.byte(CLOSE_BRACKET);
    return true;
  }

  #beforeElement(field: Field, first: boolean, elements: number): void {
    if (elements > 0) {
      this.#output.byte(COMMA);
    } else {
      this.#key(field, first);
      this.#output.byte(OPEN_BRACKET);
    }
  }

  /** The elements of a packed field, which have no tags. */
  #packed(field: Field, { bytes, start, end }: Cursor, first: boolean, elementsBefore: number): number {
    const type = field.type;
    if (typeof type === 'object') throw new TypeError(`${field.name} is not packed.`);
    const element = new Cursor();
    let elements = elementsBefore;
    for (let at = start; at < end; at = element.end) {
      element.enterElement(bytes, at, end, wireTypeOf(type));
      this.#beforeElement(field, first, elements++);
      this.#scalar(element, type);
    }
    return elements;
  }

  #scalar(at: Cursor, type: Scalar): void {
    const output = this.#output;
    switch (type) {
      case 'string':
        expect(at, LEN);
        output.string(at.bytes, at.start, at.end);
        break;
      case 'id16':
      case 'id8':
        expect(at, LEN);
        output.hex(at.bytes, at.start, at.end);
        break;
      case 'bytes':
        expect(at, LEN);
        output.base64(at.bytes, at.start, at.end);
        break;
      case 'bool':
        output.ascii(at.uint() === 0 ? 'false' : 'true');
        break;
      case 'double':
        output.double(at.double());
        break;
      case 'enum':
      case 'uint32':
      case 'sint32':
      case 'fixed32':
        output.integer(integerOf(at, type));
        break;
      case 'fixed64':
      case 'sfixed64':
        expect(at, I64);
        this.#integerString(at.fixed64Low(), at.fixed64High(), type === 'sfixed64');
        break;
      case 'int64':
      case 'uint64':
        this.#integerString(at.varintLow(), at.varintHigh(), type === 'int64');
    }
  }

  #integerString(low: number, high: number, signed: boolean): void {
    const integer = this.#integer;
    integer.low = low;
    integer.high = high;
    const negative = signed && high >= 0x80000000;
    if (negative) complement(integer);
    this.#output.integerString(negative, integer.high, integer.low);
  }
}

function integerOf(at: Cursor, type: 'enum' | 'uint32' | 'sint32' | 'fixed32'): number {
  if (type === 'fixed32') return at.fixed32();
  const value = at.int32();
  if (type === 'uint32') return value >>> 0;
  return type === 'enum' ? value : (value >>> 1) ^ -(value & 1);
}

function wireTypeOf(type: Scalar): number {
  return type === 'double' || type === 'fixed64' ? I64 : 0;
}

/** True when the value is the one that an absent field has. */
function isDefault(at: Cursor, type: Scalar): boolean {
  if (at.wireType === LEN) return at.start === at.end;
  if (type === 'enum' || type === 'uint32' || type === 'sint32') return at.int32() === 0;
  for (let i = at.start; i < at.end; i++) {
    const byte = at.bytes[i] ?? 0;
    if (at.wireType === 0 ? (byte & 0x7f) !== 0 : byte !== 0) return false;
  }
  return true;
}

/** A message that is not repeated but comes several times is one: the contents end to end. */
function mergedContent(cursor: Cursor, number: number): Uint8Array {
  const contents: Uint8Array[] = [];
  while (cursor.next()) if (cursor.field === number) contents.push(cursor.view());
  return Buffer.concat(contents);
}

function expect(at: Cursor, wireType: number): void {
  if (at.wireType !== wireType) throw malformed(`field ${at.field} has wire type ${at.wireType}`, at.tagStart);
}
