import { SCOPE_X, SPAN } from '../fields.ts';
import { LEN } from '../wire.ts';
import { putVarint, Writer } from '../writer.ts';
import { hexPairs } from './bits56.ts';
import type { Threshold } from './threshold.ts';
import { TraceState } from './tracestate.ts';

/**
 * The tracestate of spans that come without one: the same for all of them, but for the randomness.
 *
 *   1a 1b  ot=rv:  00000000000000  ;th:8      the field, made once; the digits are written over the zeros
 *                  └ RANDOMNESS_AT
 *
 * It is written in words of four bytes, in less than half of the time of as many bytes. The last word may reach beyond the
 * field, into what is written next.
 */
export class NewTraceState {
  readonly #words: Int32Array;
  readonly #bytes: number;
  readonly #hasRandomness: boolean;
  /** What was written to last, and a view of the same bytes. */
  #buffer: Uint8Array = NO_BYTES;
  #view = NO_VIEW;

  constructor(threshold: Threshold, hasRandomness: boolean) {
    const field = fieldOf(threshold, hasRandomness);
    this.#bytes = field.length;
    this.#words = new Int32Array(Math.ceil(field.length / 4));
    new Uint8Array(this.#words.buffer).set(field);
    this.#hasRandomness = hasRandomness;
  }

  /**
   * Writes the head of a span of `length` bytes, and the field as its first one, so that the rest of the span is one copy.
   * `high`, `low`: its randomness.
   */
  write(writer: Writer, length: number, high: number, low: number): void {
    writer.ensure(MAX_BYTES);
    const { buffer } = writer;
    if (this.#buffer !== buffer) this.#look(buffer);
    buffer[writer.pos] = ITEM_TAG;
    const end = putVarint(buffer, writer.pos + 1, length + this.#bytes);
    writer.pos = end + this.#bytes;
    const words = this.#words;
    const view = this.#view;
    for (let i = 0; i < words.length; i++) view.setInt32(end + 4 * i, words[i] ?? 0, IS_LITTLE_ENDIAN);
    if (this.#hasRandomness) putRandomness(view, end + RANDOMNESS_AT, high, low);
  }

  /** Lets go of the result that was written to last. */
  release(): void {
    this.#buffer = NO_BYTES;
    this.#view = NO_VIEW;
  }

  #look(buffer: Uint8Array): void {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }
}

function fieldOf(threshold: Threshold, hasRandomness: boolean): Uint8Array {
  const state = new TraceState();
  if (hasRandomness) state.setRandomness({ high: 0, low: 0 });
  state.raiseThreshold(threshold);
  const writer = new Writer(64);
  writer.header(SPAN.traceState, state.encodedBytes());
  state.write(writer);
  return writer.take();
}

/** As `putAllHex`. */
function putRandomness(view: DataView, at: number, high: number, low: number): void {
  const pairs = PAIRS;
  view.setUint16(at, pairs[(high >>> 16) & 255] ?? 0);
  view.setUint16(at + 2, pairs[(high >>> 8) & 255] ?? 0);
  view.setUint16(at + 4, pairs[high & 255] ?? 0);
  view.setUint16(at + 6, pairs[low >>> 24] ?? 0);
  view.setUint16(at + 8, pairs[(low >>> 16) & 255] ?? 0);
  view.setUint16(at + 10, pairs[(low >>> 8) & 255] ?? 0);
  view.setUint16(at + 12, pairs[low & 255] ?? 0);
}

const PAIRS = hexPairs();
const ITEM_TAG = (SCOPE_X.items << 3) | LEN;
/** After the head of the field and `ot=rv:`. */
const RANDOMNESS_AT = 8;
/** Of tag and length of a span, the longest field, and what of its last word reaches beyond. */
const MAX_BYTES = 6 + RANDOMNESS_AT + 14 + 4 + 14 + 3;
const IS_LITTLE_ENDIAN = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(NO_BYTES.buffer);
