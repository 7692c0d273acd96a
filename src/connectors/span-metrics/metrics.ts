import type { MetricSpec } from '../../core/meter.ts';

const labels = ['connector'];

export const SERIES: MetricSpec = {
  name: 'remora_span_metrics_series',
  help: 'Series that calls and durations are counted in, without those for what is beyond the limit.',
  kind: 'gauge',
  labels,
};

export const OVERFLOWED: MetricSpec = {
  name: 'remora_span_metrics_overflowed_spans',
  help: 'Spans that counted in the series with otel.metric.overflow: there were too many others, or a value is malformed.',
  kind: 'counter',
  labels,
};

export const UNTAKEN: MetricSpec = {
  name: 'remora_span_metrics_untaken_points',
  help: 'Data points that were made and that the pipelines have not taken yet.',
  kind: 'gauge',
  labels,
};

export const spanMetricsMetrics: readonly MetricSpec[] = [SERIES, OVERFLOWED, UNTAKEN];
