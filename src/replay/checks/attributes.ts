import { isPlainObject } from '../output/json-value.ts';
import { titleOf, valueText } from '../output/items.ts';
import { Findings, type Check } from './check.ts';

export interface AttributePattern {
  readonly key?: RegExp | undefined;
  readonly value?: RegExp | undefined;
}

/** No attribute of this kind leaves; with a value alone, no text either. */
export function noAttribute(pattern: AttributePattern): Check {
  const findings = new Findings();
  const { key, value } = pattern;
  const parts = [key === undefined ? '' : ` key ${key.source}`, value === undefined ? '' : ` value ${value.source}`];
  return {
    name: `no_attribute${parts.join('')}`,
    delivered(item, exporter) {
      for (const part of [item.surroundings, item.body]) {
        const found = matchIn(part, pattern, '');
        if (found !== undefined) findings.add(() => `${found} of ${titleOf(item)}, delivered by ${exporter}`);
      }
    },
    verdict: () => findings.failure((count) => `${count} items have what may not leave`),
  };
}

/** The first match, as a person names it: `attributes["user.email"]`. The value is not told: reports are public. */
function matchIn(value: unknown, pattern: AttributePattern, path: string): string | undefined {
  if (Array.isArray(value)) return firstOf(value, (one) => matchIn(one, pattern, path));
  if (!isPlainObject(value)) return undefined;
  if (typeof value['key'] === 'string') return matchOfAttribute(value['key'], value['value'], pattern, path);
  return firstOf(Object.entries(value), ([member, content]) => {
    const at = path === '' ? member : `${path}.${member}`;
    if (typeof content !== 'string') return matchIn(content, pattern, TRANSPARENT.has(member) ? path : at);
    const isText = pattern.key === undefined && TEXTS.has(member);
    return isText && pattern.value?.test(content) === true ? (member === 'stringValue' ? path : at) : undefined;
  });
}

function matchOfAttribute(key: string, content: unknown, pattern: AttributePattern, path: string): string | undefined {
  const at = `${path}["${key}"]`;
  const isKey = pattern.key?.test(key) ?? true;
  if (isKey && (pattern.value === undefined || pattern.value.test(plainText(content)))) return at;
  return matchIn(content, pattern, at);
}

/** A string as it is, anything else as it is written. */
function plainText(value: unknown): string {
  const text = isPlainObject(value) ? value['stringValue'] : undefined;
  return typeof text === 'string' ? text : valueText(value);
}

/** Members of telemetry that are free text. Ids and times are none. */
const TEXTS = new Set(['stringValue', 'name', 'message', 'description']);
/** Members that only say of what kind a value is. */
const TRANSPARENT: ReadonlySet<string> = new Set(['kvlistValue', 'arrayValue', 'values']);

function firstOf<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
