/**
 * Field numbers of the OTLP messages that are walked, as opentelemetry-proto v1 defines them. The numbers on the way
 * down are the same for all three signals:
 *
 *   ExportXServiceRequest { repeated ResourceX resource_x = 1; }
 *   ResourceX             { Resource resource = 1; repeated ScopeX scope_x = 2; string schema_url = 3; }
 *   ScopeX                { InstrumentationScope scope = 1; repeated X items = 2; string schema_url = 3; }
 */
export const REQUEST = { resources: 1 } as const;
export const RESOURCE_X = { resource: 1, scopes: 2, schemaUrl: 3 } as const;
export const SCOPE_X = { scope: 1, items: 2, schemaUrl: 3 } as const;

/** message Resource */
export const RESOURCE = { attributes: 1, droppedAttributesCount: 2, entityRefs: 3 } as const;
/** message InstrumentationScope */
export const SCOPE = { name: 1, version: 2, attributes: 3, droppedAttributesCount: 4 } as const;
/** message KeyValue */
export const KEY_VALUE = { key: 1, value: 2 } as const;
/** message AnyValue, a oneof */
export const ANY_VALUE = { string: 1, bool: 2, int: 3, double: 4, array: 5, kvlist: 6, bytes: 7 } as const;
/** message ArrayValue and KeyValueList */
export const VALUES = { values: 1 } as const;

/** message Span */
export const SPAN = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  parentSpanId: 4,
  name: 5,
  kind: 6,
  startTimeUnixNano: 7,
  endTimeUnixNano: 8,
  attributes: 9,
  droppedAttributesCount: 10,
  events: 11,
  droppedEventsCount: 12,
  links: 13,
  droppedLinksCount: 14,
  status: 15,
  flags: 16,
} as const;
/** message Span.Event */
export const EVENT = { timeUnixNano: 1, name: 2, attributes: 3, droppedAttributesCount: 4 } as const;
/** message Span.Link */
export const LINK = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  attributes: 4,
  droppedAttributesCount: 5,
  flags: 6,
} as const;
/** message Status; 1 is reserved */
export const STATUS = { message: 2, code: 3 } as const;

/** message LogRecord; 4 is reserved */
export const LOG = {
  timeUnixNano: 1,
  severityNumber: 2,
  severityText: 3,
  body: 5,
  attributes: 6,
  droppedAttributesCount: 7,
  flags: 8,
  traceId: 9,
  spanId: 10,
  observedTimeUnixNano: 11,
  eventName: 12,
} as const;

/** message Metric; 4, 6 and 8 are reserved */
export const METRIC = {
  name: 1,
  description: 2,
  unit: 3,
  gauge: 5,
  sum: 7,
  histogram: 9,
  exponentialHistogram: 10,
  summary: 11,
  metadata: 12,
} as const;
/** messages Gauge, Sum, Histogram, ExponentialHistogram, Summary */
export const METRIC_DATA = { dataPoints: 1, aggregationTemporality: 2, isMonotonic: 3 } as const;
/** message NumberDataPoint; 1 is reserved */
export const NUMBER_POINT = {
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  asDouble: 4,
  exemplars: 5,
  asInt: 6,
  attributes: 7,
  flags: 8,
} as const;
/** message HistogramDataPoint; 1 is reserved */
export const HISTOGRAM_POINT = {
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  count: 4,
  sum: 5,
  bucketCounts: 6,
  explicitBounds: 7,
  exemplars: 8,
  attributes: 9,
  flags: 10,
  min: 11,
  max: 12,
} as const;
/** message ExponentialHistogramDataPoint */
export const EXPONENTIAL_POINT = {
  attributes: 1,
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  count: 4,
  sum: 5,
  scale: 6,
  zeroCount: 7,
  positive: 8,
  negative: 9,
  flags: 10,
  exemplars: 11,
  min: 12,
  max: 13,
  zeroThreshold: 14,
} as const;
/** message ExponentialHistogramDataPoint.Buckets */
export const BUCKETS = { offset: 1, bucketCounts: 2 } as const;
/** message SummaryDataPoint; 1 is reserved */
export const SUMMARY_POINT = {
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  count: 4,
  sum: 5,
  quantileValues: 6,
  attributes: 7,
  flags: 8,
} as const;
/** message SummaryDataPoint.ValueAtQuantile */
export const QUANTILE = { quantile: 1, value: 2 } as const;
/** message Exemplar; 1 is reserved */
export const EXEMPLAR = {
  timeUnixNano: 2,
  asDouble: 3,
  spanId: 4,
  traceId: 5,
  asInt: 6,
  filteredAttributes: 7,
} as const;

/** enum AggregationTemporality */
export const TEMPORALITY = { unspecified: 0, delta: 1, cumulative: 2 } as const;
/** enum DataPointFlags */
export const NO_RECORDED_VALUE = 1;
