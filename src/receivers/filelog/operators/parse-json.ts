import { Double, type Value } from './entry.ts';

const MAX_DEPTH = 50;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/**
 * A JSON object with its numbers as they are written: whole ones exact up to 64 bits, others as doubles. Of a key that
 * stands twice the last counts. Throws SyntaxError.
 */
export function parseJsonObject(text: string, parseInts: boolean): Map<string, Value> {
  const revive = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? numberValue(value, context?.source ?? '', parseInts) : value;
  const value = toValue(JSON.parse(text, revive), 0);
  if (!(value instanceof Map)) throw new SyntaxError('the JSON is not an object');
  return value;
}

function numberValue(value: number, source: string, parseInts: boolean): unknown {
  if (!parseInts || !/^-?\d+$/.test(source) || Object.is(value, -0)) return new Double(value);
  if (Number.isSafeInteger(value)) return value;
  const big = BigInt(source);
  return big >= MIN_INT64 && big <= MAX_INT64 ? big : new Double(value);
}

function toValue(json: unknown, depth: number): Value {
  if (json === null || typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number' || typeof json === 'bigint' || json instanceof Double) return json;
  if (depth >= MAX_DEPTH) throw new SyntaxError(`the JSON nests deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(json)) return json.map((inner) => toValue(inner, depth + 1));
  const map = new Map<string, Value>();
  for (const [key, inner] of Object.entries(json as object)) map.set(key, toValue(inner, depth + 1));
  return map;
}
