/**
 * Self metrics as plain numbers. Components bump a `Count` or give a function to read; nothing is formatted until the
 * exposition asks. Names are the Prometheus names without `_total`; the exposition adds the suffix.
 */
export interface MetricSpec {
  /** For example `otelcol_exporter_queue_size` or `remora_filelog_unread_bytes`. */
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** Upper bounds, histograms only. */
  readonly buckets?: readonly number[];
}

export type Labels = Readonly<Record<string, string>>;

/** A monotonic count. `value` is public so that hot code may write `count.value += n`. */
export interface Count {
  value: number;
}

export interface Distribution {
  observe(value: number): void;
}

export interface Meter {
  /** The same spec and labels give the same Count. */
  counter(spec: MetricSpec, labels: Labels): Count;
  /** A counter whose value lives elsewhere; read when scraped. */
  counterFrom(spec: MetricSpec, labels: Labels, read: () => number): void;
  /** Read when scraped; the same spec and labels replace the reader, undefined removes the series. */
  gauge(spec: MetricSpec, labels: Labels, read: (() => number) | undefined): void;
  /**
   * A gauge whose series come and go, all with `labels` and each with further ones: which there are is asked when scraped. The
   * reader bounds their number.
   */
  gaugeSeries(spec: MetricSpec, labels: Labels, read: () => Iterable<readonly [Labels, number]>): void;
  histogram(spec: MetricSpec, labels: Labels): Distribution;
}
