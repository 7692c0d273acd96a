import { Piece } from '../joining/piece.ts';

/** A number that JSON writes with a fraction or exponent, such as 1.0: it stays a double on the wire. */
export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type Value = string | number | bigint | boolean | null | Double | Value[] | Map<string, Value>;

/** One record while operators work on it. Whoever was given it may change it. */
export interface Entry {
  body: Value;
  attributes: Map<string, Value>;
  /** Shared between entries, with all it holds: a change makes another map (`writeField` does). */
  resource: ReadonlyMap<string, Value>;
  /** InstrumentationScope.name; empty for none. */
  scopeName: string;
  /** Seconds and nanoseconds since the Unix epoch. */
  time: { readonly seconds: number; readonly nanos: number } | undefined;
  severityNumber: number;
  severityText: string;
  traceId: Uint8Array | undefined;
  spanId: Uint8Array | undefined;
  flags: number | undefined;
  /** Wall time when the line was read: the year of layouts without one. */
  readonly nowMs: number;
  /** Where its line begins in the file, and where it ends behind its line end. */
  readonly offset: number;
  readonly endOffset: number;
  /** As in `LineInfo`: whoever keeps the entry back takes them over and leaves undefined. */
  pieces: readonly Piece[] | undefined;
}

/** An entry that shares nothing that may be changed. */
export function copyEntry(entry: Entry): Entry {
  const pieces = entry.pieces?.map(({ file, start, end }) => new Piece(file, start, end));
  return { ...entry, body: copyValue(entry.body), attributes: copyMap(entry.attributes), pieces };
}

export function copyValue(value: Value): Value {
  if (value instanceof Map) return copyMap(value);
  return Array.isArray(value) ? value.map(copyValue) : value;
}

function copyMap(map: ReadonlyMap<string, Value>): Map<string, Value> {
  const copy = new Map<string, Value>();
  for (const [key, value] of map) copy.set(key, copyValue(value));
  return copy;
}

/** The text of a scalar; undefined for maps and arrays. */
export function scalarText(value: Value | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof Double) return String(value.value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** JSON of a value; integers beyond 2^53 keep their digits. */
export function jsonText(value: Value): string {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Double) return JSON.stringify(value.value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  return `{${Array.from(value, ([key, inner]) => `${JSON.stringify(key)}:${jsonText(inner)}`).join(',')}}`;
}
