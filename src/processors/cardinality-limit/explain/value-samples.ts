import { ANY_VALUE } from '../../../otlp/fields.ts';
import { valueText } from '../../../otlp/value-text.ts';
import { readAnyValue } from '../../../otlp/value.ts';
import { Cursor, LEN, utf8 } from '../../../otlp/wire.ts';
import { cleanText, cleanTextBytes, SHOWN_CHARACTERS } from './clean-text.ts';

/** A value of another kind than text is decoded whole, when it is no larger. */
const MAX_DECODED_BYTES = 1024;
/** Enough for the characters that are shown, each of four bytes at most. */
const TEXT_BYTES = 4 * (SHOWN_CHARACTERS + 1);

/**
 * A few values of a label, as people see them. Those with the lowest hashes are kept, so that they are a fair sample of
 * the different values, however often each came.
 */
export class ValueSamples {
  readonly #most: number;
  readonly #hashes: number[] = [];
  readonly #texts: string[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  static bytesFor(most: number): number {
    return most * (cleanTextBytes() + 32);
  }

  get texts(): readonly string[] {
    return this.#texts;
  }

  /** True when `add` would keep a value with this hash. */
  wants(hash: number): boolean {
    const hashes = this.#hashes;
    if (hashes.length >= this.#most && hash >= (hashes[hashes.length - 1] ?? 0)) return false;
    return !hashes.includes(hash);
  }

  add(hash: number, text: string): void {
    let at = this.#hashes.findIndex((each) => each > hash);
    if (at < 0) at = this.#hashes.length;
    this.#hashes.splice(at, 0, hash);
    this.#texts.splice(at, 0, text);
    if (this.#hashes.length <= this.#most) return;
    this.#hashes.pop();
    this.#texts.pop();
  }

  clear(): void {
    this.#hashes.length = 0;
    this.#texts.length = 0;
  }
}

/** The AnyValue whose content is bytes[start, end). Throws payload_malformed. */
export function shownValue(bytes: Uint8Array, start: number, end: number): string {
  let shown = '';
  const any = new Cursor();
  for (any.reset(bytes, start, end); any.next();) {
    if (any.field === ANY_VALUE.string && any.wireType === LEN) shown = shownText(bytes, any.start, any.end);
    else if (end - start > MAX_DECODED_BYTES) return `(${end - start} bytes)`;
    else shown = cleanText(valueText(readAnyValue(whole(bytes, start, end))));
  }
  return shown;
}

/** Text of which only the beginning is decoded. */
export function shownText(bytes: Uint8Array, start: number, end: number): string {
  return cleanText(utf8(bytes, start, Math.min(end, start + TEXT_BYTES)));
}

/** A cursor that stands on a message as if it had come from a field. */
function whole(bytes: Uint8Array, start: number, end: number): Cursor {
  const at = new Cursor(bytes, start, end);
  at.wireType = LEN;
  at.start = start;
  at.end = end;
  return at;
}
