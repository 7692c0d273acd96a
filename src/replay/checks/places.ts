import { valueText } from '../output/items.ts';
import { isPlainObject } from '../output/json-value.ts';

/** As it was written, and what it finds. */
export interface Pattern {
  readonly source: string;
  test(text: string): boolean;
}

export interface AttributePattern {
  readonly key?: Pattern | undefined;
  readonly value?: Pattern | undefined;
  /** Keys, and texts such as `body`, that it is not about where the recording took their values out. */
  readonly redacted?: Pattern | undefined;
}

/** Told of a place as a person names it, `attributes["user.email"]`, and of the key or the text that it is; true: it is enough. */
export type OnMatch = (at: string, name: string) => boolean;

/** Whether one was enough. Of an attribute that matches, what is in it is not looked at by itself. */
export function findIn(value: unknown, pattern: AttributePattern, path: string, onMatch: OnMatch): boolean {
  if (Array.isArray(value)) return value.some((one) => findIn(one, pattern, path, onMatch));
  if (!isPlainObject(value)) return false;
  if (typeof value['key'] === 'string') return findInAttribute(value['key'], value['value'], pattern, path, onMatch);
  return Object.entries(value).some(([member, content]) => {
    const at = TRANSPARENT.has(member) ? path : path === '' ? member : `${path}.${member}`;
    if (typeof content !== 'string') return findIn(content, pattern, at, onMatch);
    const isText = pattern.key === undefined && TEXTS.has(member);
    return isText && pattern.value?.test(scalarText(member, content)) === true && onMatch(at, at);
  });
}

function findInAttribute(
  key: string,
  content: unknown,
  pattern: AttributePattern,
  path: string,
  onMatch: OnMatch,
): boolean {
  const at = `${path}["${key}"]`;
  const { value } = pattern;
  if (pattern.key?.test(key) ?? true) {
    // Of a list and a map, each value in it counts by itself as well: a pattern may be anchored.
    const matches =
      value === undefined || value.test(valueText(content)) || textsIn(content).some((text) => value.test(text));
    if (matches) return onMatch(at, key);
  }
  return findIn(content, pattern, at, onMatch);
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
