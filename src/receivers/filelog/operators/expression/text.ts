import { Double, type Value } from '../entry.ts';

const ASCII = /^[\x00-\x7f]*$/;
const WHITE_SPACE =
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

/** Each character on its own, as in Go: no character becomes two. */
export function lower(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return Array.from(text, (char) => Array.from(char.toLowerCase())[0] ?? char).join('');
}

export function upper(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  return Array.from(text, (char) => {
    const [first = char, second] = char.toUpperCase();
    return second === undefined ? first : char;
  }).join('');
}

/** Takes the characters of `set` from both ends. */
export function trim(text: string, set = WHITE_SPACE): string {
  const chars = Array.from(text);
  let start = 0;
  let end = chars.length;
  while (start < end && set.includes(chars[start] ?? '')) start++;
  while (end > start && set.includes(chars[end - 1] ?? '')) end--;
  return chars.slice(start, end).join('');
}

/** Lengths and positions of `len` count characters; those of slices and `indexOf` count bytes of UTF-8, as in Go. */
export function charCount(text: string): number {
  return ASCII.test(text) ? text.length : Array.from(text).length;
}

export function byteIndex(text: string, index: number): number {
  return index < 0 ? -1 : Buffer.byteLength(text.slice(0, index));
}

export function byteSlice(text: string, from: number | undefined, to: number | undefined): string {
  if (ASCII.test(text)) return text.slice(...bounds(text.length, from, to));
  const bytes = Buffer.from(text);
  return bytes.subarray(...bounds(bytes.length, from, to)).toString();
}

/** Negative ones count from the end; all are brought within the length. */
export function bounds(length: number, from = 0, to = length): [start: number, end: number] {
  const end = Math.min(Math.max(to < 0 ? length + to : to, 0), length);
  return [Math.min(Math.max(from < 0 ? length + from : from, 0), end), end];
}

/** A value as Go prints it with %v. */
export function goText(value: Value): string {
  if (typeof value === 'string') return value;
  if (value === null) return '<nil>';
  if (value instanceof Double) return floatText(value.value);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : floatText(value);
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!(value instanceof Map)) return String(value);
  const keys = [...value.keys()].sort();
  return `map[${keys.map((key) => `${key}:${goText(value.get(key) ?? null)}`).join(' ')}]`;
}

/** The shortest digits that say the number; with an exponent from a million on and below 0.0001. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
