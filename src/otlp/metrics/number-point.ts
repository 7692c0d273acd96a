import { NUMBER_POINT } from '../fields.ts';
import { Cursor } from '../wire.ts';
import type { Writer } from '../writer.ts';
import { Integer64 } from './integer64.ts';
import { fieldBits, PointSource, type Point } from './point.ts';

const { startTimeUnixNano, timeUnixNano, asDouble, asInt, flags } = NUMBER_POINT;
const OWN = fieldBits(startTimeUnixNano, timeUnixNano, asDouble, asInt, flags);

/**
 * A point of a Gauge or a Sum.
 *
 *   message NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; repeated Exemplar exemplars = 5;
 *     oneof value { double as_double = 4; sfixed64 as_int = 6; } repeated KeyValue attributes = 7; uint32 flags = 8; }
 */
export class NumberPoint implements Point {
  readonly startTime = new Integer64();
  readonly time = new Integer64();
  flags = 0;
  /** `none` when the point says no value at all. */
  kind: 'none' | 'int' | 'double' = 'none';
  /** In two's complement; of kind `int` only. */
  readonly int = new Integer64();
  /** Of kind `double` only. */
  double = 0;
  readonly #source = new PointSource();

  read(bytes: Uint8Array, start: number, end: number): void {
    this.#source.set(bytes, start, end);
    this.startTime.set(0, 0);
    this.time.set(0, 0);
    this.flags = 0;
    this.kind = 'none';
    for (cursor.reset(bytes, start, end); cursor.next();) this.#field();
  }

  #field(): void {
    switch (cursor.field) {
      case startTimeUnixNano:
        this.startTime.read(cursor);
        return;
      case timeUnixNano:
        this.time.read(cursor);
        return;
      case asDouble:
        this.kind = 'double';
        this.double = cursor.double();
        return;
      case asInt:
        this.kind = 'int';
        this.int.read(cursor);
        return;
      case flags:
        this.flags = cursor.varintLow();
    }
  }

  /** The value as a double; 0 for none. */
  get value(): number {
    if (this.kind === 'none') return 0;
    return this.kind === 'int' ? this.int.toSigned() : this.double;
  }

  setDouble(value: number): void {
    this.kind = 'double';
    this.double = value;
  }

  writeValues(writer: Writer): void {
    if (!this.startTime.isZero) writer.fixed64Parts(startTimeUnixNano, this.startTime.low, this.startTime.high);
    writer.fixed64Parts(timeUnixNano, this.time.low, this.time.high);
    if (this.kind === 'int') writer.fixed64Parts(asInt, this.int.low, this.int.high);
    else if (this.kind === 'double') writer.double(asDouble, this.double);
    if (this.flags !== 0) writer.uint(flags, this.flags);
  }

  writeRest(writer: Writer, leaveOut = 0): void {
    this.#source.copyWithout(writer, OWN | leaveOut);
  }

  release(): void {
    this.#source.release();
    cursor.reset(EMPTY, 0, 0);
  }
}

const EMPTY = new Uint8Array(0);
const cursor = new Cursor();
