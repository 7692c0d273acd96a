import type { Signal } from '../../core/signal.ts';
import { eachItem } from './detailed.ts';
import { number, object, objects, text, type Json } from './json.ts';
import type { Lines } from './lines.ts';
import { inlineAttributes, plainValue } from './value.ts';

/** One line an item, as the Collector's debug exporter (verbosity: normal). */
export function normalLines(signal: Signal, request: Json, lines: Lines): void {
  eachItem(signal, request, (item) => {
    if (signal === 'metrics') metricLines(item, lines);
    else lines.add(signal === 'traces' ? spanLine(item) : logLine(item));
    return !lines.full;
  });
}

function spanLine(span: Json): string {
  const attributes = inlineAttributes(span['attributes']);
  return `${text(span['name'])} ${text(span['traceId'])} ${text(span['spanId'])} ${attributes}`.trimEnd();
}

function logLine(record: Json): string {
  return `${plainValue(record['body'])} ${inlineAttributes(record['attributes'])}`.trimEnd();
}

/** `name{attribute=value} 12` for each data point. */
function metricLines(metric: Json, lines: Lines): void {
  for (const kind of ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']) {
    for (const point of objects(object(metric[kind])['dataPoints'])) {
      const attributes = inlineAttributes(point['attributes']).replaceAll(' ', ',');
      lines.add(`${text(metric['name'])}{${attributes}} ${pointValue(point)}`);
    }
  }
}

function pointValue(point: Json): string {
  if ('asInt' in point || 'asDouble' in point) return number(point['asInt'] ?? point['asDouble']);
  return `count=${number(point['count'])} sum=${number(point['sum'])}`;
}
