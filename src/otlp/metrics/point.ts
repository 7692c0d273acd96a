import { Cursor } from '../wire.ts';
import type { Writer } from '../writer.ts';
import type { Integer64 } from './integer64.ts';

/**
 * A data point that is read, changed and written, again and again, in one object. Values are decoded; attributes,
 * exemplars and fields that nobody knows stay where they are in the source and are copied from there.
 *
 *     const field = copier.cut(at.tagStart, at.end).begin(METRIC_DATA.dataPoints, at.end - at.start)
 *     point.writeValues(writer)               // times, flags and values, as they are now
 *     point.writeRest(writer)                 // everything else of the source, but for the fields in `leaveOut`
 *     writer.end(field)
 *
 * What `writeValues` writes is a data point without attributes. See kept-point.ts for a compact form to keep it in.
 */
export interface Point {
  readonly startTime: Integer64;
  readonly time: Integer64;
  /** A uint32; NO_RECORDED_VALUE is bit 0. */
  flags: number;
  /** A data point of this kind, the content of its message. Throws payload_malformed, and holds anything then. */
  read(bytes: Uint8Array, start: number, end: number): void;
  writeValues(writer: Writer): void;
  /** `leaveOut`: bits of further fields (`fieldBit`), such as those of the attributes when others are written. */
  writeRest(writer: Writer, leaveOut?: number): void;
  /** Lets go of the source. */
  release(): void;
}

/** For sets of fields. Numbers from 31 on are in no set: OTLP has none of them, so they are of the rest. */
export function fieldBit(field: number): number {
  return field < 31 ? 1 << field : 0;
}

export function fieldBits(...fields: readonly number[]): number {
  return fields.reduce((bits, field) => bits | fieldBit(field), 0);
}

/** Where a point was read from. */
export class PointSource {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;

  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  release(): void {
    this.set(EMPTY, 0, 0);
    rest.reset(EMPTY, 0, 0);
  }

  /** Copies all fields but those in `leaveOut`, neighbours in one piece. */
  copyWithout(writer: Writer, leaveOut: number): void {
    let from = -1;
    for (rest.reset(this.bytes, this.start, this.end); rest.next();) {
      const isLeftOut = (fieldBit(rest.field) & leaveOut) !== 0;
      if (!isLeftOut && from < 0) from = rest.tagStart;
      if (!isLeftOut || from < 0) continue;
      writer.raw(this.bytes, from, rest.tagStart);
      from = -1;
    }
    if (from >= 0) writer.raw(this.bytes, from, this.end);
  }
}

const EMPTY = new Uint8Array(0);
const rest = new Cursor();
