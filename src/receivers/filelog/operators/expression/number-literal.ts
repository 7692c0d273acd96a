import { Double } from '../entry.ts';
import { wholeNumber } from './arithmetic.ts';
import { refusal } from './syntax.ts';

const INTEGER = /^(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)$/;
const DECIMAL = /^(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?[\d_]+)?$/;
const MAX_INT64 = 2n ** 63n - 1n;

/** `42`, `1_000`, `0x2A`, `0o52`, `0b101` are whole numbers of 64 bits; `0.5`, `.5`, `1e3` are floats. */
export function parseNumber(text: string, at: number): number | bigint | Double {
  const digits = text.replaceAll('_', '');
  if (INTEGER.test(text)) {
    // Go reads 017 as seventeen here, and so does BigInt.
    const value = BigInt(digits);
    if (value > MAX_INT64) throw refusal(at, `${text} does not fit into 64 bits`);
    return wholeNumber(value);
  }
  if (!DECIMAL.test(text)) throw refusal(at, `${text} is not a number`);
  const value = Number(digits);
  if (!Number.isFinite(value)) throw refusal(at, `${text} is too large for a float`);
  return new Double(value);
}
