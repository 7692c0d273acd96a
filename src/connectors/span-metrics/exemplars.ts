import type { Random } from '../../core/random.ts';
import { EXEMPLAR } from '../../otlp/fields.ts';
import type { Writer } from '../../otlp/writer.ts';

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const TIME_BYTES = 8;
/** The two ids and the time of its end. */
const EXEMPLAR_BYTES = TRACE_ID_BYTES + SPAN_ID_BYTES + TIME_BYTES;

/**
 * Some of the spans that a series has seen since the last flush, each as likely as any other (reservoir sampling).
 *
 *   #bytes   trace id 16 | span id 8 | end, nanoseconds 8      #values   duration
 */
export class Exemplars {
  readonly #bytes: Uint8Array;
  readonly #values: Float64Array;
  #seen = 0;

  constructor(max: number) {
    this.#bytes = new Uint8Array(max * EXEMPLAR_BYTES);
    this.#values = new Float64Array(max);
  }

  /** Where one more span is to be put; -1 for nowhere. */
  slotOf(random: Random): number {
    const max = this.#values.length;
    this.#seen += 1;
    if (this.#seen <= max) return this.#seen - 1;
    const slot = Math.floor(random() * this.#seen);
    return slot < max ? slot : -1;
  }

  /** `places[at]` and the two after it are where the trace id, the span id and the end stand in `source`. */
  put(slot: number, value: number, source: Uint8Array, places: Int32Array, at: number): void {
    const to = slot * EXEMPLAR_BYTES;
    this.#copy(to, TRACE_ID_BYTES, source, places[at] ?? 0);
    this.#copy(to + TRACE_ID_BYTES, SPAN_ID_BYTES, source, places[at + 1] ?? 0);
    this.#copy(to + TRACE_ID_BYTES + SPAN_ID_BYTES, TIME_BYTES, source, places[at + 2] ?? 0);
    this.#values[slot] = value;
  }

  #copy(to: number, length: number, source: Uint8Array, from: number): void {
    for (let i = 0; i < length; i++) this.#bytes[to + i] = source[from + i] ?? 0;
  }

  clear(): void {
    this.#seen = 0;
  }

  write(writer: Writer, field: number): void {
    const count = Math.min(this.#seen, this.#values.length);
    for (let slot = 0; slot < count; slot++) {
      const at = slot * EXEMPLAR_BYTES;
      const spanIdAt = at + TRACE_ID_BYTES;
      const endAt = spanIdAt + SPAN_ID_BYTES;
      const exemplar = writer.begin(field);
      writer.fixed64Parts(EXEMPLAR.timeUnixNano, word(this.#bytes, endAt), word(this.#bytes, endAt + 4));
      writer.double(EXEMPLAR.asDouble, this.#values[slot] ?? 0);
      writer.bytes(EXEMPLAR.spanId, this.#bytes, spanIdAt, endAt);
      writer.bytes(EXEMPLAR.traceId, this.#bytes, at, spanIdAt);
      writer.end(exemplar);
    }
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}
