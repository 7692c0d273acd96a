import { BUCKETS, EXPONENTIAL_POINT } from '../../otlp/fields.ts';
import { Writer } from '../../otlp/writer.ts';

/** Of one sign. Gaps are made of zeros, so a page could ask for any number of them. */
const MOST_BUCKETS = 16_384;
/** Schemas whose base is 2^(2^-schema); they are the scales of OTLP. */
const LOWEST_SCHEMA = -4;
const HIGHEST_SCHEMA = 8;
/** Bounds of its own: those of the classic buckets beside it, since protobuf pages have no other place for them. */
const CUSTOM_BUCKETS = -53;
/** OTLP's offsets are sint32. */
const LOWEST_OFFSET = -(2 ** 31);
/** Finite numbers end below this power of two. */
const HIGHEST_POWER = 1024;

/** The buckets of one sign as a page has them. */
export interface BucketSpans {
  /** Of each run of consecutive buckets the gap before it (of the first, its place) and its length, in turn. */
  readonly runs: number[];
  /** Of each bucket the difference of its count to that of the one before. */
  readonly deltas: number[];
}

/** A histogram of a protobuf page. One is used again and again. */
export class NativeHistogram {
  schema = 0;
  count = 0;
  sum = 0;
  zeroThreshold = 0;
  zeroCount = 0;
  /** Its counts are not integers, which OTLP cannot hold. */
  isFloat = false;
  readonly positive: BucketSpans = { runs: [], deltas: [] };
  readonly negative: BucketSpans = { runs: [], deltas: [] };

  clear(): void {
    this.schema = this.count = this.sum = this.zeroThreshold = this.zeroCount = 0;
    this.isFloat = false;
    for (const { runs, deltas } of [this.positive, this.negative]) runs.length = deltas.length = 0;
  }

  /** As Prometheus has it: without spans and without a zero bucket it is a classic one. */
  get isNative(): boolean {
    const { positive, negative, zeroThreshold, zeroCount } = this;
    return positive.runs.length > 0 || negative.runs.length > 0 || zeroThreshold > 0 || zeroCount > 0;
  }

  get hasCustomBuckets(): boolean {
    return this.schema === CUSTOM_BUCKETS;
  }
}

/** The native histograms of one page: the fields of their data points but for times and attributes, encoded. */
export class NativeList {
  readonly writer = new Writer(1024);
  /** Start and end in the writer's buffer, by entry. */
  readonly ranges = new Map<number, { readonly start: number; readonly end: number }>();

  clear(): void {
    if (this.ranges.size > 0) this.ranges.clear();
    this.writer.pos = 0;
  }
}

/** Consecutive buckets with their counts. */
class DenseBuckets {
  readonly counts = new Float64Array(MOST_BUCKETS);
  used = 0;
  /** Index of the first one, as Prometheus counts: bucket 0 ends at 1. */
  first = 0;
  /** What lay in buckets that hold no finite number. */
  overflow = 0;

  /** False when the spans do not fit the counts, or are none. */
  fill({ runs, deltas }: BucketSpans, schema: number): boolean {
    const highest = HIGHEST_POWER * 2 ** schema;
    this.used = this.overflow = 0;
    this.first = runs[0] ?? 0;
    let index = this.first;
    let delta = 0;
    let count = 0;
    for (let at = 0; at < runs.length; at += 2) {
      const gap = runs[at] ?? 0;
      const length = runs[at + 1] ?? 0;
      if (at > 0 && gap < 0) return false;
      // A run of no buckets only moves on: its offset adds to that of the next.
      if (at > 0) index += gap;
      if (at > 0 && length > 0 && !this.#skipTo(index)) return false;
      if (length > deltas.length - delta) return false;
      for (let left = length; left > 0; left--) {
        count += deltas[delta++] ?? 0;
        if (count < 0 || !this.#add(index++, count, highest)) return false;
      }
    }
    return delta === deltas.length && this.first - 1 >= LOWEST_OFFSET;
  }

  #skipTo(index: number): boolean {
    if (this.used === 0) this.first = index;
    if (index - this.first > MOST_BUCKETS) return false;
    while (this.used < index - this.first) this.counts[this.used++] = 0;
    return true;
  }

  #add(index: number, count: number, highest: number): boolean {
    if (index > highest) this.overflow += count;
    else if (this.used === MOST_BUCKETS) return false;
    else this.counts[this.used++] = count;
    return true;
  }
}

let positive: DenseBuckets | undefined;
let negative: DenseBuckets | undefined;

/**
 * Writes fields of an ExponentialHistogramDataPoint: fixed64 count = 4; optional double sum = 5; sint32 scale = 6;
 * fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9; double zero_threshold = 14. False, with nothing
 * written, for what OTLP cannot hold: other schemas, counts that are no counts, spans that do not fit their buckets.
 *
 * Prometheus numbers buckets by their upper bound, OTLP by their lower one: an offset is one less. What is in buckets
 * above the largest finite number has no place in OTLP and is taken from the count. Source: OpenTelemetry
 * specification, compatibility/prometheus_and_openmetrics.md, exponential histograms.
 */
export function writeNativeHistogram(writer: Writer, histogram: NativeHistogram): boolean {
  const { schema, sum, zeroCount, zeroThreshold } = histogram;
  positive ??= new DenseBuckets();
  negative ??= new DenseBuckets();
  if (histogram.isFloat || schema < LOWEST_SCHEMA || schema > HIGHEST_SCHEMA) return false;
  if (!positive.fill(histogram.positive, schema) || !negative.fill(histogram.negative, schema)) return false;
  const count = histogram.count - positive.overflow - negative.overflow;
  if (count < 0) return false;
  writer.fixed64Parts(EXPONENTIAL_POINT.count, count, Math.floor(count / 2 ** 32));
  writer.double(EXPONENTIAL_POINT.sum, sum);
  writer.uint(EXPONENTIAL_POINT.scale, zigzag(schema));
  writer.fixed64Parts(EXPONENTIAL_POINT.zeroCount, zeroCount, Math.floor(zeroCount / 2 ** 32));
  writeBuckets(writer, EXPONENTIAL_POINT.positive, positive);
  writeBuckets(writer, EXPONENTIAL_POINT.negative, negative);
  writer.double(EXPONENTIAL_POINT.zeroThreshold, zeroThreshold);
  return true;
}

/** Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; } */
function writeBuckets(writer: Writer, field: number, buckets: DenseBuckets): void {
  if (buckets.used === 0) return;
  const message = writer.begin(field, buckets.used);
  writer.uint(BUCKETS.offset, zigzag(buckets.first - 1));
  const counts = writer.begin(BUCKETS.bucketCounts, buckets.used);
  for (let at = 0; at < buckets.used; at++) writer.varint(buckets.counts[at] ?? 0);
  writer.end(counts);
  writer.end(message);
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
