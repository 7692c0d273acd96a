import { isPlainObject } from './json-value.ts';

/**
 * An item in the form in which two of them are compared: members sorted, and attributes by key, since their order says
 * nothing (OTLP: attributes are a set).
 */
export function normalized(value: unknown): unknown {
  if (Array.isArray(value)) {
    const members: unknown[] = value.map(normalized);
    return members.every(hasKey) ? members.sort((a, b) => byCodeUnits(keyOf(a), keyOf(b))) : members;
  }
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => byCodeUnits(a, b));
  return Object.fromEntries(entries.map(([key, member]) => [key, normalized(member)]));
}

function hasKey(value: unknown): boolean {
  return isPlainObject(value) && typeof value['key'] === 'string';
}

function keyOf(value: unknown): string {
  const key = isPlainObject(value) ? value['key'] : undefined;
  return typeof key === 'string' ? key : '';
}

/** The same everywhere, whatever the language of the system. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
