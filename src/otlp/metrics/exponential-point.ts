import { EXPONENTIAL_POINT } from '../fields.ts';
import { Cursor } from '../wire.ts';
import type { Writer } from '../writer.ts';
import { Distribution } from './distribution.ts';
import { ExponentialBuckets } from './exponential-buckets.ts';
import { unzigzag, zigzag } from './exponential-index.ts';
import { Integer64 } from './integer64.ts';
import { fieldBits, PointSource, type Point } from './point.ts';

const FIELDS = EXPONENTIAL_POINT;
const { startTimeUnixNano, timeUnixNano, scale, zeroCount, positive, negative, flags, zeroThreshold } = FIELDS;
const OWN =
  fieldBits(startTimeUnixNano, timeUnixNano, FIELDS.count, FIELDS.sum, scale, zeroCount, positive, negative, flags) |
  fieldBits(FIELDS.min, FIELDS.max, zeroThreshold);

/**
 * A point of an ExponentialHistogram.
 *
 *   message ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64
 *     time_unix_nano = 3; fixed64 count = 4; optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive
 *     = 8; Buckets negative = 9; uint32 flags = 10; repeated Exemplar exemplars = 11; optional double min = 12; optional double
 *     max = 13; double zero_threshold = 14; }
 */
export class ExponentialPoint implements Point {
  readonly startTime = new Integer64();
  readonly time = new Integer64();
  flags = 0;
  /** Count, sum, min and max. */
  readonly whole = new Distribution(FIELDS);
  scale = 0;
  readonly zeroCount = new Integer64();
  /** Values from minus this to this are in `zeroCount`. */
  zeroThreshold = 0;
  readonly positive = new ExponentialBuckets();
  /** Of the absolute values. */
  readonly negative = new ExponentialBuckets();
  readonly #source = new PointSource();

  read(bytes: Uint8Array, start: number, end: number): void {
    this.#source.set(bytes, start, end);
    this.startTime.set(0, 0);
    this.time.set(0, 0);
    this.flags = 0;
    this.whole.clear();
    this.scale = 0;
    this.zeroCount.set(0, 0);
    this.zeroThreshold = 0;
    this.positive.clear();
    this.negative.clear();
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
      case scale:
        this.scale = unzigzag(cursor.int32());
        return;
      case zeroCount:
        this.zeroCount.read(cursor);
        return;
      case positive:
        this.positive.read(cursor);
        return;
      case negative:
        this.negative.read(cursor);
        return;
      case zeroThreshold:
        this.zeroThreshold = cursor.double();
        return;
      case flags:
        this.flags = cursor.varintLow();
        return;
      default:
        this.whole.read(cursor);
    }
  }

  /** Takes the values of `from`, without its times, flags and source. */
  copyValues(from: ExponentialPoint): void {
    this.whole.copy(from.whole);
    this.scale = from.scale;
    this.zeroCount.copy(from.zeroCount);
    this.zeroThreshold = from.zeroThreshold;
    this.positive.copy(from.positive);
    this.negative.copy(from.negative);
  }

  writeValues(writer: Writer): void {
    if (!this.startTime.isZero) writer.fixed64Parts(startTimeUnixNano, this.startTime.low, this.startTime.high);
    writer.fixed64Parts(timeUnixNano, this.time.low, this.time.high);
    this.whole.write(writer);
    if (this.scale !== 0) writer.uint(scale, zigzag(this.scale));
    if (!this.zeroCount.isZero) writer.fixed64Parts(zeroCount, this.zeroCount.low, this.zeroCount.high);
    this.positive.write(writer, positive);
    this.negative.write(writer, negative);
    if (!Object.is(this.zeroThreshold, 0)) writer.double(zeroThreshold, this.zeroThreshold);
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
