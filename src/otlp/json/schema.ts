import type { Signal } from '../../core/signal.ts';

/**
 * The OTLP messages as one table, which both directions of the JSON encoding walk: JSON name (lowerCamelCase), field
 * number, and type in the words of the .proto files. `oneof` and `optional` fields are written even when they hold the
 * default; `repeated` numbers are packed. Trace and span ids are `id16` and `id8`: hex where other bytes are base64.
 * Source: opentelemetry-proto v1; each message here has at most one oneof.
 */
const TABLE: Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>> = {
  AnyValue: {
    stringValue: [1, 'oneof string'],
    boolValue: [2, 'oneof bool'],
    intValue: [3, 'oneof int64'],
    doubleValue: [4, 'oneof double'],
    arrayValue: [5, 'oneof ArrayValue'],
    kvlistValue: [6, 'oneof KeyValueList'],
    bytesValue: [7, 'oneof bytes'],
  },
  ArrayValue: { values: [1, 'repeated AnyValue'] },
  KeyValueList: { values: [1, 'repeated KeyValue'] },
  KeyValue: { key: [1, 'string'], value: [2, 'AnyValue'] },
  InstrumentationScope: {
    name: [1, 'string'],
    version: [2, 'string'],
    attributes: [3, 'repeated KeyValue'],
    droppedAttributesCount: [4, 'uint32'],
  },
  EntityRef: {
    schemaUrl: [1, 'string'],
    type: [2, 'string'],
    idKeys: [3, 'repeated string'],
    descriptionKeys: [4, 'repeated string'],
  },
  Resource: {
    attributes: [1, 'repeated KeyValue'],
    droppedAttributesCount: [2, 'uint32'],
    entityRefs: [3, 'repeated EntityRef'],
  },

  ExportTraceServiceRequest: { resourceSpans: [1, 'repeated ResourceSpans'] },
  ResourceSpans: { resource: [1, 'Resource'], scopeSpans: [2, 'repeated ScopeSpans'], schemaUrl: [3, 'string'] },
  ScopeSpans: { scope: [1, 'InstrumentationScope'], spans: [2, 'repeated Span'], schemaUrl: [3, 'string'] },
  Span: {
    traceId: [1, 'id16'],
    spanId: [2, 'id8'],
    traceState: [3, 'string'],
    parentSpanId: [4, 'id8'],
    flags: [16, 'fixed32'],
    name: [5, 'string'],
    kind: [6, 'SpanKind'],
    startTimeUnixNano: [7, 'fixed64'],
    endTimeUnixNano: [8, 'fixed64'],
    attributes: [9, 'repeated KeyValue'],
    droppedAttributesCount: [10, 'uint32'],
    events: [11, 'repeated Event'],
    droppedEventsCount: [12, 'uint32'],
    links: [13, 'repeated Link'],
    droppedLinksCount: [14, 'uint32'],
    status: [15, 'Status'],
  },
  Event: {
    timeUnixNano: [1, 'fixed64'],
    name: [2, 'string'],
    attributes: [3, 'repeated KeyValue'],
    droppedAttributesCount: [4, 'uint32'],
  },
  Link: {
    traceId: [1, 'id16'],
    spanId: [2, 'id8'],
    traceState: [3, 'string'],
    attributes: [4, 'repeated KeyValue'],
    droppedAttributesCount: [5, 'uint32'],
    flags: [6, 'fixed32'],
  },
  Status: { message: [2, 'string'], code: [3, 'StatusCode'] },

  ExportLogsServiceRequest: { resourceLogs: [1, 'repeated ResourceLogs'] },
  ResourceLogs: { resource: [1, 'Resource'], scopeLogs: [2, 'repeated ScopeLogs'], schemaUrl: [3, 'string'] },
  ScopeLogs: { scope: [1, 'InstrumentationScope'], logRecords: [2, 'repeated LogRecord'], schemaUrl: [3, 'string'] },
  LogRecord: {
    timeUnixNano: [1, 'fixed64'],
    observedTimeUnixNano: [11, 'fixed64'],
    severityNumber: [2, 'SeverityNumber'],
    severityText: [3, 'string'],
    body: [5, 'AnyValue'],
    attributes: [6, 'repeated KeyValue'],
    droppedAttributesCount: [7, 'uint32'],
    flags: [8, 'fixed32'],
    traceId: [9, 'id16'],
    spanId: [10, 'id8'],
    eventName: [12, 'string'],
  },

  ExportMetricsServiceRequest: { resourceMetrics: [1, 'repeated ResourceMetrics'] },
  ResourceMetrics: { resource: [1, 'Resource'], scopeMetrics: [2, 'repeated ScopeMetrics'], schemaUrl: [3, 'string'] },
  ScopeMetrics: { scope: [1, 'InstrumentationScope'], metrics: [2, 'repeated Metric'], schemaUrl: [3, 'string'] },
  Metric: {
    name: [1, 'string'],
    description: [2, 'string'],
    unit: [3, 'string'],
    gauge: [5, 'oneof Gauge'],
    sum: [7, 'oneof Sum'],
    histogram: [9, 'oneof Histogram'],
    exponentialHistogram: [10, 'oneof ExponentialHistogram'],
    summary: [11, 'oneof Summary'],
    metadata: [12, 'repeated KeyValue'],
  },
  Gauge: { dataPoints: [1, 'repeated NumberDataPoint'] },
  Sum: {
    dataPoints: [1, 'repeated NumberDataPoint'],
    aggregationTemporality: [2, 'AggregationTemporality'],
    isMonotonic: [3, 'bool'],
  },
  Histogram: {
    dataPoints: [1, 'repeated HistogramDataPoint'],
    aggregationTemporality: [2, 'AggregationTemporality'],
  },
  ExponentialHistogram: {
    dataPoints: [1, 'repeated ExponentialHistogramDataPoint'],
    aggregationTemporality: [2, 'AggregationTemporality'],
  },
  Summary: { dataPoints: [1, 'repeated SummaryDataPoint'] },
  NumberDataPoint: {
    attributes: [7, 'repeated KeyValue'],
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    asDouble: [4, 'oneof double'],
    asInt: [6, 'oneof sfixed64'],
    exemplars: [5, 'repeated Exemplar'],
    flags: [8, 'uint32'],
  },
  HistogramDataPoint: {
    attributes: [9, 'repeated KeyValue'],
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'optional double'],
    bucketCounts: [6, 'repeated fixed64'],
    explicitBounds: [7, 'repeated double'],
    exemplars: [8, 'repeated Exemplar'],
    flags: [10, 'uint32'],
    min: [11, 'optional double'],
    max: [12, 'optional double'],
  },
  ExponentialHistogramDataPoint: {
    attributes: [1, 'repeated KeyValue'],
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'optional double'],
    scale: [6, 'sint32'],
    zeroCount: [7, 'fixed64'],
    positive: [8, 'Buckets'],
    negative: [9, 'Buckets'],
    flags: [10, 'uint32'],
    exemplars: [11, 'repeated Exemplar'],
    min: [12, 'optional double'],
    max: [13, 'optional double'],
    zeroThreshold: [14, 'double'],
  },
  Buckets: { offset: [1, 'sint32'], bucketCounts: [2, 'repeated uint64'] },
  SummaryDataPoint: {
    attributes: [7, 'repeated KeyValue'],
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'double'],
    quantileValues: [6, 'repeated ValueAtQuantile'],
    flags: [8, 'uint32'],
  },
  ValueAtQuantile: { quantile: [1, 'double'], value: [2, 'double'] },
  Exemplar: {
    filteredAttributes: [7, 'repeated KeyValue'],
    timeUnixNano: [2, 'fixed64'],
    asDouble: [3, 'oneof double'],
    asInt: [6, 'oneof sfixed64'],
    spanId: [4, 'id8'],
    traceId: [5, 'id16'],
  },
};

/** The names of each enum, from zero on. They are read although the specification says that they must not be sent. */
const ENUMS: Readonly<Record<string, readonly string[]>> = {
  SpanKind: named('SPAN_KIND_', 'UNSPECIFIED INTERNAL SERVER CLIENT PRODUCER CONSUMER'),
  StatusCode: named('STATUS_CODE_', 'UNSET OK ERROR'),
  AggregationTemporality: named('AGGREGATION_TEMPORALITY_', 'UNSPECIFIED DELTA CUMULATIVE'),
  SeverityNumber: named(
    'SEVERITY_NUMBER_',
    'UNSPECIFIED TRACE TRACE2 TRACE3 TRACE4 DEBUG DEBUG2 DEBUG3 DEBUG4 INFO INFO2 INFO3 INFO4 ' +
      'WARN WARN2 WARN3 WARN4 ERROR ERROR2 ERROR3 ERROR4 FATAL FATAL2 FATAL3 FATAL4',
  ),
};

function named(prefix: string, names: string): string[] {
  return names.split(' ').map((name) => prefix + name);
}

const INTEGERS = ['enum', 'sint32', 'uint32', 'fixed32', 'int64', 'uint64', 'fixed64', 'sfixed64'] as const;
const SCALARS = ['string', 'id16', 'id8', 'bytes', 'bool', 'double', ...INTEGERS] as const;

export type IntegerType = (typeof INTEGERS)[number];
export type NumberType = IntegerType | 'double';
export type Scalar = (typeof SCALARS)[number];

/** True for what a repeated field holds without tags. */
export function isPacked(type: Scalar): type is NumberType {
  return type === 'double' || INTEGERS.some((integer) => integer === type);
}

export interface Field {
  /** Place in `Message.fields`. */
  readonly index: number;
  readonly name: string;
  /** The JSON name in bytes, and the same as a member key: `"name":`. */
  readonly nameBytes: Uint8Array;
  readonly keyBytes: Uint8Array;
  readonly number: number;
  readonly type: Scalar | Message;
  readonly repeated: boolean;
  readonly oneof: boolean;
  /** Has presence of its own: written even when it holds the default. */
  readonly explicit: boolean;
  /** Of an enum, its names from zero on. */
  readonly names: readonly string[];
}

export interface Message {
  readonly name: string;
  /** Counts all messages from zero on. */
  readonly id: number;
  /** True for what makes attribute values nest. */
  readonly nests: boolean;
  readonly fields: readonly Field[];
  readonly byNumber: readonly (Field | undefined)[];
}

const messages = new Map<string, Message & { fields: Field[]; byNumber: (Field | undefined)[] }>();
for (const name of Object.keys(TABLE)) {
  const nests = name === 'ArrayValue' || name === 'KeyValueList';
  messages.set(name, { name, id: messages.size, nests, fields: [], byNumber: [] });
}
for (const message of messages.values()) {
  for (const [name, [number, type]] of Object.entries(TABLE[message.name] ?? {})) {
    const field = makeField(message.fields.length, name, number, type);
    message.fields.push(field);
    message.byNumber[number] = field;
  }
}

function makeField(index: number, name: string, number: number, words: string): Field {
  const [first = '', second] = words.split(' ');
  const typeName = second ?? first;
  const names = ENUMS[typeName] ?? [];
  const type = names.length > 0 ? 'enum' : (SCALARS.find((scalar) => scalar === typeName) ?? messageNamed(typeName));
  return {
    index,
    name,
    nameBytes: Buffer.from(name),
    keyBytes: Buffer.from(`"${name}":`),
    number,
    type,
    repeated: words.startsWith('repeated '),
    oneof: words.startsWith('oneof '),
    explicit: words.startsWith('oneof ') || words.startsWith('optional '),
    names,
  };
}

function messageNamed(name: string): Message {
  const message = messages.get(name);
  if (message === undefined) throw new TypeError(`The OTLP table has no message ${name}.`);
  return message;
}

export const MESSAGE_COUNT = messages.size;

export const REQUEST_MESSAGE: Readonly<Record<Signal, Message>> = {
  traces: messageNamed('ExportTraceServiceRequest'),
  metrics: messageNamed('ExportMetricsServiceRequest'),
  logs: messageNamed('ExportLogsServiceRequest'),
};
