import type { FamilyType } from './family.ts';

/**
 * The protobuf exposition: MetricFamily messages, each with its length as a varint in front.
 * Source: prometheus/client_model, io/prometheus/client/metrics.proto.
 *
 *   MetricFamily { string name = 1; string help = 2; MetricType type = 3; repeated Metric metric = 4; string unit = 5; }
 *   Metric    { repeated LabelPair label = 1; Gauge gauge = 2; Counter counter = 3; Summary summary = 4;
 *               Untyped untyped = 5; int64 timestamp_ms = 6; Histogram histogram = 7; }
 *   LabelPair { string name = 1; string value = 2; }
 *   Gauge, Untyped { double value = 1; }
 *   Counter   { double value = 1; Exemplar exemplar = 2; Timestamp created_timestamp = 3; }
 *   Summary   { uint64 sample_count = 1; double sample_sum = 2; repeated Quantile quantile = 3; Timestamp created_timestamp = 4; }
 *   Quantile  { double quantile = 1; double value = 2; }
 *   Exemplar  { repeated LabelPair label = 1; double value = 2; Timestamp timestamp = 3; }
 *   Timestamp { int64 seconds = 1; int32 nanos = 2; }
 */
export const FAMILY = { name: 1, help: 2, type: 3, metrics: 4, unit: 5 } as const;
export const PROTO_METRIC = {
  labels: 1,
  gauge: 2,
  counter: 3,
  summary: 4,
  untyped: 5,
  timestampMs: 6,
  histogram: 7,
} as const;
export const PAIR = { name: 1, value: 2 } as const;
/** Gauge, Untyped and Counter. */
export const VALUE = { value: 1, exemplar: 2, created: 3 } as const;
export const SUMMARY = { count: 1, sum: 2, quantiles: 3, created: 4 } as const;
export const PROTO_QUANTILE = { quantile: 1, value: 2 } as const;
export const PROTO_EXEMPLAR = { labels: 1, value: 2, timestamp: 3 } as const;
export const TIMESTAMP = { seconds: 1, nanos: 2 } as const;

/**
 *   Histogram { uint64 sample_count = 1; double sample_sum = 2; repeated Bucket bucket = 3; double sample_count_float = 4;
 *               sint32 schema = 5; double zero_threshold = 6; uint64 zero_count = 7; double zero_count_float = 8;
 *               repeated BucketSpan negative_span = 9; repeated sint64 negative_delta = 10; repeated double negative_count = 11;
 *               repeated BucketSpan positive_span = 12; repeated sint64 positive_delta = 13; repeated double positive_count = 14;
 *               Timestamp created_timestamp = 15; repeated Exemplar exemplars = 16; }
 *   Bucket     { uint64 cumulative_count = 1; double upper_bound = 2; Exemplar exemplar = 3; double cumulative_count_float = 4; }
 *   BucketSpan { sint32 offset = 1; uint32 length = 2; }
 */
export const HISTOGRAM = {
  count: 1,
  sum: 2,
  buckets: 3,
  countFloat: 4,
  schema: 5,
  zeroThreshold: 6,
  zeroCount: 7,
  zeroCountFloat: 8,
  negativeSpans: 9,
  negativeDeltas: 10,
  negativeCounts: 11,
  positiveSpans: 12,
  positiveDeltas: 13,
  positiveCounts: 14,
  created: 15,
  exemplars: 16,
} as const;
export const BUCKET = { count: 1, bound: 2, exemplar: 3, countFloat: 4 } as const;
export const SPAN_OF_BUCKETS = { offset: 1, length: 2 } as const;

const TYPES: readonly FamilyType[] = ['counter', 'gauge', 'summary', 'unknown', 'histogram', 'gaugehistogram'];

/** enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; GAUGE_HISTOGRAM = 5; } */
export function protoFamilyType(number: number): FamilyType | undefined {
  return TYPES[number];
}

/** `le` and `quantile` as Prometheus writes them: like Go's shortest form, with `.0` behind whole numbers. */
export function levelText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : '-Inf';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 6) return withExponent(digits, exponent);
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

function withExponent(digits: string, exponent: number): string {
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
