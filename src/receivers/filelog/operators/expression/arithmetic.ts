import { Double, type Value } from '../entry.ts';
import { kindOf } from './kind.ts';

/** A value that counts: whole numbers are `number` while that is exact, and `bigint` up to 64 bits. */
export type Numeric = number | bigint | Double;

export function isNumeric(value: Value): value is Numeric {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Double;
}

/** True for a number that the language calls an int. */
export function isWhole(value: Value): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
}

export function asFloat(value: Numeric): number {
  return value instanceof Double ? value.value : Number(value);
}

/** Wraps around at 64 bits, as Go's integers do. */
export function wholeNumber(value: bigint): number | bigint {
  const wrapped = BigInt.asIntN(64, value);
  const number = Number(wrapped);
  return Number.isSafeInteger(number) ? number : wrapped;
}

/** Floats carry the result of ints where it is safe; `+ 0` takes the sign from a zero. */
export function add(left: Value, right: Value): Value {
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  if (!isNumeric(left) || !isNumeric(right)) throw mismatch('+', left, right, 'two numbers or two texts');
  if (!isWhole(left) || !isWhole(right)) return new Double(asFloat(left) + asFloat(right));
  const result = typeof left === 'number' && typeof right === 'number' ? left + right : NaN;
  return Number.isSafeInteger(result) ? result + 0 : wholeNumber(BigInt(left) + BigInt(right));
}

export function subtract(left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) throw mismatch('-', left, right, 'two numbers');
  if (!isWhole(left) || !isWhole(right)) return new Double(asFloat(left) - asFloat(right));
  const result = typeof left === 'number' && typeof right === 'number' ? left - right : NaN;
  return Number.isSafeInteger(result) ? result + 0 : wholeNumber(BigInt(left) - BigInt(right));
}

export function multiply(left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) throw mismatch('*', left, right, 'two numbers');
  if (!isWhole(left) || !isWhole(right)) return new Double(asFloat(left) * asFloat(right));
  const result = typeof left === 'number' && typeof right === 'number' ? left * right : NaN;
  return Number.isSafeInteger(result) ? result + 0 : wholeNumber(BigInt(left) * BigInt(right));
}

/** Always a float: 4 / 2 is 2.0, and 1 / 0 is infinite. */
export function divide(left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) throw mismatch('/', left, right, 'two numbers');
  return new Double(asFloat(left) / asFloat(right));
}

/** The rest of a division of ints has the sign of the left one. */
export function remainder(left: Value, right: Value): Value {
  if (!isWhole(left) || !isWhole(right)) throw mismatch('%', left, right, 'two whole numbers');
  if (Number(right) === 0) throw new TypeError('% cannot divide by zero');
  return wholeNumber(BigInt(left) % BigInt(right));
}

/** Always a float. One to the power of anything is one in Go. */
export function power(left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) throw mismatch('**', left, right, 'two numbers');
  const base = asFloat(left);
  return new Double(base === 1 ? 1 : base ** asFloat(right));
}

export function negate(value: Value): Value {
  if (!isNumeric(value)) throw new TypeError(`- takes a number, not ${kindOf(value)}`);
  return isWhole(value) ? wholeNumber(-BigInt(value)) : new Double(-asFloat(value));
}

export function mustBeNumeric(value: Value): Value {
  if (!isNumeric(value)) throw new TypeError(`+ takes a number, not ${kindOf(value)}`);
  return value;
}

export function mismatch(operator: string, left: Value, right: Value, wanted: string): TypeError {
  return new TypeError(`${operator} takes ${wanted}, not ${kindOf(left)} and ${kindOf(right)}`);
}
