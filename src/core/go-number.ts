/** What Go's ParseFloat takes, without its underscores and hexadecimal. */
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** As Go's ParseFloat: undefined for what is no number, or a finite one too large for a double. */
export function parseNumber(token: string): number | undefined {
  if (DECIMAL.test(token)) {
    const value = Number(token);
    return Number.isFinite(value) ? value : undefined;
  }
  if (INFINITE.test(token)) return token.startsWith('-') ? -Infinity : Infinity;
  return token.toLowerCase() === 'nan' ? Number.NaN : undefined;
}
