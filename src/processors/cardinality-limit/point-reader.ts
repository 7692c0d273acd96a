import { isOverflowSet } from './overflow-attribute.ts';
import {
  EXPONENTIAL_POINT,
  HISTOGRAM_POINT,
  METRIC,
  NO_RECORDED_VALUE,
  NUMBER_POINT,
  SUMMARY_POINT,
} from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import { fieldBit, fieldBits, PointSource } from '../../otlp/metrics/point.ts';
import type { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { Cursor, LEN, VARINT } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';
import type { CellStore } from './cell-store.ts';

/** What the walk needs of a kind of data point: the numbers of its fields. */
interface PointFields {
  readonly attributes: number;
  readonly flags: number;
  /** What is not among the values: attributes, exemplars, quantiles. */
  readonly leftOut: number;
}

const NUMBER: PointFields = {
  attributes: NUMBER_POINT.attributes,
  flags: NUMBER_POINT.flags,
  leftOut: fieldBits(NUMBER_POINT.attributes, NUMBER_POINT.exemplars),
};
const HISTOGRAM: PointFields = {
  attributes: HISTOGRAM_POINT.attributes,
  flags: HISTOGRAM_POINT.flags,
  leftOut: fieldBits(HISTOGRAM_POINT.attributes, HISTOGRAM_POINT.exemplars),
};
const EXPONENTIAL: PointFields = {
  attributes: EXPONENTIAL_POINT.attributes,
  flags: EXPONENTIAL_POINT.flags,
  leftOut: fieldBits(EXPONENTIAL_POINT.attributes, EXPONENTIAL_POINT.exemplars),
};
const SUMMARY: PointFields = {
  attributes: SUMMARY_POINT.attributes,
  flags: SUMMARY_POINT.flags,
  leftOut: fieldBits(SUMMARY_POINT.attributes, SUMMARY_POINT.quantileValues),
};

function fieldsOf(dataField: number): PointFields {
  switch (dataField) {
    case METRIC.histogram:
      return HISTOGRAM;
    case METRIC.exponentialHistogram:
      return EXPONENTIAL;
    case METRIC.summary:
      return SUMMARY;
    default:
      return NUMBER;
  }
}

/** Reads of each data point which series it is of, and finds what is to be remembered of it. */
export class PointReader {
  /** The point says that its series has ended. */
  isStale = false;
  readonly #hasher: SeriesHasher;
  readonly #fields = new Cursor();
  readonly #source = new PointSource();
  readonly #writer = new Writer(1024);
  #kind = NUMBER;
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  /** The values are in one piece, from here to there; less than 0 when they are not. */
  #valuesStart = 0;
  #valuesEnd = 0;
  #attributes = 0;

  constructor(hasher: SeriesHasher) {
    this.#hasher = hasher;
  }

  /** Data points of the metric follow. */
  enter(metric: MetricPlace): void {
    this.#bytes = metric.bytes;
    this.#kind = fieldsOf(metric.dataField);
    this.#hasher.source(metric.bytes);
  }

  /** Leaves the identity of the series in the hasher, which has begun with that of its stream. Throws payload_malformed. */
  read(start: number, end: number): void {
    const fields = this.#fields;
    const hasher = this.#hasher;
    const { attributes, flags, leftOut } = this.#kind;
    this.#start = start;
    this.#end = end;
    this.#attributes = 0;
    this.isStale = false;
    let from = NONE;
    let to = NONE;
    for (fields.reset(this.#bytes, start, end); fields.next();) {
      const { field } = fields;
      if (field === attributes && fields.wireType === LEN) {
        hasher.attribute(fields.start, fields.end);
        this.#attributes += 1;
      } else if ((fieldBit(field) & leftOut) === 0) {
        if (from === NONE) from = fields.tagStart;
        else if (to !== fields.tagStart) from = SEVERAL;
        to = fields.end;
        if (field === flags && fields.wireType === VARINT) this.isStale = (fields.int32() & NO_RECORDED_VALUE) !== 0;
      }
    }
    hasher.end();
    this.#valuesStart = from;
    this.#valuesEnd = to;
  }

  /** Whether its attributes are those of an overflow series, of an SDK or of another limiter. */
  get isOverflow(): boolean {
    return this.#attributes === 1 && isOverflowSet(this.#bytes, this.#start, this.#end, this.#kind.attributes);
  }

  /** Keeps the values in place of what `cell` has; 0 when there is no room. */
  keepValues(cells: CellStore, cell: number): number {
    if (this.#valuesStart >= 0) return cells.put(cell, this.#bytes, this.#valuesStart, this.#valuesEnd);
    const writer = this.#writer;
    writer.pos = 0;
    this.#source.set(this.#bytes, this.#start, this.#end);
    this.#source.copyWithout(writer, this.#kind.leftOut);
    this.#source.release();
    return cells.put(cell, writer.buffer, 0, writer.pos);
  }

  /** Lets go of the request. */
  release(): void {
    this.#bytes = EMPTY;
    this.#fields.reset(EMPTY, 0, 0);
    if (this.#writer.buffer.length > KEPT_BYTES) this.#writer.detach(1024);
  }
}

const EMPTY = new Uint8Array(0);
const NONE = -1;
/** Values are in several pieces. */
const SEVERAL = -2;
const KEPT_BYTES = 64 * 1024;
