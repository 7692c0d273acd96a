import type { Value } from './entry.ts';

/** What YAML wrote, as a value of an entry. Throws TypeError for what is none. */
export function yamlValue(written: unknown): Value {
  if (written === null || typeof written === 'string' || typeof written === 'boolean') return written;
  if (typeof written === 'number' || typeof written === 'bigint') return written;
  if (Array.isArray(written)) return written.map(yamlValue);
  if (typeof written !== 'object') throw new TypeError('a text, number, boolean, list or map is expected');
  return new Map(Object.entries(written).map(([key, value]) => [key, yamlValue(value)]));
}
