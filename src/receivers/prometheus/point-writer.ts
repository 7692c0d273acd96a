import {
  EXEMPLAR,
  HISTOGRAM_POINT,
  METRIC,
  METRIC_DATA,
  NO_RECORDED_VALUE,
  NUMBER_POINT,
  QUANTILE,
  SUMMARY_POINT,
  TEMPORALITY,
} from '../../otlp/fields.ts';
import { LEN } from '../../otlp/wire.ts';
import { Nanos } from '../../otlp/nanos.ts';
import { putVarint, varintSize, type Writer } from '../../otlp/writer.ts';
import type { ExemplarList } from './exemplar.ts';
import type { NativeList } from './native-histogram.ts';
import type { Metric, MetricKind, Point } from './point.ts';
import type { Series } from './series.ts';

/** One scrape as it is written. */
export interface WritingScrape {
  readonly series: Series;
  /** Number of the page; of a failed scrape, one that no entry has. */
  readonly page: number;
  readonly timeMs: number;
  /** Time of the good scrape before this one, NaN when there was none. */
  readonly lastGoodMs: number;
  /** A failed scrape ends all series but keeps their start times: the target may come back as it was. */
  readonly failed: boolean;
  /** Series with explicit timestamps get stale markers too. */
  readonly trackTimestamps: boolean;
  readonly exemplars: ExemplarList;
  readonly natives: NativeList;
}

export interface WrittenPoints {
  points: number;
  /** Points that could not be made, for example a histogram without its count. */
  errored: number;
}

const POINT_TAG = (METRIC_DATA.dataPoints << 3) | LEN;
const DATA_FIELD = {
  gauge: METRIC.gauge,
  counter: METRIC.sum,
  state: METRIC.sum,
  histogram: METRIC.histogram,
  exponential: METRIC.exponentialHistogram,
  summary: METRIC.summary,
} as const satisfies Record<MetricKind, number>;

const start = new Nanos();
const time = new Nanos();
const EMPTY = new Uint8Array(0);

/** Writes the data of one metric: `Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; Summary summary = 11;`. */
export function writeMetricData(writer: Writer, metric: Metric, scrape: WritingScrape, written: WrittenPoints): void {
  const data = writer.begin(DATA_FIELD[metric.kind], metric.expectedBytes);
  const attributes = scrape.series.attributeBytes;
  for (const point of metric.points) {
    if (isPresent(point, scrape)) {
      if (writePoint(writer, metric.kind, point, scrape, attributes)) written.points += 1;
      else written.errored += 1;
    } else if (writeVanished(writer, metric.kind, point, scrape, attributes)) written.points += 1;
  }
  if (metric.kind !== 'gauge' && metric.kind !== 'summary') {
    writer.uint(METRIC_DATA.aggregationTemporality, TEMPORALITY.cumulative);
    if (metric.kind === 'counter') writer.bool(METRIC_DATA.isMonotonic, true);
  }
  metric.expectedBytes = writer.pos - data;
  writer.end(data);
}

/** True when the page holds any number of the point, so that an incomplete one is told from an absent one. */
function isPresent(point: Point, scrape: WritingScrape): boolean {
  const { seen } = scrape.series.entries;
  if (seen[point.value] === scrape.page) return true;
  if (seen[point.sum] === scrape.page || seen[point.infinity] === scrape.page) return true;
  const first = point.levels?.entries[0];
  return first !== undefined && seen[first] === scrape.page;
}

function writePoint(
  writer: Writer,
  kind: MetricKind,
  point: Point,
  scrape: WritingScrape,
  attributes: Uint8Array,
): boolean {
  const { entries } = scrape.series;
  if (entries.seen[point.value] !== scrape.page) return false;
  const stamp = entries.stamps[point.value] ?? Number.NaN;
  const explicit = !Number.isNaN(stamp);
  const timeMs = explicit ? stamp : scrape.timeMs;
  time.set(timeMs);
  if (kind !== 'gauge' && kind !== 'state') trackStart(point, timeMs, scrape);
  const from = writer.pos;
  switch (kind) {
    case 'gauge':
    case 'counter':
    case 'state':
      writeNumber(writer, point, scrape, attributes);
      break;
    case 'histogram':
      if (!writeHistogram(writer, point, scrape, attributes)) {
        writer.pos = from;
        return false;
      }
      break;
    case 'exponential':
      return writeExponential(writer, point, scrape, attributes) && note(point, explicit, scrape);
    case 'summary':
      writeSummary(writer, point, scrape, attributes);
      break;
  }
  return note(point, explicit, scrape);
}

/** The point is in the batch; it is ended when it vanishes, unless it brings its own timestamps. */
function note(point: Point, explicit: boolean, scrape: WritingScrape): true {
  if (!explicit || scrape.trackTimestamps) point.writtenPage = scrape.page;
  return true;
}

/**
 * The start time of a cumulative point: `_created` when the target gives it; else the time of the scrape that saw it
 * first; after a reset (the value, or the count, went down) the time of the good scrape before, since the target
 * restarted between the two.
 */
function trackStart(point: Point, timeMs: number, scrape: WritingScrape): void {
  const { entries } = scrape.series;
  const current = entries.values[point.value] ?? Number.NaN;
  const created = createdMs(point, scrape);
  if (created > 0 && created <= timeMs) point.startMs = created;
  else if (Number.isNaN(point.startMs)) point.startMs = timeMs;
  else if (current < point.previous && scrape.lastGoodMs <= timeMs) point.startMs = scrape.lastGoodMs;
  // The clock was set back: nothing starts after its value.
  if (point.startMs > timeMs) point.startMs = timeMs;
  point.previous = current;
}

/** What the target says, 0 when it says nothing: a sample `_created` in seconds, or beside the value. */
function createdMs(point: Point, scrape: WritingScrape): number {
  const { entries } = scrape.series;
  if (entries.seen[point.created] === scrape.page) return (entries.values[point.created] ?? 0) * 1000;
  return entries.created?.[point.value] ?? 0;
}

/** A point that was exported and is not there any more is ended once, by a point without a value. */
function writeVanished(
  writer: Writer,
  kind: MetricKind,
  point: Point,
  scrape: WritingScrape,
  attributes: Uint8Array,
): boolean {
  if (point.exported) {
    time.set(scrape.timeMs);
    const size = point.attributesEnd - point.attributesStart;
    openPoint(writer, size + 11 + startSize(point));
    writeTimes(writer, point);
    const isHistogram = kind === 'histogram' || kind === 'exponential';
    writer.uint(isHistogram ? HISTOGRAM_POINT.flags : NUMBER_POINT.flags, NO_RECORDED_VALUE);
    writer.raw(attributes, point.attributesStart, point.attributesEnd);
  }
  if (!scrape.failed) point.startMs = point.previous = Number.NaN;
  return point.exported;
}

function openPoint(writer: Writer, length: number): void {
  writer.ensure(length + 16);
  writer.buffer[writer.pos] = POINT_TAG;
  writer.pos = putVarint(writer.buffer, writer.pos + 1, length);
}

function startSize(point: Point): number {
  return Number.isNaN(point.startMs) ? 0 : 9;
}

/** fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; the same in all kinds of point. */
function writeTimes(writer: Writer, point: Point): void {
  if (!Number.isNaN(point.startMs)) {
    start.set(point.startMs);
    writer.fixed64Parts(NUMBER_POINT.startTimeUnixNano, start.low, start.high);
  }
  writer.fixed64Parts(NUMBER_POINT.timeUnixNano, time.low, time.high);
}

/** NumberDataPoint { start = 2; time = 3; double as_double = 4; Exemplar exemplars = 5; KeyValue attributes = 7; } */
function writeNumber(writer: Writer, point: Point, scrape: WritingScrape, attributes: Uint8Array): void {
  const size = point.attributesEnd - point.attributesStart;
  const exemplar = scrape.exemplars.ranges.size > 0 ? exemplarOf(point.value, scrape) : EMPTY;
  const exemplarSize = exemplar.length === 0 ? 0 : 1 + varintSize(exemplar.length) + exemplar.length;
  openPoint(writer, size + 18 + startSize(point) + exemplarSize);
  writeTimes(writer, point);
  writer.double(NUMBER_POINT.asDouble, scrape.series.entries.values[point.value] ?? Number.NaN);
  if (exemplarSize > 0) writer.bytes(NUMBER_POINT.exemplars, exemplar);
  writer.raw(attributes, point.attributesStart, point.attributesEnd);
}

/** The encoded exemplar of an entry on this page, with the point's time when it has none; empty without one. */
function exemplarOf(entry: number, scrape: WritingScrape): Uint8Array {
  const { ranges, writer } = scrape.exemplars;
  const range = ranges.get(entry);
  if (range === undefined) return EMPTY;
  if (range.timed) return writer.buffer.subarray(range.start, range.end);
  const from = writer.pos;
  writer.fixed64Parts(EXEMPLAR.timeUnixNano, time.low, time.high);
  writer.raw(writer.buffer.subarray(range.start, range.end));
  const encoded = writer.buffer.subarray(from, writer.pos);
  writer.pos = from;
  return encoded;
}

let bucketCounts = new Float64Array(64);
let bucketBounds = new Float64Array(64);

/**
 * The buckets of the page, made non-cumulative. Number of explicit bounds, or -1 when they are not counts (decreasing,
 * fractional, NaN). The last count is that of the bucket up to +Inf.
 */
function divideBuckets(point: Point, total: number, scrape: WritingScrape): number {
  const { seen, values } = scrape.series.entries;
  const bounds = point.levels?.bounds ?? [];
  const levels = point.levels?.entries ?? [];
  if (bucketCounts.length <= levels.length) {
    bucketCounts = new Float64Array(levels.length * 2);
    bucketBounds = new Float64Array(levels.length * 2);
  }
  let used = 0;
  let below = 0;
  for (let at = 0; at < levels.length; at++) {
    const entry = levels[at] ?? 0;
    if (seen[entry] !== scrape.page) continue;
    const upTo = values[entry] ?? Number.NaN;
    if (!isCount(upTo - below)) return -1;
    bucketBounds[used] = bounds[at] ?? 0;
    bucketCounts[used++] = upTo - below;
    below = upTo;
  }
  bucketCounts[used] = total - below;
  return isCount(total - below) ? used : -1;
}

function isCount(value: number): boolean {
  return value >= 0 && Number.isInteger(value);
}

/**
 * HistogramDataPoint { start = 2; time = 3; fixed64 count = 4; optional double sum = 5; repeated fixed64 bucket_counts = 6;
 * repeated double explicit_bounds = 7; Exemplar exemplars = 8; KeyValue attributes = 9; }. The +Inf bucket is the count.
 */
function writeHistogram(writer: Writer, point: Point, scrape: WritingScrape, attributes: Uint8Array): boolean {
  const { seen, values } = scrape.series.entries;
  const hasInfinity = seen[point.infinity] === scrape.page;
  const total = values[hasInfinity ? point.infinity : point.value] ?? Number.NaN;
  const bounds = isCount(total) ? divideBuckets(point, total, scrape) : -1;
  if (bounds < 0) return false;
  const message = writer.begin(METRIC_DATA.dataPoints, 256);
  writeTimes(writer, point);
  writer.fixed64Parts(HISTOGRAM_POINT.count, total, Math.floor(total / 2 ** 32));
  if (seen[point.sum] === scrape.page) writer.double(HISTOGRAM_POINT.sum, values[point.sum] ?? Number.NaN);
  // A histogram without buckets has neither counts nor bounds: its total says all.
  if (hasInfinity || bounds > 0) writeBuckets(writer, bounds);
  if (scrape.exemplars.ranges.size > 0) writeBucketExemplars(writer, point, scrape);
  writer.raw(attributes, point.attributesStart, point.attributesEnd);
  writer.end(message);
  return true;
}

function writeBuckets(writer: Writer, bounds: number): void {
  const packed = (field: number, numbers: number): void => {
    writer.ensure(16 + numbers * 8);
    writer.varint((field << 3) | LEN);
    writer.varint(numbers * 8);
  };
  packed(HISTOGRAM_POINT.bucketCounts, bounds + 1);
  for (let at = 0; at <= bounds; at++) {
    const count = bucketCounts[at] ?? 0;
    writer.pos = writer.buffer.writeUInt32LE(count % 2 ** 32, writer.pos);
    writer.pos = writer.buffer.writeUInt32LE(Math.floor(count / 2 ** 32), writer.pos);
  }
  if (bounds === 0) return;
  packed(HISTOGRAM_POINT.explicitBounds, bounds);
  for (let at = 0; at < bounds; at++) {
    writer.pos = writer.buffer.writeDoubleLE(bucketBounds[at] ?? 0, writer.pos);
  }
}

function writeBucketExemplars(writer: Writer, point: Point, scrape: WritingScrape): void {
  for (const entry of point.levels?.entries ?? []) writeBucketExemplar(writer, entry, scrape);
  writeBucketExemplar(writer, point.infinity, scrape);
}

function writeBucketExemplar(writer: Writer, entry: number, scrape: WritingScrape): void {
  const exemplar = exemplarOf(entry, scrape);
  if (exemplar.length > 0) writer.bytes(HISTOGRAM_POINT.exemplars, exemplar);
}

/** What the page's list holds of the point, between its times and its attributes. */
function writeExponential(writer: Writer, point: Point, scrape: WritingScrape, attributes: Uint8Array): boolean {
  const { ranges, writer: natives } = scrape.natives;
  const range = ranges.get(point.value);
  if (range === undefined) return false;
  const size = point.attributesEnd - point.attributesStart;
  openPoint(writer, size + 9 + startSize(point) + range.end - range.start);
  writeTimes(writer, point);
  writer.raw(natives.buffer, range.start, range.end);
  writer.raw(attributes, point.attributesStart, point.attributesEnd);
  return true;
}

/** SummaryDataPoint { start = 2; time = 3; fixed64 count = 4; double sum = 5; ValueAtQuantile = 6; attributes = 7; } */
function writeSummary(writer: Writer, point: Point, scrape: WritingScrape, attributes: Uint8Array): void {
  const { seen, values } = scrape.series.entries;
  const message = writer.begin(METRIC_DATA.dataPoints, 256);
  writeTimes(writer, point);
  const count = Math.max(0, Math.trunc(values[point.value] ?? 0)) || 0;
  writer.fixed64Parts(SUMMARY_POINT.count, count, Math.floor(count / 2 ** 32));
  writer.double(SUMMARY_POINT.sum, seen[point.sum] === scrape.page ? (values[point.sum] ?? 0) : 0);
  const { bounds, entries } = point.levels ?? { bounds: [], entries: [] };
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] ?? 0;
    if (seen[entry] !== scrape.page) continue;
    const quantile = writer.begin(SUMMARY_POINT.quantileValues);
    writer.double(QUANTILE.quantile, bounds[at] ?? 0);
    writer.double(QUANTILE.value, values[entry] ?? Number.NaN);
    writer.end(quantile);
  }
  writer.raw(attributes, point.attributesStart, point.attributesEnd);
  writer.end(message);
}
