import type { MetricPlace } from '../../../otlp/metrics/metric-place.ts';

/** The seam between the limiter, which calls, and what explains its work. Nothing here is called for known series. */

/** What is limited where it is no metric: the values of an attribute, or the names of spans. */
export interface LimitedValues {
  readonly of: 'spans' | 'logs';
  /** The key under `of` in the settings that has the limit. */
  readonly list: 'name' | 'attributes' | 'resource_attributes';
  /** As labels are called in findings; of names `span.name`. */
  readonly key: string;
}

/** A metric of one service and tenant: the limiter's own entry, so that what changes is read when somebody asks. */
export interface LimitedMetric {
  readonly name: string;
  /** service.name of its resources; empty where they have none. */
  readonly service: string;
  /** Empty where tenants are not told apart. */
  readonly tenant: string;
  /** Series that it may have. */
  readonly limit: number;
  /** Series that it has now, without the overflow series. */
  readonly series: number;
  /** For what is no metric: `name` is what people call it, and each value is one series with one label. */
  readonly values?: LimitedValues | undefined;
}

/** What is around a data point: valid until the call returns. */
export type SeenPlace = Pick<
  MetricPlace,
  'bytes' | 'attributesField' | 'resourceStart' | 'resourceEnd' | 'scopeStart' | 'scopeEnd'
>;

/** What became of a new series: it has its place, or it went over a limit, whichever it was. */
export type SeriesVerdict = 'kept' | 'over';

export interface Explanation {
  /**
   * A series that came for the first time in its window; again for one that overflowed and is not remembered. The content
   * of its data point is [start, end) of the bytes of `place`; what is needed of it is copied. Never throws.
   */
  newSeries(metric: LimitedMetric, place: SeenPlace, start: number, end: number, verdict: SeriesVerdict): void;
  /**
   * The attributes of points without which the metric would be within its limit, the fewest; none when that is not known.
   * For `drop_labels: auto`: asked when a metric goes over its limit for the first time in a window, after `newSeries` of all
   * before, and not again for it until the window ends.
   */
  labelsToDrop(metric: LimitedMetric): readonly string[];
  /** Once for each window, after idle series gave their places back. Writes the log line, and lets go of what is quiet. */
  windowEnded(): void;
  /** Takes back what is shown of this instance. Idempotent. */
  stop(): void;
}

/** For `explain: false`. */
export const NO_EXPLANATION: Explanation = {
  newSeries: () => undefined,
  labelsToDrop: () => [],
  windowEnded: () => undefined,
  stop: () => undefined,
};
