import { SPAN } from '../../otlp/fields.ts';
import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import { TraceState } from '../../otlp/sampling/tracestate.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { varintSize, type Writer } from '../../otlp/writer.ts';

/** Writes spans with another `th` in their trace state; everything else of them as it stands. */
export class ThresholdWriter {
  readonly #state = new TraceState();
  readonly #fields = new Cursor();

  /**
   * Raises `th` of the span source[0, length) to `threshold`, or erases it where that is undefined, and writes the span
   * under `field`. A malformed trace state is left alone.
   */
  write(writer: Writer, field: number, source: Buffer, length: number, threshold: Bits56 | undefined): void {
    const fields = this.#fields;
    let [tagStart, start, end] = [0, 0, 0];
    for (fields.reset(source, 0, length); fields.next();) {
      if (fields.field === SPAN.traceState && fields.wireType === LEN) ({ tagStart, start, end } = fields);
    }
    const state = this.#state.read(source, start, end);
    if (threshold === undefined) state.eraseThreshold();
    else state.raiseThreshold(threshold);
    if (!state.changed) {
      writer.bytes(field, source, 0, length);
      return;
    }
    const textBytes = state.encodedBytes();
    // Where there was none, it comes first; a field of no bytes is none.
    const fieldBytes = textBytes === 0 ? 0 : 1 + varintSize(textBytes) + textBytes;
    const mark = writer.begin(field, length - (end - tagStart) + fieldBytes);
    writer.raw(source, 0, tagStart);
    if (textBytes > 0) {
      const text = writer.begin(SPAN.traceState, textBytes);
      state.write(writer);
      writer.end(text);
    }
    writer.raw(source, end, length);
    writer.end(mark);
  }
}
