/** Severity names and numbers of the OpenTelemetry log data model, and what the Collector takes for them. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export interface SeverityOptions {
  readonly preset: 'default' | 'otel' | 'aliases' | 'none';
  /** Severity name -> values: texts, numbers, ranges such as `5xx` or {min, max}, or lists of them. */
  readonly mapping: Readonly<Record<string, unknown>>;
}

/** Value in lower case -> severity number. Throws SyntaxError for a mapping that names no severity. */
export function severityTable({ preset, mapping }: SeverityOptions): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  const otel = otelTable();
  if (preset !== 'none') for (const [value, number] of otel) table.set(value, number);
  if (preset === 'default') {
    for (const [suffix, step] of [
      ['', 0],
      ['2', 1],
      ['3', 2],
      ['4', 3],
    ] as const) {
      table.set(`warning${suffix}`, 13 + step);
      table.set(`err${suffix}`, 17 + step);
    }
  }
  for (const [name, values] of Object.entries(mapping)) {
    const number = name.toLowerCase() === 'default' ? 0 : otel.get(name.toLowerCase());
    if (number === undefined) {
      throw new SyntaxError(
        `"${name}" is not a severity; use trace, debug, info, warn, error, fatal, info2, or default`,
      );
    }
    for (const value of Array.isArray(values) ? values : [values]) {
      for (const text of valuesOf(value)) table.set(text, number);
    }
  }
  return table;
}

function otelTable(): Map<string, number> {
  const table = new Map<string, number>();
  for (const [level, name] of LEVELS.entries()) {
    for (let step = 0; step < 4; step++) {
      const number = level * 4 + step + 1;
      table.set(step === 0 ? name : `${name}${step + 1}`, number);
      table.set(String(number), number);
    }
  }
  return table;
}

const MAX_RANGE = 10_000;

function valuesOf(value: unknown): string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (typeof value === 'string') {
    const status = /^([2-5])xx$/.exec(value);
    return status === null ? [value.toLowerCase()] : range(Number(status[1]) * 100, Number(status[1]) * 100 + 99);
  }
  if (typeof value === 'object' && value !== null && 'min' in value && 'max' in value) {
    const { min, max } = value;
    if (typeof min === 'number' && typeof max === 'number') return range(Math.min(min, max), Math.max(min, max));
  }
  throw new SyntaxError(
    `${JSON.stringify(value)} cannot be mapped to a severity; use a text, a number, 5xx or {min, max}`,
  );
}

function range(min: number, max: number): string[] {
  if (max - min > MAX_RANGE) throw new SyntaxError(`the range ${min} to ${max} is too large`);
  return Array.from({ length: max - min + 1 }, (_, i) => String(min + i));
}
