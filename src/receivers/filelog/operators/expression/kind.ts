import { Double, type Value } from '../entry.ts';

/** What a value is, in the words of the language's `type`. */
export type Kind = 'nil' | 'bool' | 'int' | 'float' | 'string' | 'array' | 'map';

export function kindOf(value: Value): Kind {
  if (value === null) return 'nil';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (value instanceof Double) return 'float';
  return Array.isArray(value) ? 'array' : 'map';
}
