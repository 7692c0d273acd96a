import { Double, type Value } from './entry.ts';

const MAX_DEPTH = 50;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/**
 * Numbers whose value does not tell how they were written: beyond 15 digits, with a fraction of zeros or an exponent, and
 * minus zero. Strings may look like it, which costs time only.
 */
const NEEDS_SOURCE = /[:,[\s](?:-?\d{16}|-?\d+\.0+(?!\d)|-?\d+(?:\.\d+)?[eE]|-0(?![\d.]))/;

/**
 * A JSON object with its numbers as they are written: whole ones exact up to 64 bits, others as doubles. Of a key that
 * stands twice the last counts. Throws SyntaxError.
 */
export function parseJsonObject(text: string, parseInts: boolean): Map<string, Value> {
  const json: unknown = parseInts && NEEDS_SOURCE.test(text) ? JSON.parse(text, reviveNumber) : JSON.parse(text);
  const value = toValue(json, parseInts, 0);
  if (!(value instanceof Map)) throw new SyntaxError('the JSON is not an object');
  return value;
}

function reviveNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number') return value;
  const source = context?.source ?? '';
  if (!/^-?\d+$/.test(source) || Object.is(value, -0)) return new Double(value);
  if (Number.isSafeInteger(value)) return value;
  const big = BigInt(source);
  return big >= MIN_INT64 && big <= MAX_INT64 ? big : new Double(value);
}

function toValue(json: unknown, parseInts: boolean, depth: number): Value {
  if (typeof json === 'string' || typeof json === 'boolean' || json === null) return json;
  if (typeof json === 'number') return parseInts && Number.isSafeInteger(json) ? json : new Double(json);
  if (typeof json === 'bigint' || json instanceof Double) return json;
  if (depth >= MAX_DEPTH) throw new SyntaxError(`the JSON nests deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(json)) return json.map((inner) => toValue(inner, parseInts, depth + 1));
  const map = new Map<string, Value>();
  for (const [key, inner] of Object.entries(json as object)) map.set(key, toValue(inner, parseInts, depth + 1));
  return map;
}
