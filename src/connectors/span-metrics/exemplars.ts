import type { Random } from '../../core/random.ts';
import { EXEMPLAR } from '../../otlp/fields.ts';
import type { Writer } from '../../otlp/writer.ts';

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
/** The two ids and the time of its end. */
export const EXEMPLAR_BYTES = TRACE_ID_BYTES + SPAN_ID_BYTES + 8;

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

  /** `ids` is where the trace id, the span id and the end stand in `source`; each of the right length. */
  offer(source: Uint8Array, ids: SpanIds, value: number, random: Random): void {
    const max = this.#values.length;
    this.#seen += 1;
    const slot = this.#seen <= max ? this.#seen - 1 : Math.floor(random() * this.#seen);
    if (slot >= max) return;
    let at = slot * EXEMPLAR_BYTES;
    for (let i = 0; i < TRACE_ID_BYTES; i++) this.#bytes[at++] = source[ids.traceIdAt + i] ?? 0;
    for (let i = 0; i < SPAN_ID_BYTES; i++) this.#bytes[at++] = source[ids.spanIdAt + i] ?? 0;
    for (let i = 0; i < 8; i++) this.#bytes[at++] = source[ids.endAt + i] ?? 0;
    this.#values[slot] = value;
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

export interface SpanIds {
  readonly traceIdAt: number;
  readonly spanIdAt: number;
  readonly endAt: number;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}
