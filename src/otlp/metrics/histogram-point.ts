import { HISTOGRAM_POINT } from '../fields.ts';
import { Cursor, I64, LEN, malformed } from '../wire.ts';
import { copyBytes, type Writer } from '../writer.ts';
import { Counts } from './counts.ts';
import { Distribution } from './distribution.ts';
import { Integer64 } from './integer64.ts';
import { fieldBits, PointSource, type Point } from './point.ts';

const FIELDS = HISTOGRAM_POINT;
const { startTimeUnixNano, timeUnixNano, bucketCounts, explicitBounds, flags } = FIELDS;
const OWN =
  fieldBits(startTimeUnixNano, timeUnixNano, FIELDS.count, FIELDS.sum, bucketCounts, explicitBounds, flags) |
  fieldBits(FIELDS.min, FIELDS.max);

/** Of what is kept: packed uint64, in place of the bounds. OTLP has no such field. */
const THOUSANDTHS = 13;
const PER_UNIT = 1000;
const MAX_THOUSANDTHS = 2 ** 28;

const FIRST_BOUNDS = 16;
/** What was needed for one point that is not usual is not kept for ever. */
const MAX_KEPT_BOUNDS = 8 * 1024;

/**
 * A point of a Histogram. `counts` has one more than there are bounds, or none at all; that is not checked.
 *
 *   message HistogramDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
 *     optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; repeated Exemplar
 *     exemplars = 8; repeated KeyValue attributes = 9; uint32 flags = 10; optional double min = 11; optional double max = 12; }
 */
export class HistogramPoint implements Point {
  readonly startTime = new Integer64();
  readonly time = new Integer64();
  flags = 0;
  /** Count, sum, min and max. */
  readonly whole = new Distribution(FIELDS);
  readonly counts = new Counts();
  #bounds = new Float64Array(FIRST_BOUNDS);
  boundCount = 0;
  /** The same memory, as it stands on the wire. */
  #boundBytes = Buffer.from(this.#bounds.buffer);
  readonly #source = new PointSource();
  #isKept = false;

  read(bytes: Uint8Array, start: number, end: number): void {
    this.#source.set(bytes, start, end);
    this.startTime.set(0, 0);
    this.time.set(0, 0);
    this.flags = 0;
    this.whole.clear();
    this.counts.clear();
    this.boundCount = 0;
    if (this.#bounds.length > MAX_KEPT_BOUNDS) this.#setBounds(new Float64Array(FIRST_BOUNDS));
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
      case bucketCounts:
        mustBeList(cursor);
        if (this.#isKept) this.counts.pushVarints(cursor.bytes, cursor.start, cursor.end);
        else this.counts.pushFixed(cursor.bytes, cursor.start, cursor.end);
        return;
      case explicitBounds:
        this.#addBounds();
        return;
      case flags:
        this.flags = cursor.varintLow();
        return;
      default:
        if (this.#isKept && cursor.field === THOUSANDTHS) this.#addThousandths();
        else this.whole.read(cursor);
    }
  }

  /** What `writeKept` wrote. */
  readKept(bytes: Uint8Array, start: number, end: number): void {
    this.#isKept = true;
    this.read(bytes, start, end);
    this.#isKept = false;
  }

  #addBounds(): void {
    mustBeList(cursor);
    const { bytes, start, end } = cursor;
    const added = (end - start) >>> 3;
    if (end - start !== 8 * added) throw malformed('packed bounds are cut off', start);
    const count = this.boundCount + added;
    this.#ensureBounds(count);
    copyBytes(bytes, start, end, this.#boundBytes, 8 * this.boundCount);
    this.boundCount = count;
  }

  #addThousandths(): void {
    const { bytes, end } = cursor;
    // A number takes a byte at least.
    this.#ensureBounds(this.boundCount + end - cursor.start);
    for (let at = cursor.start; at < end;) {
      let byte = bytes[at++] ?? 0;
      let number = byte & 0x7f;
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[at++] ?? 0;
        number |= (byte & 0x7f) << shift;
      }
      this.#bounds[this.boundCount++] = number / PER_UNIT;
    }
  }

  /** The first `boundCount` of it. */
  get bounds(): Readonly<Float64Array> {
    return this.#bounds;
  }

  copyBounds(from: HistogramPoint): void {
    this.#ensureBounds(from.boundCount);
    for (let at = 0; at < from.boundCount; at++) this.#bounds[at] = from.bounds[at] ?? 0;
    this.boundCount = from.boundCount;
  }

  #ensureBounds(count: number): void {
    if (count <= this.#bounds.length) return;
    const grown = new Float64Array(Math.max(count, 2 * this.#bounds.length));
    grown.set(this.#bounds);
    this.#setBounds(grown);
  }

  #setBounds(bounds: Float64Array<ArrayBuffer>): void {
    this.#bounds = bounds;
    this.#boundBytes = Buffer.from(bounds.buffer);
  }

  hasBoundsOf(other: HistogramPoint): boolean {
    if (this.boundCount !== other.boundCount || this.counts.length !== other.counts.length) return false;
    for (let at = 0; at < this.boundCount; at++) if (this.#bounds[at] !== other.bounds[at]) return false;
    return true;
  }

  writeValues(writer: Writer): void {
    this.#writeWhole(writer);
    if (this.counts.length > 0) this.counts.writeFixed(writer, bucketCounts);
    if (this.boundCount > 0) this.#writeBounds(writer);
  }

  /**
   * The same in a third of the bytes, mostly: counts as varints, and bounds, too, where they are whole thousandths, as those
   * that people choose are. For `readKept`.
   */
  writeKept(writer: Writer): void {
    this.#writeWhole(writer);
    if (this.counts.length > 0) this.counts.writeVarints(writer, bucketCounts);
    if (this.boundCount > 0 && !this.#tryWriteThousandths(writer)) this.#writeBounds(writer);
  }

  #writeWhole(writer: Writer): void {
    if (!this.startTime.isZero) writer.fixed64Parts(startTimeUnixNano, this.startTime.low, this.startTime.high);
    writer.fixed64Parts(timeUnixNano, this.time.low, this.time.high);
    this.whole.write(writer);
    if (this.flags !== 0) writer.uint(flags, this.flags);
  }

  #writeBounds(writer: Writer): void {
    writer.header(explicitBounds, 8 * this.boundCount);
    writer.raw(this.#boundBytes, 0, 8 * this.boundCount);
  }

  /** False, and nothing written, when one of the bounds would not be the same again. */
  #tryWriteThousandths(writer: Writer): boolean {
    const before = writer.pos;
    const mark = writer.begin(THOUSANDTHS, this.boundCount);
    for (let at = 0; at < this.boundCount; at++) {
      const bound = this.#bounds[at] ?? 0;
      // The bound -0 becomes 0 here, and is not the same then.
      const number = Math.round(bound * PER_UNIT) | 0;
      if (number < 0 || number >= MAX_THOUSANDTHS || !Object.is(number / PER_UNIT, bound)) {
        writer.pos = before;
        return false;
      }
      writer.varint(number);
    }
    writer.end(mark);
    return true;
  }

  writeRest(writer: Writer, leaveOut = 0): void {
    this.#source.copyWithout(writer, OWN | leaveOut);
  }

  release(): void {
    this.#source.release();
    cursor.reset(EMPTY, 0, 0);
  }
}

/** Packed, or one element of a list that is not: both are whole elements from `start` to `end`. */
function mustBeList(at: Cursor): void {
  if (at.wireType !== LEN && at.wireType !== I64) {
    throw malformed(`field ${at.field} has wire type ${at.wireType}`, at.tagStart);
  }
}

const EMPTY = new Uint8Array(0);
const cursor = new Cursor();
