/**
 * Bytes as a text, for regular expressions, with the way between places in the text and places in the bytes. Places are
 * asked for in rising order.
 */
export interface TextView {
  readonly text: string;
  byteAt(index: number): number;
  indexAt(byte: number): number;
}

/** A text each of whose units is as many bytes. */
export function linearView(text: string, start: number, unitBytes: number): TextView {
  return {
    text,
    byteAt: (index) => start + index * unitBytes,
    indexAt: (byte) => (byte - start) / unitBytes,
  };
}

/** UTF-8, valid or not: what is invalid is U+FFFD in the text, as the standard's decoder has it. */
export class Utf8View implements TextView {
  readonly text: string;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #byte: number;
  #index = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.text = bytes.toString('utf8', start, end);
    this.#bytes = bytes;
    this.#end = end;
    this.#byte = start;
  }

  byteAt(index: number): number {
    while (this.#index < index && this.#byte < this.#end) this.#step();
    return this.#byte;
  }

  indexAt(byte: number): number {
    while (this.#byte < byte) this.#step();
    return this.#index;
  }

  #step(): void {
    const length = sequenceLength(this.#bytes, this.#byte, this.#end);
    this.#byte += length;
    this.#index += length === 4 ? 2 : 1;
  }
}

/**
 * Bytes of the character at `at`, or of the longest start of one that is not finished properly: each is one U+FFFD (the
 * Unicode Standard, section 3.9, "maximal subpart", and table 3-7). Four bytes are a whole character always.
 */
export function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0xc2 || lead > 0xf4) return 1;
  const wanted = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  let length = 1;
  for (; length < wanted && at + length < end; length++) {
    const byte = bytes[at + length] ?? 0;
    if (byte < low || byte > high) return length;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}
