import type { Signal } from '../../core/signal.ts';
import { MAX_VALUE_DEPTH, tooDeep } from '../value.ts';
import { Writer } from '../writer.ts';
import { CLOSE_BRACE, CLOSE_BRACKET, JsonInput, OPEN_BRACE, OPEN_BRACKET } from './input.ts';
import { isPacked, MESSAGE_COUNT, REQUEST_MESSAGE, type Field, type Message, type NumberType } from './schema.ts';
import { ScalarReader } from './scalars.ts';

/** What is kept between calls, so that a large request does not stay in memory. */
const MAX_KEPT_BYTES = 1024 * 1024;

let writer = new Writer(0);

/**
 * The protobuf bytes of an OTLP/JSON request, in buffers of their own.
 *
 * Holds to the JSON mapping of protobuf as OTLP amends it: lowerCamelCase names only, ids in hex of any case, other bytes
 * in base64 of either alphabet, 64-bit integers as number or string and exact, enums as number or name, `null` as
 * absent, unknown members passed over. A member that comes twice counts as it does in protobuf: the last value stands,
 * messages merge, lists join. Text that is not UTF-8, or half a surrogate pair, becomes U+FFFD. Values out of the range
 * of their field are malformed. Throws payload_malformed, payload_too_deep.
 */
export function jsonToRequest(signal: Signal, json: Uint8Array): Uint8Array {
  writer.pos = 0;
  writer.ensure(Math.min(json.length, MAX_KEPT_BYTES));
  try {
    const input = new JsonInput(json);
    new MessageReader(input, writer).read(REQUEST_MESSAGE[signal]);
    input.end();
    return writer.take();
  } finally {
    if (writer.buffer.length > MAX_KEPT_BYTES) writer = new Writer(0);
  }
}

class MessageReader {
  readonly #input: JsonInput;
  readonly #writer: Writer;
  readonly #scalars: ScalarReader;
  /** Size of the last message of each kind: the next one is probably about as long. */
  readonly #expectedBytes = new Uint32Array(MESSAGE_COUNT);
  #depth = 0;

  constructor(input: JsonInput, output: Writer) {
    this.#input = input;
    this.#writer = output;
    this.#scalars = new ScalarReader(input, output);
  }

  read(message: Message): void {
    if (message.nests && ++this.#depth > MAX_VALUE_DEPTH) throw tooDeep();
    const input = this.#input;
    input.expect(OPEN_BRACE);
    let seen = 0;
    let likely = 0;
    for (let first = true; input.another(CLOSE_BRACE, first); first = false) {
      input.key();
      const field = this.#field(message, likely);
      if (field === undefined) {
        input.skip();
        continue;
      }
      likely = field.index + 1;
      if (input.tryNull()) continue;
      const bit = 1 << field.index;
      this.#member(field, field.explicit || (seen & bit) !== 0);
      seen |= bit;
    }
    if (message.nests) this.#depth -= 1;
  }

  /** The field that the token names; members mostly come in the order of the table. */
  #field({ fields }: Message, likely: number): Field | undefined {
    this.#scalars.plainToken();
    const next = fields[likely];
    if (next !== undefined && this.#isNamed(next)) return next;
    for (const field of fields) if (this.#isNamed(field)) return field;
    return undefined;
  }

  #isNamed({ nameBytes }: Field): boolean {
    const { source, start, end } = this.#input.token;
    if (end - start !== nameBytes.length) return false;
    for (let i = 0; i < nameBytes.length; i++) if (source[start + i] !== nameBytes[i]) return false;
    return true;
  }

  #member(field: Field, keepDefault: boolean): void {
    const { type } = field;
    if (!field.repeated) {
      if (typeof type === 'object') this.#message(field, type);
      else this.#scalars.field(field, type, keepDefault);
      return;
    }
    const input = this.#input;
    input.expect(OPEN_BRACKET);
    if (typeof type === 'object') {
      for (let first = true; input.another(CLOSE_BRACKET, first); first = false) this.#message(field, type);
    } else if (isPacked(type)) {
      this.#packed(field, type);
    } else {
      for (let first = true; input.another(CLOSE_BRACKET, first); first = false) this.#scalars.field(field, type, true);
    }
  }

  #message(field: Field, message: Message): void {
    const output = this.#writer;
    const mark = output.begin(field.number, this.#expectedBytes[message.id]);
    this.read(message);
    this.#expectedBytes[message.id] = output.pos - mark;
    output.end(mark);
  }

  #packed(field: Field, type: NumberType): void {
    const input = this.#input;
    if (!input.another(CLOSE_BRACKET, true)) return;
    const mark = this.#writer.begin(field.number);
    do this.#scalars.element(field, type);
    while (input.another(CLOSE_BRACKET, false));
    this.#writer.end(mark);
  }
}
