import type { EXPONENTIAL_POINT, HISTOGRAM_POINT } from '../../otlp/fields.ts';
import type { Writer } from '../../otlp/writer.ts';
import { DEFAULT_BUCKETS_MS, DEFAULT_MAX_SIZE, type SpanMetricsConfig } from './config.ts';
import { ExplicitBuckets } from './explicit-buckets.ts';
import { ExponentialBuckets } from './exponential-buckets.ts';

/** The distribution of the durations of one series. */
export interface Durations {
  readonly isExponential: boolean;
  /** The numbers of the fields of its data point. */
  readonly pointFields: typeof HISTOGRAM_POINT | typeof EXPONENTIAL_POINT;
  /** `value` in the unit of the histogram, not negative; `weight` is how many spans it stands for. */
  observe(value: number, weight: number): void;
  clear(): void;
  /** Writes what the point says of it, without times, attributes and exemplars. */
  write(writer: Writer): void;
}

/** What makes the distribution of a new series; undefined when durations are not measured. */
export function durationsOf({ histogram }: SpanMetricsConfig): (() => Durations) | undefined {
  if (histogram.disable) return undefined;
  const { exponential, explicit } = histogram;
  if (exponential !== undefined) {
    const maxSize = exponential?.max_size ?? DEFAULT_MAX_SIZE;
    return () => new ExponentialBuckets(maxSize);
  }
  const boundsMs = explicit?.buckets ?? DEFAULT_BUCKETS_MS;
  const bounds = Float64Array.from(boundsMs, (ms) => (histogram.unit === 's' ? ms / 1000 : ms));
  return () => new ExplicitBuckets(bounds);
}
