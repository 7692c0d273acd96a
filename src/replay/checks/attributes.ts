import { counted } from '../counted.ts';
import { pointOf, valueText, type Item } from '../output/items.ts';
import { isPlainObject, textOf } from '../output/json-value.ts';
import { Findings, type Check } from './check.ts';

/** As it was written, and what it finds. */
export interface Pattern {
  readonly source: string;
  test(text: string): boolean;
}

export interface AttributePattern {
  readonly key?: Pattern | undefined;
  readonly value?: Pattern | undefined;
}

/** No attribute of this kind leaves; with a value alone, no text either. */
export function noAttribute(pattern: AttributePattern): Check {
  const findings = new Findings();
  const { key, value } = pattern;
  const parts = [key === undefined ? '' : ` key ${key.source}`, value === undefined ? '' : ` value ${value.source}`];
  let seen = 0;
  return {
    name: `no_attribute${parts.join('')}`,
    // What is printed has left, too.
    countsDebug: true,
    delivered(item, exporter) {
      seen += 1;
      const found = matchIn(item.surroundings, pattern, '') ?? matchIn(item.body, pattern, '');
      if (found !== undefined) findings.add(() => `${found} of ${placeOf(item, pattern)}, delivered by ${exporter}`);
    },
    verdict: () =>
      seen === 0
        ? { message: 'nothing was delivered, so it proves nothing', examples: [] }
        : findings.failure((count) => `${counted(count, 'item')} ${count === 1 ? 'has' : 'have'} what may not leave`),
  };
}

/** Which item it is. Nothing of its texts is told, for what may not leave may be in any of them, and reports are public. */
function placeOf({ signal, body }: Item, { value }: AttributePattern): string {
  switch (signal) {
    case 'traces':
      return `span ${textOf(body, 'spanId')} of trace ${textOf(body, 'traceId')}`;
    case 'logs':
      return `log at ${timeText(textOf(body, 'timeUnixNano') || textOf(body, 'observedTimeUnixNano'))}`;
    case 'metrics': {
      const name = textOf(body, 'name');
      const isSafe = value?.test(name) !== true;
      return `metric ${isSafe ? name : '[REDACTED]'} at ${timeText(textOf(pointOf(body), 'timeUnixNano'))}`;
    }
  }
}

function timeText(nanos: string): string {
  const time = new Date(Number(nanos) / 1e6);
  return nanos === '' || Number.isNaN(time.getTime()) ? 'an unknown time' : time.toISOString();
}

/** The first match, as a person names it: `attributes["user.email"]`. */
function matchIn(value: unknown, pattern: AttributePattern, path: string): string | undefined {
  if (Array.isArray(value)) return firstOf(value, (one) => matchIn(one, pattern, path));
  if (!isPlainObject(value)) return undefined;
  if (typeof value['key'] === 'string') return matchOfAttribute(value['key'], value['value'], pattern, path);
  return firstOf(Object.entries(value), ([member, content]) => {
    const at = TRANSPARENT.has(member) ? path : path === '' ? member : `${path}.${member}`;
    if (typeof content !== 'string') return matchIn(content, pattern, at);
    const isText = pattern.key === undefined && TEXTS.has(member);
    return isText && pattern.value?.test(scalarText(member, content)) === true ? at : undefined;
  });
}

function matchOfAttribute(key: string, content: unknown, pattern: AttributePattern, path: string): string | undefined {
  const at = `${path}["${key}"]`;
  const { value } = pattern;
  const isKey = pattern.key?.test(key) ?? true;
  if (isKey && (value === undefined || value.test(valueText(content)))) return at;
  // Of a list and a map, each value in it counts by itself as well: a pattern may be anchored.
  if (isKey && value !== undefined && textsIn(content).some((text) => value.test(text))) return at;
  return matchIn(content, pattern, at);
}

/** All values of an AnyValue, as text. */
function textsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (!isPlainObject(value)) return [];
  return Object.entries(value).flatMap(([member, content]) => {
    if (member === 'key') return [];
    if (typeof content === 'string') return [scalarText(member, content)];
    return typeof content === 'object' ? textsIn(content) : [JSON.stringify(content)];
  });
}

function scalarText(member: string, content: string): string {
  return member === 'bytesValue' ? Buffer.from(content, 'base64').toString('utf8') : content;
}

/** Members of telemetry that are free text. Ids, times and measured values are none. */
const TEXTS: ReadonlySet<string> = new Set([
  'stringValue',
  'intValue',
  'bytesValue',
  'name',
  'version',
  'message',
  'description',
  'unit',
  'severityText',
  'eventName',
  'traceState',
  'schemaUrl',
  'scopeSchemaUrl',
]);

/** Members that only say of what kind a value or a metric is. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  'stringValue',
  'intValue',
  'bytesValue',
  'kvlistValue',
  'arrayValue',
  'values',
  'gauge',
  'sum',
  'histogram',
  'exponentialHistogram',
  'summary',
  'dataPoints',
]);

function firstOf<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
