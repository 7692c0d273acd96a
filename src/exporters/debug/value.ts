import { number, object, objects, printable, text, type Json } from './json.ts';

/** An AnyValue as the Collector prints it: `Str(a)`, `Int(1)`, `Slice(["a"])`. */
export function typedValue(value: unknown): string {
  const any = object(value);
  if ('stringValue' in any) return `Str(${text(any['stringValue'])})`;
  if ('intValue' in any) return `Int(${number(any['intValue'])})`;
  if ('doubleValue' in any) return `Double(${number(any['doubleValue'])})`;
  if ('boolValue' in any) return `Bool(${text(any['boolValue'])})`;
  if ('bytesValue' in any) return `Bytes(${text(any['bytesValue'])})`;
  if ('arrayValue' in any) return `Slice(${plainValue(any)})`;
  if ('kvlistValue' in any) return `Map(${plainValue(any)})`;
  return 'Empty()';
}

/** The value alone; lists and maps as JSON. */
export function plainValue(value: unknown): string {
  const any = object(value);
  if ('arrayValue' in any || 'kvlistValue' in any) return printable(JSON.stringify(jsonOf(any)));
  for (const key in any) return number(any[key]);
  return '';
}

function jsonOf(any: Json): unknown {
  if ('arrayValue' in any) {
    return objects(object(any['arrayValue'])['values']).map(jsonOf);
  }
  if ('kvlistValue' in any) {
    const pairs = objects(object(any['kvlistValue'])['values']);
    return Object.fromEntries(pairs.map((pair) => [text(pair['key']), jsonOf(object(pair['value']))]));
  }
  for (const key in any) return any[key];
  return null;
}

/** `key=value key=value`, for one line an item. */
export function inlineAttributes(attributes: unknown): string {
  return objects(attributes)
    .map((pair) => `${text(pair['key'])}=${plainValue(pair['value'])}`)
    .join(' ');
}

/** `2026-01-01 12:00:00.000000321 +0000 UTC`, as Go prints a time. */
export function time(unixNano: unknown): string {
  const shown = number(unixNano);
  const nanos = /^\d{1,20}$/.test(shown) ? BigInt(shown) : 0n;
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const fraction = String(nanos % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`;
}
