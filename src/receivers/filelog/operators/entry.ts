/** A number that JSON writes with a fraction or exponent, such as 1.0: it stays a double on the wire. */
export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type Value = string | number | bigint | boolean | null | Double | Value[] | Map<string, Value>;

/** One record while operators work on it. */
export interface Entry {
  body: Value;
  attributes: Map<string, Value>;
  /** Seconds and nanoseconds since the Unix epoch. */
  time: { readonly seconds: number; readonly nanos: number } | undefined;
  severityNumber: number;
  severityText: string;
  traceId: Uint8Array | undefined;
  spanId: Uint8Array | undefined;
  flags: number | undefined;
  /** Wall time when the line was read: the year of layouts without one. */
  readonly nowMs: number;
}

/** Changes the entry, drops it, or throws when it cannot do its work. */
export interface Step {
  readonly onError: OnError;
  apply(entry: Entry): void;
}

export type OnError = 'send' | 'drop' | 'send_quiet' | 'drop_quiet';

/** The text of a scalar; undefined for maps and arrays. */
export function scalarText(value: Value | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof Double) return String(value.value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return undefined;
}
