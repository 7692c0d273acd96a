import type { Signal } from '../../core/signal.ts';
import { number, object, objects, text, texts, type Json } from './json.ts';
import type { Lines } from './lines.ts';
import { time, typedValue } from './value.ts';

/** Every field of every item, in the words and layout of the Collector's debug exporter (verbosity: detailed). */

interface Shape {
  readonly resources: string;
  readonly scopes: string;
  readonly items: string;
  readonly resourceTitle: string;
  readonly scopeTitle: string;
  readonly item: (item: Json, index: number, lines: Lines) => void;
}

const SHAPE: Readonly<Record<Signal, Shape>> = {
  traces: {
    resources: 'resourceSpans',
    scopes: 'scopeSpans',
    items: 'spans',
    resourceTitle: 'ResourceSpans',
    scopeTitle: 'ScopeSpans',
    item: spanLines,
  },
  metrics: {
    resources: 'resourceMetrics',
    scopes: 'scopeMetrics',
    items: 'metrics',
    resourceTitle: 'ResourceMetrics',
    scopeTitle: 'ScopeMetrics',
    item: metricLines,
  },
  logs: {
    resources: 'resourceLogs',
    scopes: 'scopeLogs',
    items: 'logRecords',
    resourceTitle: 'ResourceLog',
    scopeTitle: 'ScopeLogs',
    item: logLines,
  },
};

export function detailedLines(signal: Signal, request: Json, lines: Lines): void {
  const shape = SHAPE[signal];
  for (const [r, resourceX] of objects(request[shape.resources]).entries()) {
    lines.add(`${shape.resourceTitle} #${r}`);
    lines.add(`Resource SchemaURL: ${text(resourceX['schemaUrl'])}`);
    attributeLines('Resource attributes:', object(resourceX['resource'])['attributes'], lines);
    for (const [s, scopeX] of objects(resourceX[shape.scopes]).entries()) {
      const scope = object(scopeX['scope']);
      lines.add(`${shape.scopeTitle} #${s}`);
      lines.add(`${shape.scopeTitle} SchemaURL: ${text(scopeX['schemaUrl'])}`);
      lines.add(`InstrumentationScope ${text(scope['name'])} ${text(scope['version'])}`);
      attributeLines('InstrumentationScope attributes:', scope['attributes'], lines);
      for (const [i, item] of objects(scopeX[shape.items]).entries()) {
        if (lines.full) return;
        shape.item(item, i, lines);
      }
    }
  }
}

/** What stands on the way to each item, for the other verbosity. */
export function eachItem(signal: Signal, request: Json, visit: (item: Json) => boolean): void {
  const shape = SHAPE[signal];
  for (const resourceX of objects(request[shape.resources])) {
    for (const scopeX of objects(resourceX[shape.scopes])) {
      for (const item of objects(scopeX[shape.items])) if (!visit(item)) return;
    }
  }
}

function attributeLines(title: string, attributes: unknown, lines: Lines, indent = '     '): void {
  const pairs = objects(attributes);
  if (pairs.length === 0) return;
  lines.add(title);
  for (const pair of pairs) lines.add(`${indent}-> ${text(pair['key'])}: ${typedValue(pair['value'])}`);
}

const SPAN_KIND = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const STATUS_CODE = ['Unset', 'Ok', 'Error'];

function spanLines(span: Json, index: number, lines: Lines): void {
  const status = object(span['status']);
  lines.add(`Span #${index}`);
  lines.add(`    Trace ID       : ${text(span['traceId'])}`);
  lines.add(`    Parent ID      : ${text(span['parentSpanId'])}`);
  lines.add(`    ID             : ${text(span['spanId'])}`);
  lines.add(`    Name           : ${text(span['name'])}`);
  lines.add(`    Kind           : ${SPAN_KIND[Number(number(span['kind']))] ?? number(span['kind'])}`);
  if (text(span['traceState']) !== '') lines.add(`    TraceState     : ${text(span['traceState'])}`);
  lines.add(`    Start time     : ${time(span['startTimeUnixNano'])}`);
  lines.add(`    End time       : ${time(span['endTimeUnixNano'])}`);
  lines.add(`    Status code    : ${STATUS_CODE[Number(number(status['code']))] ?? number(status['code'])}`);
  lines.add(`    Status message : ${text(status['message'])}`);
  droppedLine('    DroppedAttributesCount: ', span['droppedAttributesCount'], lines);
  droppedLine('    DroppedEventsCount: ', span['droppedEventsCount'], lines);
  droppedLine('    DroppedLinksCount: ', span['droppedLinksCount'], lines);
  attributeLines('Attributes:', span['attributes'], lines);
  for (const [i, event] of objects(span['events']).entries()) {
    if (i === 0) lines.add('Events:');
    lines.add(`SpanEvent #${i}`);
    lines.add(`     -> Name: ${text(event['name'])}`);
    lines.add(`     -> Timestamp: ${time(event['timeUnixNano'])}`);
    lines.add(`     -> DroppedAttributesCount: ${number(event['droppedAttributesCount'])}`);
    attributeLines('     -> Attributes::', event['attributes'], lines, '          ');
  }
  for (const [i, link] of objects(span['links']).entries()) {
    if (i === 0) lines.add('Links:');
    lines.add(`SpanLink #${i}`);
    lines.add(`     -> Trace ID: ${text(link['traceId'])}`);
    lines.add(`     -> ID: ${text(link['spanId'])}`);
    lines.add(`     -> TraceState: ${text(link['traceState'])}`);
    lines.add(`     -> DroppedAttributesCount: ${number(link['droppedAttributesCount'])}`);
    attributeLines('     -> Attributes::', link['attributes'], lines, '          ');
  }
}

function droppedLine(title: string, count: unknown, lines: Lines): void {
  if (number(count) !== '0') lines.add(`${title}${number(count)}`);
}

const SEVERITY = ['Trace', 'Debug', 'Info', 'Warn', 'Error', 'Fatal'];

function severityName(severity: number): string {
  if (severity < 1 || severity > 24) return 'Unspecified';
  const step = ((severity - 1) % 4) + 1;
  return `${SEVERITY[Math.floor((severity - 1) / 4)] ?? ''}${step === 1 ? '' : step}`;
}

function logLines(record: Json, index: number, lines: Lines): void {
  const severity = Number(number(record['severityNumber']));
  lines.add(`LogRecord #${index}`);
  lines.add(`ObservedTimestamp: ${time(record['observedTimeUnixNano'])}`);
  lines.add(`Timestamp: ${time(record['timeUnixNano'])}`);
  lines.add(`SeverityText: ${text(record['severityText'])}`);
  lines.add(`SeverityNumber: ${severityName(severity)}(${severity})`);
  if (text(record['eventName']) !== '') lines.add(`EventName: ${text(record['eventName'])}`);
  lines.add(`Body: ${typedValue(record['body'])}`);
  attributeLines('Attributes:', record['attributes'], lines);
  droppedLine('DroppedAttributesCount: ', record['droppedAttributesCount'], lines);
  lines.add(`Trace ID: ${text(record['traceId'])}`);
  lines.add(`Span ID: ${text(record['spanId'])}`);
  lines.add(`Flags: ${number(record['flags'])}`);
}

const METRIC_KINDS = {
  gauge: { type: 'Gauge', points: 'NumberDataPoints' },
  sum: { type: 'Sum', points: 'NumberDataPoints' },
  histogram: { type: 'Histogram', points: 'HistogramDataPoints' },
  exponentialHistogram: { type: 'ExponentialHistogram', points: 'ExponentialHistogramDataPoints' },
  summary: { type: 'Summary', points: 'SummaryDataPoints' },
} as const;
const TEMPORALITY = ['Unspecified', 'Delta', 'Cumulative'];

function metricLines(metric: Json, index: number, lines: Lines): void {
  lines.add(`Metric #${index}`);
  lines.add('Descriptor:');
  lines.add(`     -> Name: ${text(metric['name'])}`);
  lines.add(`     -> Description: ${text(metric['description'])}`);
  lines.add(`     -> Unit: ${text(metric['unit'])}`);
  for (const [key, kind] of Object.entries(METRIC_KINDS)) {
    if (!(key in metric)) continue;
    const data = object(metric[key]);
    lines.add(`     -> DataType: ${kind.type}`);
    if (key === 'sum') lines.add(`     -> IsMonotonic: ${data['isMonotonic'] === true}`);
    if (key !== 'gauge' && key !== 'summary') {
      const temporality = TEMPORALITY[Number(number(data['aggregationTemporality']))] ?? 'Unspecified';
      lines.add(`     -> AggregationTemporality: ${temporality}`);
    }
    for (const [i, point] of objects(data['dataPoints']).entries()) {
      if (lines.full) return;
      lines.add(`${kind.points} #${i}`);
      pointLines(point, lines);
    }
  }
}

function pointLines(point: Json, lines: Lines): void {
  attributeLines('Data point attributes:', point['attributes'], lines);
  lines.add(`StartTimestamp: ${time(point['startTimeUnixNano'])}`);
  lines.add(`Timestamp: ${time(point['timeUnixNano'])}`);
  if ('asInt' in point || 'asDouble' in point) lines.add(`Value: ${number(point['asInt'] ?? point['asDouble'])}`);
  for (const key of ['count', 'sum', 'min', 'max', 'scale', 'zeroCount', 'zeroThreshold', 'flags']) {
    if (key in point) lines.add(`${key.charAt(0).toUpperCase()}${key.slice(1)}: ${number(point[key])}`);
  }
  for (const [i, bound] of texts(point['explicitBounds']).entries()) lines.add(`ExplicitBounds #${i}: ${bound}`);
  for (const [i, count] of texts(point['bucketCounts']).entries()) lines.add(`Buckets #${i}, Count: ${count}`);
  for (const side of ['positive', 'negative']) bucketLines(side, object(point[side]), lines);
  for (const [i, quantile] of objects(point['quantileValues']).entries()) {
    lines.add(`QuantileValue #${i}: Quantile ${number(quantile['quantile'])}, Value ${number(quantile['value'])}`);
  }
  for (const [i, exemplar] of objects(point['exemplars']).entries()) {
    if (i === 0) lines.add('Exemplars:');
    lines.add(`Exemplar #${i}`);
    lines.add(`     -> Trace ID: ${text(exemplar['traceId'])}`);
    lines.add(`     -> Span ID: ${text(exemplar['spanId'])}`);
    lines.add(`     -> Timestamp: ${time(exemplar['timeUnixNano'])}`);
    lines.add(`     -> Value: ${number(exemplar['asInt'] ?? exemplar['asDouble'])}`);
    attributeLines('     -> FilteredAttributes:', exemplar['filteredAttributes'], lines, '          ');
  }
}

function bucketLines(side: string, buckets: Json, lines: Lines): void {
  const offset = Number(number(buckets['offset']));
  for (const [i, count] of texts(buckets['bucketCounts']).entries()) {
    lines.add(`${side} bucket ${offset + i}, Count: ${count}`);
  }
}
