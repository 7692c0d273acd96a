import * as z from 'zod';
import { Secret } from './secret.ts';

/** Configuration values that several components share, parsed as the Collector writes them. */

const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u00b5s': 1e-3,
  '\u03bcs': 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `1h30m`, `200ms`, `0` as Go's time.ParseDuration; undefined when it is not one. Milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  let ms = 0;
  let at = 0;
  for (DURATION_PART.lastIndex = 0; at < text.length; at = DURATION_PART.lastIndex) {
    const part = DURATION_PART.exec(text);
    if (part === null) return undefined;
    ms += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN);
  }
  return text === '' ? undefined : ms;
}

const UNITS_DOWN = ['h', 'm', 's'] as const;

/** Milliseconds as `parseDuration` reads them, in the largest unit that divides them. */
export function durationText(ms: number): string {
  const unit = ms === 0 ? 's' : (UNITS_DOWN.find((each) => ms % (UNIT_MS[each] ?? 1) === 0) ?? 'ms');
  return `${ms / (UNIT_MS[unit] ?? 1)}${unit}`;
}

/** A duration in YAML (`200ms`, `1m30s`, `0`); milliseconds after parsing. */
export function duration(): z.ZodType<number, string | number> {
  const written = z.union([z.string(), z.number()]).meta({ title: 'duration' });
  return written.transform((value, context) => {
    const ms = parseDuration(String(value));
    if (ms !== undefined) return ms;
    const message = isNegated(value, parseDuration)
      ? `"${value}" must not be negative`
      : `"${value}" is not a duration; write a number and a unit, such as 200ms, 5s or 1m30s`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** Right but for the minus before it. */
function isNegated(value: string | number, parse: (text: string) => number | undefined): boolean {
  const text = String(value).trim();
  return text.startsWith('-') && parse(text.slice(1)) !== undefined;
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b?|b)?$/i;
const SIZE_FACTOR: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `1MiB`, `64kb`, `1024` as the Collector's ByteSize (powers of 1024 for KiB and, as it does, for KB too); bytes. */
export function parseByteSize(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  if (match === null) return undefined;
  const factor = SIZE_FACTOR[(match[2] ?? '').charAt(0).toLowerCase()] ?? 1;
  return Math.round(Number(match[1]) * factor);
}

/** Bytes as `parseByteSize` reads them, in the largest unit that divides them. */
export function byteSizeText(bytes: number): string {
  const unit = bytes === 0 ? undefined : ['t', 'g', 'm', 'k'].find((each) => bytes % (SIZE_FACTOR[each] ?? 1) === 0);
  return unit === undefined ? `${bytes}` : `${bytes / (SIZE_FACTOR[unit] ?? 1)}${unit.toUpperCase()}iB`;
}

/** A size in bytes: a whole number or a text with a unit. */
export function byteSize(): z.ZodType<number, string | number> {
  const written = z.union([z.number().int().nonnegative(), z.string()]).meta({ title: 'size' });
  return written.transform((value, context) => {
    const bytes = typeof value === 'number' ? value : parseByteSize(value);
    if (bytes !== undefined) return bytes;
    const message = isNegated(value, parseByteSize)
      ? `"${value}" must not be negative`
      : `"${value}" is not a size; write bytes or a unit, such as 1MiB`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** A text that is a credential; it becomes a `Secret`, printed as `[REDACTED]` everywhere. */
export function secret(): z.ZodType<Secret, string> {
  return z.string().transform((value) => new Secret(value));
}
