import { isPlainObject, textOf, type JsonObject } from './json-value.ts';
import { valueText } from './items.ts';

/** One place where two items differ, as a person reads it: `attributes["http.route"]: "/a" -> "/b"`. */
export function differencesOf(expected: unknown, actual: unknown, path = ''): string[] {
  if (JSON.stringify(expected) === JSON.stringify(actual)) return [];
  if (isAttributes(expected) && isAttributes(actual)) return ofAttributes(expected, actual, path);
  if (isPlainObject(expected) && isPlainObject(actual)) return ofMembers(expected, actual, path);
  if (Array.isArray(expected) && Array.isArray(actual)) return ofElements(expected, actual, path);
  return [`${path}: ${shown(expected)} -> ${shown(actual)}`];
}

function ofMembers(expected: JsonObject, actual: JsonObject, path: string): string[] {
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].flatMap((key) => differencesOf(expected[key], actual[key], path === '' ? key : `${path}.${key}`));
}

function ofElements(expected: readonly unknown[], actual: readonly unknown[], path: string): string[] {
  const length = Math.max(expected.length, actual.length);
  return Array.from({ length }, (_, i) => differencesOf(expected[i], actual[i], `${path}[${i}]`)).flat();
}

function ofAttributes(expected: readonly unknown[], actual: readonly unknown[], path: string): string[] {
  const [before, after] = [byKey(expected), byKey(actual)];
  // A key that is there twice is told with all that stands beside it.
  if (before.size < expected.length || after.size < actual.length)
    return [`${path}: ${shown(expected)} -> ${shown(actual)}`];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [was, is] = [attributeText(before, key), attributeText(after, key)];
    if (was !== is) return [`${path}[${shown(key)}]: ${was} -> ${is}`];
    // The same text of another type.
    return differencesOf(before.get(key), after.get(key), `${path}[${shown(key)}]`);
  });
}

function attributeText(attributes: ReadonlyMap<string, unknown>, key: string): string {
  return attributes.has(key) ? valueText(attributes.get(key)) : 'absent';
}

function byKey(attributes: readonly unknown[]): Map<string, unknown> {
  return new Map(attributes.map((one) => [textOf(one, 'key'), isPlainObject(one) ? one['value'] : undefined]));
}

function isAttributes(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.every((one) => isPlainObject(one) && typeof one['key'] === 'string');
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}
