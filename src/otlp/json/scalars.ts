import type { Writer } from '../writer.ts';
import { decodeBase64, decodeHex, unescape } from './encodings.ts';
import { QUOTE, type JsonInput } from './input.ts';
import { complement, parseDouble, parseInteger, type Integer } from './numbers.ts';
import type { Field, IntegerType, NumberType, Scalar } from './schema.ts';

const MAX_UINT32 = 0xffffffff;
const SIGN_BIT = 0x80000000;

const SPECIAL_DOUBLES: ReadonlyMap<string, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

/** Reads one JSON value of a scalar type and writes it as protobuf. Throws payload_malformed. */
export class ScalarReader {
  readonly #input: JsonInput;
  readonly #writer: Writer;
  readonly #integer: Integer = { negative: false, high: 0, low: 0 };
  readonly #id = new Uint8Array(16);

  constructor(input: JsonInput, writer: Writer) {
    this.#input = input;
    this.#writer = writer;
  }

  /** Writes `field` with its tag, unless it holds the default and may be left out. */
  field(field: Field, type: Scalar, keepDefault: boolean): void {
    switch (type) {
      case 'string':
        this.#string(field, keepDefault);
        break;
      case 'id16':
        this.#hex(field, 16, keepDefault);
        break;
      case 'id8':
        this.#hex(field, 8, keepDefault);
        break;
      case 'bytes':
        this.#base64(field, keepDefault);
        break;
      case 'bool':
        this.#bool(field, keepDefault);
        break;
      case 'double': {
        const value = this.#double(field);
        if (keepDefault || !Object.is(value, 0)) this.#writer.double(field.number, value);
        break;
      }
      case 'enum':
      case 'sint32':
      case 'uint32':
      case 'fixed32':
      case 'int64':
      case 'uint64':
      case 'fixed64':
      case 'sfixed64':
        this.#readInteger(field, type);
        if (keepDefault || this.#integer.low !== 0 || this.#integer.high !== 0) this.#writeInteger(field, type);
    }
  }

  /** Writes one element of a packed field. */
  element(field: Field, type: NumberType): void {
    if (type === 'double') {
      this.#writer.rawDouble(this.#double(field));
      return;
    }
    this.#readInteger(field, type);
    const { low, high } = this.#integer;
    if (type === 'fixed64' || type === 'sfixed64') this.#writer.rawFixed64Parts(low, high);
    else this.#writer.varintParts(low, high);
  }

  /** Resolves the escapes of a string token. */
  plainToken(): void {
    const { token } = this.#input;
    if (!token.marked) return;
    const plain = new Uint8Array(token.end - token.start);
    token.end = unescape(token, plain, 0);
    token.source = plain;
    token.start = 0;
    token.marked = false;
  }

  #bool(field: Field, keepDefault: boolean): void {
    const value = this.#input.bool();
    if (value || keepDefault) this.#writer.bool(field.number, value);
  }

  #string(field: Field, keepDefault: boolean): void {
    this.#input.string();
    const { token } = this.#input;
    const length = token.end - token.start;
    if (!token.marked) {
      if (length > 0 || keepDefault) this.#writer.bytes(field.number, token.source, token.start, token.end);
      return;
    }
    const writer = this.#writer;
    const mark = writer.begin(field.number, length);
    writer.ensure(length);
    writer.pos = unescape(token, writer.buffer, writer.pos);
    writer.end(mark);
  }

  #hex(field: Field, idBytes: number, keepDefault: boolean): void {
    this.#input.string();
    this.plainToken();
    const { source, start, end } = this.#input.token;
    if (end > start && (end - start !== idBytes * 2 || !decodeHex(source, start, end, this.#id))) {
      throw this.#input.malformed(`${field.name} is not ${idBytes * 2} hexadecimal digits`);
    }
    if (end > start) this.#writer.bytes(field.number, this.#id, 0, idBytes);
    else if (keepDefault) this.#writer.bytes(field.number, this.#id, 0, 0);
  }

  #base64(field: Field, keepDefault: boolean): void {
    this.#input.string();
    this.plainToken();
    const { source, start, end } = this.#input.token;
    const bytes = decodeBase64(source, start, end);
    if (bytes === undefined) throw this.#input.malformed(`${field.name} is not base64`);
    if (bytes.length > 0 || keepDefault) this.#writer.bytes(field.number, bytes);
  }

  /** Reads a number, or a string with nothing but a number in it, into the token; true when the string is no number. */
  #numberToken(): boolean {
    const input = this.#input;
    if (input.peek() !== QUOTE) {
      input.number();
      return false;
    }
    input.string();
    this.plainToken();
    const { token } = input;
    const first = token.source[token.start] ?? 0;
    const second = token.source[token.start + 1] ?? 0;
    const digit = first === 0x2d ? second : first;
    if (token.end === token.start || digit < 0x30 || digit > 0x39) return true;
    if (input.numberEnd(token.source, token.start, token.end) !== token.end) throw input.malformed('a number expected');
    return false;
  }

  #double(field: Field): number {
    const isText = this.#numberToken();
    const { source, start, end } = this.#input.token;
    const value = isText
      ? SPECIAL_DOUBLES.get(Buffer.from(source.subarray(start, end)).toString('latin1'))
      : parseDouble(source, start, end);
    if (value === undefined || (!isText && !Number.isFinite(value))) throw this.#outOfRange(field);
    return value;
  }

  /** Leaves the integer in `#integer`, as the halves that are written. */
  #readInteger(field: Field, type: IntegerType): void {
    const integer = this.#integer;
    if (this.#numberToken()) {
      this.#readName(field, type);
      return;
    }
    if (!parseInteger(this.#input.token, integer) || !fits(integer, type)) throw this.#outOfRange(field);
    if (type === 'sint32') zigzag(integer);
    else if (integer.negative) complement(integer);
  }

  #readName(field: Field, type: IntegerType): void {
    const { source, start, end } = this.#input.token;
    const value =
      type === 'enum' ? field.names.indexOf(Buffer.from(source.subarray(start, end)).toString('latin1')) : -1;
    if (value < 0) throw this.#outOfRange(field);
    this.#integer.negative = false;
    this.#integer.high = 0;
    this.#integer.low = value;
  }

  #writeInteger(field: Field, type: IntegerType): void {
    const { low, high } = this.#integer;
    if (type === 'fixed64' || type === 'sfixed64') this.#writer.fixed64Parts(field.number, low, high);
    else if (type === 'fixed32') this.#writer.fixed32(field.number, low);
    else this.#writer.int64Parts(field.number, low, high);
  }

  #outOfRange(field: Field): Error {
    return this.#input.malformed(`no value for ${field.name}`, this.#input.pos);
  }
}

function fits({ negative, high, low }: Integer, type: IntegerType): boolean {
  switch (type) {
    case 'uint32':
    case 'fixed32':
      return high === 0 && low <= MAX_UINT32 && (!negative || low === 0);
    case 'enum':
    case 'sint32':
      return high === 0 && low < SIGN_BIT + (negative ? 1 : 0);
    case 'int64':
    case 'sfixed64':
      return high < SIGN_BIT || (negative && high === SIGN_BIT && low === 0);
    case 'uint64':
    case 'fixed64':
      return !negative || (high === 0 && low === 0);
  }
}

/** (n << 1) ^ (n >> 31) */
function zigzag(integer: Integer): void {
  integer.low = integer.negative ? (integer.low - 1) * 2 + 1 : integer.low * 2;
  if (integer.low < 0) integer.low = 0;
}
