import { ANY_VALUE, KEY_VALUE, LOG } from '../fields.ts';
import { Cursor, LEN } from '../wire.ts';
import { varintSize, type Writer } from '../writer.ts';
import { compareBits56, HEX_DIGITS, MutableBits56, putHex, type Bits56 } from './bits56.ts';
import type { ItemView } from './item-view.ts';
import { Randomness } from './randomness.ts';
import type { SamplingState } from './sampling-state.ts';
import { digitsOf, type Threshold } from './threshold.ts';

/** Attributes of log records that say what a tracestate says of spans. An ItemView has them first, in this order. */
export const LOG_STATE_KEYS = ['sampling.threshold', 'sampling.randomness'] as const;
export const THRESHOLD = 0;
export const RANDOMNESS = 1;

const KEYS = LOG_STATE_KEYS.map((key) => Buffer.from(key));

/**
 * The sampling attributes of a log record: texts of hexadecimal digits as `th` and `rv` have them. One that is empty, or
 * no text, is taken for absent, as in the Collector. Reused: valid until the next `read`.
 */
export class LogState implements SamplingState {
  status: 'absent' | 'plain' | 'malformed' = 'absent';
  hasThreshold = false;
  hasRandomness = false;
  readonly #threshold = new MutableBits56();
  readonly #randomness = new Randomness();
  readonly #cursor = new Cursor();
  /** Whether the attribute is written anew, or left out when there is none to write. */
  readonly #touched = [false, false];

  get threshold(): Threshold {
    return this.#threshold;
  }

  get randomness(): Bits56 {
    return this.#randomness;
  }

  /** Throws payload_malformed. */
  read(record: ItemView): this {
    this.#touched[THRESHOLD] = false;
    this.#touched[RANDOMNESS] = false;
    const threshold = this.#readHex(record, THRESHOLD, this.#threshold, 1);
    const randomness = this.#readHex(record, RANDOMNESS, this.#randomness, HEX_DIGITS);
    const isMalformed = threshold === 'malformed' || randomness === 'malformed';
    this.hasThreshold = threshold === 'plain' && !isMalformed;
    this.hasRandomness = randomness === 'plain' && !isMalformed;
    this.status = isMalformed ? 'malformed' : threshold === 'plain' ? threshold : randomness;
    return this;
  }

  raiseThreshold(threshold: Threshold): boolean {
    if (this.status === 'malformed') return false;
    if (this.hasThreshold && compareBits56(this.#threshold, threshold) > 0) return false;
    this.#threshold.set(threshold);
    this.hasThreshold = true;
    this.#touched[THRESHOLD] = true;
    return true;
  }

  eraseThreshold(): void {
    if (!this.hasThreshold) return;
    this.hasThreshold = false;
    this.#touched[THRESHOLD] = true;
  }

  setRandomness(randomness: Bits56): void {
    if (this.status === 'malformed') return;
    this.#randomness.set(randomness);
    this.hasRandomness = true;
    this.#touched[RANDOMNESS] = true;
  }

  /** Whether attribute THRESHOLD or RANDOMNESS was set or erased. */
  touched(index: number): boolean {
    return this.#touched[index] === true;
  }

  /** Length of the whole field that `write` writes; 0 when it was erased. */
  encodedBytes(index: number): number {
    const content = this.#contentBytes(index);
    return content === 0 ? 0 : 1 + varintSize(content) + content;
  }

  /** Writes the attribute, unless it was erased. */
  write(index: number, writer: Writer): void {
    const content = this.#contentBytes(index);
    const key = KEYS[index];
    if (content === 0 || key === undefined) return;
    const digits = this.#digits(index);
    writer.header(LOG.attributes, content);
    writer.bytes(KEY_VALUE.key, key);
    writer.header(KEY_VALUE.value, digits + 2);
    writer.header(ANY_VALUE.string, digits);
    writer.pos = putHex(writer.buffer, writer.pos, index === THRESHOLD ? this.#threshold : this.#randomness, digits);
  }

  release(): void {
    this.#cursor.reset(new Uint8Array(0), 0, 0);
  }

  /** Of the KeyValue: two tags, two lengths, the key, and an AnyValue of one tag, one length and the digits. */
  #contentBytes(index: number): number {
    const digits = this.#digits(index);
    return digits === 0 ? 0 : 2 + (KEYS[index]?.length ?? 0) + 2 + 2 + digits;
  }

  #digits(index: number): number {
    if (index === RANDOMNESS) return this.hasRandomness ? HEX_DIGITS : 0;
    return this.hasThreshold ? digitsOf(this.#threshold) : 0;
  }

  #readHex(record: ItemView, index: number, value: MutableBits56, minDigits: number): SamplingState['status'] {
    if (!record.valueOf(index, this.#cursor) || !this.#enterText()) return 'absent';
    const { bytes, start, end } = this.#cursor;
    return end - start >= minDigits && value.readHex(bytes, start, end) ? 'plain' : 'malformed';
  }

  /** Onto the text of the AnyValue that the cursor stands on; false when it is empty, or something else. */
  #enterText(): boolean {
    const at = this.#cursor;
    let isText = false;
    let start = 0;
    let end = 0;
    for (at.enter(at); at.next();) {
      // Fields that are not known are no value; of those that are, the last counts.
      if (at.field > ANY_VALUE.bytes) continue;
      isText = at.field === ANY_VALUE.string && at.wireType === LEN;
      [start, end] = [at.start, at.end];
    }
    at.start = start;
    at.end = end;
    return isText && end > start;
  }
}
