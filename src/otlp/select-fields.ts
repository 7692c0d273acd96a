import type { Signal } from '../core/signal.ts';
import { pointAttributes } from './edit.ts';
import {
  EXPONENTIAL_POINT,
  HISTOGRAM_POINT,
  LOG,
  METRIC,
  METRIC_DATA,
  NUMBER_POINT,
  RESOURCE,
  RESOURCE_X,
  SCOPE,
  SCOPE_X,
  SPAN,
  STATUS,
  SUMMARY_POINT,
} from './fields.ts';
import type { Place } from './place.ts';
import type { FieldPath } from './select-path.ts';
import type { Cursor } from './wire.ts';
import {
  attributeField,
  attributesField,
  METRIC_DATA_FIELD,
  pointField,
  readBool,
  readDouble,
  readFixed32,
  readFixed64,
  readHex,
  readInt32,
  readSigned64,
  readText,
  readUint,
  scalarField,
  valueField,
  type AttributesOf,
  type Field,
  type FieldValue,
} from './select.ts';

type Keys = FieldPath['keys'];
type MakeField = () => Field;

const RESOURCE_LIST: AttributesOf = list('resource', RESOURCE_X.resource, () => RESOURCE.attributes);
const SCOPE_LIST: AttributesOf = list('scope', SCOPE_X.scope, () => SCOPE.attributes);
const ITEM_LIST: Readonly<Record<Signal, AttributesOf>> = {
  traces: list('item', undefined, () => SPAN.attributes),
  logs: list('item', undefined, () => LOG.attributes),
  metrics: list('item', undefined, ({ dataField }) => pointAttributes(dataField)),
};
const METADATA_LIST: AttributesOf = list('metric', undefined, () => METRIC.metadata);

const AROUND: Readonly<Record<string, MakeField>> = {
  'resource.dropped_attributes_count': () =>
    scalarField('resource', [RESOURCE_X.resource, RESOURCE.droppedAttributesCount], readUint, 0),
  'resource.schema_url': () => scalarField('resource', [RESOURCE_X.schemaUrl], readText, ''),
  'scope.name': () => scalarField('scope', [SCOPE_X.scope, SCOPE.name], readText, ''),
  'scope.version': () => scalarField('scope', [SCOPE_X.scope, SCOPE.version], readText, ''),
  'scope.dropped_attributes_count': () =>
    scalarField('scope', [SCOPE_X.scope, SCOPE.droppedAttributesCount], readUint, 0),
  'scope.schema_url': () => scalarField('scope', [SCOPE_X.schemaUrl], readText, ''),
};

const SPAN_FIELDS: Readonly<Record<string, MakeField>> = {
  name: () => scalarField('item', [SPAN.name], readText, ''),
  kind: () => scalarField('item', [SPAN.kind], readInt32, 0),
  trace_id: () => scalarField('item', [SPAN.traceId], readHex, ''),
  span_id: () => scalarField('item', [SPAN.spanId], readHex, ''),
  parent_span_id: () => scalarField('item', [SPAN.parentSpanId], readHex, ''),
  trace_state: () => scalarField('item', [SPAN.traceState], readText, ''),
  flags: () => scalarField('item', [SPAN.flags], readFixed32, 0),
  start_time_unix_nano: () => scalarField('item', [SPAN.startTimeUnixNano], readFixed64, 0n),
  end_time_unix_nano: () => scalarField('item', [SPAN.endTimeUnixNano], readFixed64, 0n),
  duration: durationField,
  dropped_attributes_count: () => scalarField('item', [SPAN.droppedAttributesCount], readUint, 0),
  dropped_events_count: () => scalarField('item', [SPAN.droppedEventsCount], readUint, 0),
  dropped_links_count: () => scalarField('item', [SPAN.droppedLinksCount], readUint, 0),
  'status.code': () => scalarField('item', [SPAN.status, STATUS.code], readInt32, 0),
  'status.message': () => scalarField('item', [SPAN.status, STATUS.message], readText, ''),
};

const LOG_FIELDS: Readonly<Record<string, MakeField>> = {
  time_unix_nano: () => scalarField('item', [LOG.timeUnixNano], readFixed64, 0n),
  observed_time_unix_nano: () => scalarField('item', [LOG.observedTimeUnixNano], readFixed64, 0n),
  severity_number: () => scalarField('item', [LOG.severityNumber], readInt32, 0),
  severity_text: () => scalarField('item', [LOG.severityText], readText, ''),
  event_name: () => scalarField('item', [LOG.eventName], readText, ''),
  trace_id: () => scalarField('item', [LOG.traceId], readHex, ''),
  span_id: () => scalarField('item', [LOG.spanId], readHex, ''),
  flags: () => scalarField('item', [LOG.flags], readFixed32, 0),
  dropped_attributes_count: () => scalarField('item', [LOG.droppedAttributesCount], readUint, 0),
};

const METRIC_FIELDS: Readonly<Record<string, MakeField>> = {
  'metric.name': () => scalarField('metric', [METRIC.name], readText, ''),
  'metric.description': () => scalarField('metric', [METRIC.description], readText, ''),
  'metric.unit': () => scalarField('metric', [METRIC.unit], readText, ''),
  'metric.type': () => ({ read: ({ dataField }) => metricType(dataField) }),
  'metric.aggregation_temporality': () =>
    scalarField('metric', [METRIC_DATA_FIELD, METRIC_DATA.aggregationTemporality], readInt32, 0),
  'metric.is_monotonic': () => scalarField('metric', [METRIC.sum, METRIC_DATA.isMonotonic], readBool, false),
  start_time_unix_nano: () => point('startTimeUnixNano', readFixed64, 0n),
  time_unix_nano: () => point('timeUnixNano', readFixed64, 0n),
  flags: () => point('flags', readUint, 0),
  value_double: () => numberPoint(NUMBER_POINT.asDouble, readDouble),
  value_int: () => numberPoint(NUMBER_POINT.asInt, readSigned64),
  value: () => firstOf(numberPoint(NUMBER_POINT.asDouble, readDouble), numberPoint(NUMBER_POINT.asInt, readSigned64)),
  count: () => point('count', readFixed64, 0n),
  sum: () => point('sum', readDouble, undefined),
  min: () => point('min', readDouble, undefined),
  max: () => point('max', readDouble, undefined),
};

const ITEM_FIELDS: Readonly<Record<Signal, Readonly<Record<string, MakeField>>>> = {
  traces: SPAN_FIELDS,
  metrics: METRIC_FIELDS,
  logs: LOG_FIELDS,
};

/** Other names of the same thing. */
const ITEM_PREFIX: Readonly<Record<Signal, string>> = { traces: 'span.', metrics: 'datapoint.', logs: 'log.' };

/**
 * The field that `path` names in items of `signal`, or undefined when they have none. Names are those of OTTL, with the
 * item's own fields bare (`name`) or with its prefix (`span.name`). Ours: `duration` of a span in milliseconds, `value` of a number
 * data point. Ids are text in lower-case hex.
 */
export function selectField(signal: Signal, { name, keys }: FieldPath): Field | undefined {
  const own = canonicalName(signal, name);
  const listed = own === 'metric.metadata' && signal === 'metrics' ? METADATA_LIST : attributesOf(signal, own);
  if (listed !== undefined) return fromList(listed, keys);
  if (own === 'body' && signal === 'logs') return valueField('item', [LOG.body], keys);
  const table = ITEM_FIELDS[signal];
  const make = Object.hasOwn(table, own) ? table[own] : Object.hasOwn(AROUND, own) ? AROUND[own] : undefined;
  return keys.length === 0 ? make?.() : undefined;
}

/** Every name that `selectField` knows for `signal`, for messages and reference. */
export function fieldNames(signal: Signal): string[] {
  const values = signal === 'logs' ? ['body'] : signal === 'metrics' ? ['metric.metadata["key"]'] : [];
  const attributes = ['attributes["key"]', 'resource.attributes["key"]', 'scope.attributes["key"]'];
  return [...attributes, ...values, ...Object.keys(ITEM_FIELDS[signal]), ...Object.keys(AROUND)];
}

function canonicalName(signal: Signal, name: string): string {
  const prefix = ITEM_PREFIX[signal];
  let own = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  if (own.startsWith('instrumentation_scope.')) own = own.replace('instrumentation_scope.', 'scope.');
  if (own === 'body.string') return 'body';
  return /^(trace_id|span_id|parent_span_id)\.string$/.test(own) ? own.replace('.string', '') : own;
}

function attributesOf(signal: Signal, name: string): AttributesOf | undefined {
  if (name === 'attributes') return ITEM_LIST[signal];
  if (name === 'resource.attributes') return RESOURCE_LIST;
  return name === 'scope.attributes' ? SCOPE_LIST : undefined;
}

function fromList(listed: AttributesOf, keys: Keys): Field | undefined {
  const [first, ...rest] = keys;
  if (first === undefined) return attributesField(listed);
  return typeof first === 'string' ? attributeField(listed, first, rest) : undefined;
}

function list(level: AttributesOf['level'], down: number | undefined, number: (place: Place) => number): AttributesOf {
  return { level, down, number };
}

const NANOS_PER_MS = 1e6;

function durationField(): Field {
  const start = scalarField('item', [SPAN.startTimeUnixNano], readFixed64, 0n);
  const end = scalarField('item', [SPAN.endTimeUnixNano], readFixed64, 0n);
  return {
    read(place) {
      const [from, to] = [start.read(place), end.read(place)];
      return typeof from === 'bigint' && typeof to === 'bigint' ? Number(to - from) / NANOS_PER_MS : undefined;
    },
  };
}

/** OTTL's METRIC_DATA_TYPE numbers. */
function metricType(dataField: number): number {
  switch (dataField) {
    case METRIC.gauge:
      return 1;
    case METRIC.sum:
      return 2;
    case METRIC.histogram:
      return 3;
    case METRIC.exponentialHistogram:
      return 4;
    case METRIC.summary:
      return 5;
    default:
      return 0;
  }
}

type PointNumbers = Readonly<Record<string, number>>;

function numbersOf(dataField: number): PointNumbers {
  switch (dataField) {
    case METRIC.histogram:
      return HISTOGRAM_POINT;
    case METRIC.exponentialHistogram:
      return EXPONENTIAL_POINT;
    case METRIC.summary:
      return SUMMARY_POINT;
    default:
      return NUMBER_POINT;
  }
}

function point(name: string, read: (at: Cursor) => FieldValue, fallback: FieldValue): Field {
  return pointField((dataField) => numbersOf(dataField)[name] ?? 0, read, fallback);
}

/** asDouble and asInt are a oneof: absence can be told. Gauge and Sum only. */
function numberPoint(number: number, read: (at: Cursor) => FieldValue): Field {
  const isNumber = (dataField: number): boolean => dataField === METRIC.gauge || dataField === METRIC.sum;
  return pointField((dataField) => (isNumber(dataField) ? number : 0), read, undefined);
}

function firstOf(first: Field, second: Field): Field {
  return { read: (place) => first.read(place) ?? second.read(place) };
}
