import { Cursor, LEN, VARINT } from '../../otlp/wire.ts';
import { NativeHistogram, type BucketSpans } from './native-histogram.ts';
import {
  BUCKET,
  HISTOGRAM,
  PROTO_METRIC,
  PROTO_QUANTILE,
  SPAN_OF_BUCKETS,
  SUMMARY,
  TIMESTAMP,
  VALUE,
} from './proto-page.ts';

/** Of which number of a metric an exemplar is, when not of a bucket. */
export const OF_METRIC = -1;

/** Where a field lies: its tag, its content, and where both end. */
export interface FieldRange {
  tagStart: number;
  start: number;
  end: number;
}

const metricFields = new Cursor();
const valueFields = new Cursor();
const partFields = new Cursor();
const element = new Cursor();

/**
 * One Metric message, read. One is used again for every metric of every page; ranges are those of the page, and valid until
 * the next `read`.
 */
export class ProtoMetric {
  /** The message that holds the value; 0 when there is none. */
  kind = 0;
  stampMs = Number.NaN;
  createdMs = Number.NaN;
  value = Number.NaN;
  count = 0;
  sum = 0;
  /** Upper bounds of buckets, or quantiles, with their values. */
  readonly levels: number[] = [];
  readonly levelValues: number[] = [];
  readonly native = new NativeHistogram();
  readonly labels = new Ranges();
  readonly exemplars = new Ranges();
  /** For each exemplar the index of its bucket, or OF_METRIC. */
  readonly exemplarLevels: number[] = [];

  /** Throws payload_malformed. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#clear();
    const fields = metricFields.reset(bytes, start, end);
    while (fields.next()) {
      switch (fields.field) {
        case PROTO_METRIC.labels:
          this.labels.add(fields);
          break;
        case PROTO_METRIC.timestampMs:
          // 0 is what a library writes for none.
          this.stampMs = signed(fields.uint()) || Number.NaN;
          break;
        case PROTO_METRIC.gauge:
        case PROTO_METRIC.counter:
        case PROTO_METRIC.untyped:
          this.#readValue(fields);
          break;
        case PROTO_METRIC.summary:
          this.#readSummary(fields);
          break;
        case PROTO_METRIC.histogram:
          this.#readHistogram(fields);
          break;
      }
    }
  }

  #clear(): void {
    this.kind = this.count = this.sum = this.value = 0;
    this.stampMs = this.createdMs = Number.NaN;
    this.levels.length = this.levelValues.length = this.exemplarLevels.length = 0;
    this.labels.used = this.exemplars.used = 0;
    this.native.clear();
  }

  #readValue(parent: Cursor): void {
    this.kind = parent.field;
    const fields = valueFields.enter(parent);
    while (fields.next()) {
      if (fields.field === VALUE.value) this.value = fields.double();
      else if (fields.field === VALUE.exemplar) this.#noteExemplar(fields, OF_METRIC);
      else if (fields.field === VALUE.created) this.createdMs = timestampMs(fields);
    }
  }

  #readSummary(parent: Cursor): void {
    this.kind = parent.field;
    const fields = valueFields.enter(parent);
    while (fields.next()) {
      if (fields.field === SUMMARY.count) this.count = fields.uint();
      else if (fields.field === SUMMARY.sum) this.sum = fields.double();
      else if (fields.field === SUMMARY.quantiles) this.#readQuantile(fields);
      else if (fields.field === SUMMARY.created) this.createdMs = timestampMs(fields);
    }
  }

  #readQuantile(parent: Cursor): void {
    let quantile = 0;
    let value = 0;
    const fields = partFields.enter(parent);
    while (fields.next()) {
      if (fields.field === PROTO_QUANTILE.quantile) quantile = fields.double();
      else if (fields.field === PROTO_QUANTILE.value) value = fields.double();
    }
    this.levels.push(quantile);
    this.levelValues.push(value);
  }

  #readHistogram(parent: Cursor): void {
    this.kind = parent.field;
    let floatCount = 0;
    const fields = valueFields.enter(parent);
    while (fields.next()) {
      if (fields.field === HISTOGRAM.count) this.count = fields.uint();
      else if (fields.field === HISTOGRAM.sum) this.sum = fields.double();
      else if (fields.field === HISTOGRAM.countFloat) floatCount = fields.double();
      else if (fields.field === HISTOGRAM.buckets) this.#readBucket(fields);
      else if (fields.field === HISTOGRAM.created) this.createdMs = timestampMs(fields);
      else if (fields.field === HISTOGRAM.exemplars) this.#noteExemplar(fields, OF_METRIC);
      else readNative(fields, this.native);
    }
    if (floatCount > 0) {
      this.native.isFloat = true;
      this.count = floatCount;
    }
    this.native.count = this.count;
    this.native.sum = this.sum;
  }

  #readBucket(parent: Cursor): void {
    let count = 0;
    let floatCount = 0;
    let bound = 0;
    const fields = partFields.enter(parent);
    while (fields.next()) {
      if (fields.field === BUCKET.count) count = fields.uint();
      else if (fields.field === BUCKET.bound) bound = fields.double();
      else if (fields.field === BUCKET.countFloat) floatCount = fields.double();
      else if (fields.field === BUCKET.exemplar) this.#noteExemplar(fields, this.levels.length);
    }
    this.levels.push(bound);
    this.levelValues.push(floatCount > 0 ? floatCount : count);
  }

  #noteExemplar(field: Cursor, level: number): void {
    this.exemplars.add(field);
    this.exemplarLevels.push(level);
  }
}

/** Ranges of fields; their objects are used again. */
export class Ranges {
  readonly list: FieldRange[] = [];
  used = 0;

  add({ tagStart, start, end, wireType }: Cursor): void {
    // What is no message has no content.
    const range = this.list[this.used];
    const from = wireType === LEN ? start : end;
    if (range === undefined) this.list.push({ tagStart, start: from, end });
    else {
      range.tagStart = tagStart;
      range.start = from;
      range.end = end;
    }
    this.used += 1;
  }
}

function readNative(field: Cursor, native: NativeHistogram): void {
  switch (field.field) {
    case HISTOGRAM.schema:
      native.schema = unzigzag(field.uint());
      break;
    case HISTOGRAM.zeroThreshold:
      native.zeroThreshold = field.double();
      break;
    case HISTOGRAM.zeroCount:
      native.zeroCount = field.uint();
      break;
    case HISTOGRAM.zeroCountFloat:
      if (field.double() > 0) native.isFloat = true;
      break;
    case HISTOGRAM.positiveSpans:
      readSpan(field, native.positive);
      break;
    case HISTOGRAM.negativeSpans:
      readSpan(field, native.negative);
      break;
    case HISTOGRAM.positiveDeltas:
      readDeltas(field, native.positive);
      break;
    case HISTOGRAM.negativeDeltas:
      readDeltas(field, native.negative);
      break;
    case HISTOGRAM.positiveCounts:
    case HISTOGRAM.negativeCounts:
      native.isFloat = true;
      break;
  }
}

function readSpan(parent: Cursor, { runs }: BucketSpans): void {
  let offset = 0;
  let length = 0;
  const fields = partFields.enter(parent);
  while (fields.next()) {
    if (fields.field === SPAN_OF_BUCKETS.offset) offset = unzigzag(fields.uint());
    else if (fields.field === SPAN_OF_BUCKETS.length) length = fields.uint();
  }
  runs.push(offset, length);
}

/** `repeated sint64`, packed or not. */
function readDeltas(field: Cursor, { deltas }: BucketSpans): void {
  if (field.wireType !== LEN) {
    deltas.push(unzigzag(field.uint()));
    return;
  }
  for (let at = field.start; at < field.end; at = element.end) {
    element.enterElement(field.bytes, at, field.end, VARINT);
    deltas.push(unzigzag(element.uint()));
  }
}

/** Timestamp { int64 seconds = 1; int32 nanos = 2; } in milliseconds. */
export function timestampMs(parent: Cursor): number {
  let seconds = 0;
  let nanos = 0;
  const fields = element.enter(parent);
  while (fields.next()) {
    if (fields.field === TIMESTAMP.seconds) seconds = signed(fields.uint());
    else if (fields.field === TIMESTAMP.nanos) nanos = fields.int32();
  }
  return seconds * 1000 + nanos / 1e6;
}

function signed(value: number): number {
  return value >= 2 ** 63 ? value - 2 ** 64 : value;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
