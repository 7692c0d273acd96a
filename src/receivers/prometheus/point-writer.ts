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
import { I64, LEN } from '../../otlp/wire.ts';
import { Nanos } from '../../otlp/nanos.ts';
import { putVarint, varintSize, type Writer } from '../../otlp/writer.ts';
import type { ExemplarList } from './exemplar.ts';
import type { NativeList } from './native-histogram.ts';
import { NONE, PointParts, type Metric, type MetricKind } from './point.ts';
import type { PointTable } from './point-table.ts';
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
  const { points } = scrape.series;
  for (let point = metric.firstPoint; point !== NONE; point = points.next[point] ?? NONE) {
    const present = isPresent(points, point, scrape);
    if (present && writePoint(writer, metric.kind, point, scrape)) written.points += 1;
    else {
      // What is there but cannot be written has vanished for those downstream.
      if (present) written.errored += 1;
      if (writeVanished(writer, metric.kind, point, scrape)) written.points += 1;
    }
  }
  if (metric.kind !== 'gauge' && metric.kind !== 'summary') {
    writer.uint(METRIC_DATA.aggregationTemporality, TEMPORALITY.cumulative);
    if (metric.kind === 'counter') writer.bool(METRIC_DATA.isMonotonic, true);
  }
  metric.expectedBytes = writer.pos - data;
  writer.end(data);
}

function isSeen(entry: number, scrape: WritingScrape): boolean {
  return entry !== NONE && scrape.series.entries.seen[entry] === scrape.page;
}

function valueOf(entry: number, scrape: WritingScrape): number {
  return entry === NONE ? Number.NaN : (scrape.series.entries.values[entry] ?? Number.NaN);
}

/** True when the page holds any number of the point, so that an incomplete one is told from an absent one. */
function isPresent(points: PointTable, point: number, scrape: WritingScrape): boolean {
  if (isSeen(points.value[point] ?? NONE, scrape)) return true;
  const parts = points.partsOf(point);
  if (parts === undefined) return false;
  return isSeen(parts.sum, scrape) || isSeen(parts.infinity, scrape) || isSeen(parts.levels[0] ?? NONE, scrape);
}

function writePoint(writer: Writer, kind: MetricKind, point: number, scrape: WritingScrape): boolean {
  const { entries, points } = scrape.series;
  const entry = points.value[point] ?? NONE;
  if (!isSeen(entry, scrape)) return false;
  const stamp = entries.stamps === undefined ? Number.NaN : (entries.stamps[entry] ?? Number.NaN);
  const explicit = !Number.isNaN(stamp);
  const timeMs = explicit ? stamp : scrape.timeMs;
  time.set(timeMs);
  if (kind !== 'gauge' && kind !== 'state') trackStart(point, timeMs, scrape);
  const from = writer.pos;
  if (!writeKind(writer, kind, point, scrape)) {
    writer.pos = from;
    return false;
  }
  // It is ended when it vanishes, unless it brings its own timestamps.
  if (!explicit || scrape.trackTimestamps) points.writtenPage[point] = scrape.page;
  return true;
}

function writeKind(writer: Writer, kind: MetricKind, point: number, scrape: WritingScrape): boolean {
  switch (kind) {
    case 'gauge':
    case 'counter':
    case 'state':
      writeNumber(writer, point, scrape);
      return true;
    case 'histogram':
      return writeHistogram(writer, point, scrape);
    case 'exponential':
      return writeExponential(writer, point, scrape);
    case 'summary':
      writeSummary(writer, point, scrape);
      return true;
  }
}

/**
 * The start time of a cumulative point: `_created` when the target gives it; else the time of the scrape that saw it
 * first; after a reset (the value, or the count, went down) the time of the good scrape before, since the target
 * restarted between the two.
 */
function trackStart(point: number, timeMs: number, scrape: WritingScrape): void {
  const { points } = scrape.series;
  const current = valueOf(points.value[point] ?? NONE, scrape);
  const created = createdMs(point, scrape);
  let startMs = points.startMs[point] ?? Number.NaN;
  if (created > 0 && created <= timeMs) startMs = created;
  else if (Number.isNaN(startMs)) startMs = timeMs;
  else if (current < (points.previous[point] ?? Number.NaN) && scrape.lastGoodMs <= timeMs) startMs = scrape.lastGoodMs;
  // The clock was set back: nothing starts after its value.
  points.startMs[point] = startMs > timeMs ? timeMs : startMs;
  points.previous[point] = current;
}

/** What the target says, 0 when it says nothing: a sample `_created` in seconds, or beside the value. */
function createdMs(point: number, scrape: WritingScrape): number {
  const { entries, points } = scrape.series;
  const created = points.partsOf(point)?.created ?? NONE;
  if (isSeen(created, scrape)) return valueOf(created, scrape) * 1000;
  return entries.created?.[points.value[point] ?? NONE] ?? 0;
}

/** A point that was exported and is not there any more is ended once, by a point without a value. */
function writeVanished(writer: Writer, kind: MetricKind, point: number, scrape: WritingScrape): boolean {
  const { points } = scrape.series;
  const isOwed = points.exported[point] === 1;
  if (isOwed) {
    time.set(scrape.timeMs);
    openPoint(writer, points, point, 2);
    const isHistogram = kind === 'histogram' || kind === 'exponential';
    writer.uint(isHistogram ? HISTOGRAM_POINT.flags : NUMBER_POINT.flags, NO_RECORDED_VALUE);
    writeAttributesOf(writer, points, point);
  }
  if (!scrape.failed) points.startMs[point] = points.previous[point] = Number.NaN;
  return isOwed;
}

/** fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; the same in all kinds of point. */
const START_TAG = (NUMBER_POINT.startTimeUnixNano << 3) | I64;
const TIME_TAG = (NUMBER_POINT.timeUnixNano << 3) | I64;

/** The head of a point, its times, and room for the rest: `content` bytes beside times and attributes. */
function openPoint(writer: Writer, points: PointTable, point: number, content: number): void {
  const attributes = points.attributesEnd(point) - (points.starts[point] ?? 0);
  const hasStart = !Number.isNaN(points.startMs[point] ?? Number.NaN);
  const length = (hasStart ? 18 : 9) + content + attributes;
  writer.ensure(length + 16);
  writer.buffer[writer.pos] = POINT_TAG;
  writer.pos = putVarint(writer.buffer, writer.pos + 1, length);
  writeTimes(writer, points, point);
}

/** There is room. */
function writeTimes(writer: Writer, points: PointTable, point: number): void {
  const { words } = writer;
  let { pos } = writer;
  const startMs = points.startMs[point] ?? Number.NaN;
  if (!Number.isNaN(startMs)) {
    start.set(startMs);
    words.setUint8(pos, START_TAG);
    words.setUint32(pos + 1, start.low, true);
    words.setUint32(pos + 5, start.high, true);
    pos += 9;
  }
  words.setUint8(pos, TIME_TAG);
  words.setUint32(pos + 1, time.low, true);
  words.setUint32(pos + 5, time.high, true);
  writer.pos = pos + 9;
}

function writeAttributesOf(writer: Writer, points: PointTable, point: number): void {
  writer.raw(points.attributes.buffer, points.starts[point] ?? 0, points.attributesEnd(point));
}

/** NumberDataPoint { start = 2; time = 3; double as_double = 4; Exemplar exemplars = 5; KeyValue attributes = 7; } */
function writeNumber(writer: Writer, point: number, scrape: WritingScrape): void {
  const { points } = scrape.series;
  const entry = points.value[point] ?? NONE;
  const exemplar = scrape.exemplars.ranges.size > 0 ? exemplarOf(entry, scrape) : EMPTY;
  const exemplarSize = exemplar.length === 0 ? 0 : 1 + varintSize(exemplar.length) + exemplar.length;
  openPoint(writer, points, point, 9 + exemplarSize);
  writer.double(NUMBER_POINT.asDouble, valueOf(entry, scrape));
  if (exemplarSize > 0) writer.bytes(NUMBER_POINT.exemplars, exemplar);
  writeAttributesOf(writer, points, point);
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
const NO_PARTS = new PointParts();

/**
 * The buckets of the page, made non-cumulative. Number of explicit bounds, or -1 when they are not counts (decreasing,
 * fractional, NaN). The last count is that of the bucket up to +Inf.
 */
function divideBuckets({ bounds, levels }: PointParts, total: number, scrape: WritingScrape): number {
  if (bucketCounts.length <= levels.length) {
    bucketCounts = new Float64Array(levels.length * 2);
    bucketBounds = new Float64Array(levels.length * 2);
  }
  let used = 0;
  let below = 0;
  for (let at = 0; at < levels.length; at++) {
    const entry = levels[at] ?? NONE;
    if (!isSeen(entry, scrape)) continue;
    const upTo = valueOf(entry, scrape);
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
function writeHistogram(writer: Writer, point: number, scrape: WritingScrape): boolean {
  const { points } = scrape.series;
  const parts = points.partsOf(point) ?? NO_PARTS;
  const hasInfinity = isSeen(parts.infinity, scrape);
  const total = valueOf(hasInfinity ? parts.infinity : (points.value[point] ?? NONE), scrape);
  const bounds = isCount(total) ? divideBuckets(parts, total, scrape) : -1;
  if (bounds < 0) return false;
  const message = writer.begin(METRIC_DATA.dataPoints, 256);
  writer.ensure(32);
  writeTimes(writer, points, point);
  writer.fixed64Parts(HISTOGRAM_POINT.count, total, Math.floor(total / 2 ** 32));
  if (isSeen(parts.sum, scrape)) writer.double(HISTOGRAM_POINT.sum, valueOf(parts.sum, scrape));
  // A histogram without buckets has neither counts nor bounds: its total says all.
  if (hasInfinity || bounds > 0) writeBuckets(writer, bounds);
  if (scrape.exemplars.ranges.size > 0) writeBucketExemplars(writer, parts, scrape);
  writeAttributesOf(writer, points, point);
  writer.end(message);
  return true;
}

function writeBuckets(writer: Writer, bounds: number): void {
  const packed = (field: number, numbers: number): void => {
    writer.header(field, numbers * 8);
  };
  packed(HISTOGRAM_POINT.bucketCounts, bounds + 1);
  for (let at = 0; at <= bounds; at++) {
    const count = bucketCounts[at] ?? 0;
    writer.rawFixed64Parts(count, Math.floor(count / 2 ** 32));
  }
  if (bounds === 0) return;
  packed(HISTOGRAM_POINT.explicitBounds, bounds);
  for (let at = 0; at < bounds; at++) writer.rawDouble(bucketBounds[at] ?? 0);
}

function writeBucketExemplars(writer: Writer, parts: PointParts, scrape: WritingScrape): void {
  for (const entry of parts.levels) writeBucketExemplar(writer, entry, scrape);
  writeBucketExemplar(writer, parts.infinity, scrape);
}

function writeBucketExemplar(writer: Writer, entry: number, scrape: WritingScrape): void {
  const exemplar = exemplarOf(entry, scrape);
  if (exemplar.length > 0) writer.bytes(HISTOGRAM_POINT.exemplars, exemplar);
}

/** What the page's list holds of the point, between its times and its attributes. */
function writeExponential(writer: Writer, point: number, scrape: WritingScrape): boolean {
  const { points } = scrape.series;
  const { ranges, writer: natives } = scrape.natives;
  const range = ranges.get(points.value[point] ?? NONE);
  if (range === undefined) return false;
  openPoint(writer, points, point, range.end - range.start);
  writer.raw(natives.buffer, range.start, range.end);
  writeAttributesOf(writer, points, point);
  return true;
}

/** SummaryDataPoint { start = 2; time = 3; fixed64 count = 4; double sum = 5; ValueAtQuantile = 6; attributes = 7; } */
function writeSummary(writer: Writer, point: number, scrape: WritingScrape): void {
  const { points } = scrape.series;
  const { sum, bounds, levels } = points.partsOf(point) ?? NO_PARTS;
  const message = writer.begin(METRIC_DATA.dataPoints, 256);
  writer.ensure(32);
  writeTimes(writer, points, point);
  const count = Math.max(0, Math.trunc(valueOf(points.value[point] ?? NONE, scrape))) || 0;
  writer.fixed64Parts(SUMMARY_POINT.count, count, Math.floor(count / 2 ** 32));
  writer.double(SUMMARY_POINT.sum, isSeen(sum, scrape) ? valueOf(sum, scrape) : 0);
  for (let at = 0; at < levels.length; at++) {
    const entry = levels[at] ?? NONE;
    if (!isSeen(entry, scrape)) continue;
    const quantile = writer.begin(SUMMARY_POINT.quantileValues);
    writer.double(QUANTILE.quantile, bounds[at] ?? 0);
    writer.double(QUANTILE.value, valueOf(entry, scrape));
    writer.end(quantile);
  }
  writeAttributesOf(writer, points, point);
  writer.end(message);
}
