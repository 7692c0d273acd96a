import type { AttributeValue } from './value.ts';

/** A value as text, as the Collector's AsString: numbers in the shortest form, bytes in base64, containers as JSON. */
export function valueText(value: AttributeValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (value instanceof Uint8Array) return base64(value);
  if (typeof value === 'object') return jsonText(value);
  return String(value);
}

function jsonText(value: AttributeValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return JSON.stringify(base64(value));
  if (value instanceof Map) {
    const entries = Array.from(value as ReadonlyMap<string, AttributeValue>);
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${jsonText(inner)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${(value as readonly AttributeValue[]).map(jsonText).join(',')}]`;
  // JSON has no NaN and no infinities.
  if (typeof value === 'number' && !Number.isFinite(value)) return `"${value}"`;
  return typeof value === 'object' ? '' : String(value);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
