import protobuf from 'protobufjs';
import type { Signal } from '../../src/core/signal.ts';

/**
 * The OTLP schema for protobufjs: the second opinion that the byte walking is tested against. A subset of
 * opentelemetry-proto v1 (Apache-2.0) without comments, options and services.
 */
const OTLP_PROTO = `
syntax = "proto3";
package otlp;

message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message InstrumentationScope {
  string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
}
message EntityRef {
  string schema_url = 1; string type = 2; repeated string id_keys = 3; repeated string description_keys = 4;
}
message Resource {
  repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; repeated EntityRef entity_refs = 3;
}

message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16;
  string name = 5; SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10;
  repeated Event events = 11; uint32 dropped_events_count = 12;
  repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15;
  enum SpanKind {
    SPAN_KIND_UNSPECIFIED = 0; SPAN_KIND_INTERNAL = 1; SPAN_KIND_SERVER = 2; SPAN_KIND_CLIENT = 3;
    SPAN_KIND_PRODUCER = 4; SPAN_KIND_CONSUMER = 5;
  }
  message Event {
    fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
  }
  message Link {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
    uint32 dropped_attributes_count = 5; fixed32 flags = 6;
  }
}
message Status {
  string message = 2; StatusCode code = 3;
  enum StatusCode { STATUS_CODE_UNSET = 0; STATUS_CODE_OK = 1; STATUS_CODE_ERROR = 2; }
}

message ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message LogRecord {
  fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; int32 severity_number = 2;
  string severity_text = 3; AnyValue body = 5; repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7;
  fixed32 flags = 8; bytes trace_id = 9; bytes span_id = 10; string event_name = 12;
}

message ExportMetricsServiceRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Metric {
  string name = 1; string description = 2; string unit = 3;
  oneof data {
    Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; ExponentialHistogram exponential_histogram = 10;
    Summary summary = 11;
  }
  repeated KeyValue metadata = 12;
}
enum AggregationTemporality {
  AGGREGATION_TEMPORALITY_UNSPECIFIED = 0; AGGREGATION_TEMPORALITY_DELTA = 1; AGGREGATION_TEMPORALITY_CUMULATIVE = 2;
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum {
  repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3;
}
message Histogram {
  repeated HistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2;
}
message ExponentialHistogram {
  repeated ExponentialHistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2;
}
message Summary { repeated SummaryDataPoint data_points = 1; }
message NumberDataPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
  repeated Exemplar exemplars = 5; uint32 flags = 8;
}
message HistogramDataPoint {
  repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
  repeated Exemplar exemplars = 8; uint32 flags = 10; optional double min = 11; optional double max = 12;
}
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9;
  uint32 flags = 10; repeated Exemplar exemplars = 11; optional double min = 12; optional double max = 13;
  double zero_threshold = 14;
  message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
}
message SummaryDataPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  double sum = 5; repeated ValueAtQuantile quantile_values = 6; uint32 flags = 8;
  message ValueAtQuantile { double quantile = 1; double value = 2; }
}
message Exemplar {
  repeated KeyValue filtered_attributes = 7; fixed64 time_unix_nano = 2;
  oneof value { double as_double = 3; sfixed64 as_int = 6; }
  bytes span_id = 4; bytes trace_id = 5;
}

message ExportTraceServiceResponse { Partial partial_success = 1; }
message ExportMetricsServiceResponse { Partial partial_success = 1; }
message ExportLogsServiceResponse { Partial partial_success = 1; }
message Partial { int64 rejected = 1; string error_message = 2; }
message RpcStatus { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`;

export const otlpRoot = protobuf.parse(OTLP_PROTO).root;

const NAMES = {
  traces: { request: 'ExportTraceServiceRequest', resources: 'resourceSpans', scopes: 'scopeSpans', items: 'spans' },
  metrics: {
    request: 'ExportMetricsServiceRequest',
    resources: 'resourceMetrics',
    scopes: 'scopeMetrics',
    items: 'metrics',
  },
  logs: { request: 'ExportLogsServiceRequest', resources: 'resourceLogs', scopes: 'scopeLogs', items: 'logRecords' },
} as const satisfies Record<Signal, unknown>;

const METRIC_KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

export type PlainObject = { [key: string]: unknown };

export function requestType(signal: Signal): protobuf.Type {
  return otlpRoot.lookupType(`otlp.${NAMES[signal].request}`);
}

/**
 * A plain object with lowerCamelCase keys and every default filled in: 64-bit integers are decimal strings, bytes
 * (also trace and span ids) base64 strings, enums numbers, doubles numbers.
 */
export function decodeRequest(signal: Signal, bytes: Uint8Array): PlainObject {
  return plain(requestType(signal), bytes);
}

/** Any message of the schema above, for example `decodeMessage('RpcStatus', bytes)`. */
export function decodeMessage(name: string, bytes: Uint8Array): PlainObject {
  return plain(otlpRoot.lookupType(`otlp.${name}`), bytes);
}

function plain(type: protobuf.Type, bytes: Uint8Array): PlainObject {
  const message = type.decode(bytes);
  return type.toObject(message, { longs: String, bytes: String, defaults: true, arrays: true });
}

/**
 * The opposite: takes lowerCamelCase keys; 64-bit integers as number, decimal string or Long; bytes as Uint8Array or
 * base64 (`Buffer.from(hex, 'hex')` for ids); enums as number or name. Absent means absent.
 */
export function encodeRequest(signal: Signal, object: PlainObject): Uint8Array {
  return encodeMessage(NAMES[signal].request, object);
}

export function encodeMessage(name: string, object: PlainObject): Uint8Array {
  const type = otlpRoot.lookupType(`otlp.${name}`);
  return type.encode(type.fromObject(object)).finish();
}

/** The items of a request in their order: each with everything that it inherits from metric, scope and resource. */
export function itemsOf(signal: Signal, bytes: Uint8Array | readonly Uint8Array[]): string[] {
  const request = decodeRequest(signal, bytes instanceof Uint8Array ? bytes : Buffer.concat(bytes));
  const names = NAMES[signal];
  const found: string[] = [];
  for (const resource of list(request, names.resources)) {
    for (const scope of list(resource, names.scopes)) {
      const inherited = { ...without(resource, names.scopes), scope: without(scope, names.items) };
      for (const item of list(scope, names.items)) {
        if (signal === 'metrics') pushPoints(found, inherited, item);
        else found.push(text({ inherited, item }));
      }
    }
  }
  return found;
}

/**
 * A form in which two runs of bytes are equal exactly if they carry the same items, however these are grouped by
 * resource, scope and metric, in whatever order, and cut into whatever chunks. Empty envelopes do not show.
 */
export function canonical(signal: Signal, bytes: Uint8Array | readonly Uint8Array[]): string[] {
  return itemsOf(signal, bytes).sort();
}

function pushPoints(found: string[], inherited: PlainObject, metric: PlainObject): void {
  const header = without(metric, ...METRIC_KINDS);
  for (const kind of METRIC_KINDS) {
    const data = metric[kind];
    if (data === undefined || data === null) continue;
    const points = list(data as PlainObject, 'dataPoints');
    const metricHeader = { ...header, kind, ...without(data as PlainObject, 'dataPoints') };
    for (const item of points) found.push(text({ inherited, metric: metricHeader, item }));
  }
}

function list(object: PlainObject, key: string): PlainObject[] {
  return (object[key] ?? []) as PlainObject[];
}

function without(object: PlainObject, ...keys: string[]): PlainObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** JSON that tells NaN, the infinities and -0 apart. */
function text(object: unknown): string {
  return JSON.stringify(object, (_, value: unknown) => {
    if (typeof value !== 'number') return value;
    return Object.is(value, -0) ? 'number -0' : Number.isFinite(value) ? value : `number ${value}`;
  });
}
