import { Double, type Value } from '../entry.ts';
import { asFloat, isNumeric, isWhole, mismatch, type Numeric } from './arithmetic.ts';
import { kindOf } from './kind.ts';

/** Numbers are equal by their value, 1 == 1.0; values of different kinds are not equal. */
export function equal(left: Value, right: Value): boolean {
  if (isNumeric(left)) return isNumeric(right) && numericOrder(left, right) === 0;
  if (left === right) return true;
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) && left.length === right.length && left.every((item, i) => equal(item, right[i] ?? null))
    );
  }
  return left instanceof Map && right instanceof Map && equalMaps(left, right);
}

/** Within maps the kinds of numbers count too, as in the Collector. */
function equalMaps(left: Map<string, Value>, right: Map<string, Value>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (other === undefined || kindOf(value) !== kindOf(other) || !equal(value, other)) return false;
  }
  return true;
}

/** Below, at or above 0; NaN where one is not a number. Throws TypeError for what has no order. */
export function order(operator: string, left: Value, right: Value): number {
  if (typeof left === 'string' && typeof right === 'string') return textOrder(left, right);
  if (isNumeric(left) && isNumeric(right)) return numericOrder(left, right);
  throw mismatch(operator, left, right, 'two numbers or two texts');
}

function numericOrder(left: Numeric, right: Numeric): number {
  if (isWhole(left) && isWhole(right)) return left < right ? -1 : left > right ? 1 : 0;
  const low = asFloat(left);
  const high = asFloat(right);
  return low < high ? -1 : low > high ? 1 : low === high ? 0 : NaN;
}

/** The order of the UTF-8 bytes, as in Go. */
function textOrder(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) return byteRank(a) - byteRank(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for characters above U+FFFF, which UTF-8 sorts last. */
function byteRank(unit: number): number {
  return unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** True when the value is an element of the array, or a key of the map. Nil holds nothing. */
export function holds(value: Value, container: Value): boolean {
  if (container === null) return false;
  if (Array.isArray(container)) return container.some((item) => equal(item, value));
  if (container instanceof Map) return container.has(keyText(value));
  throw new TypeError(`in takes an array or a map, not ${kindOf(container)}`);
}

/** Maps have texts as keys; nil is the empty one. */
export function keyText(key: Value): string {
  if (key === null) return '';
  if (typeof key !== 'string') throw new TypeError(`a key of a map is a text, not ${kindOf(key)}`);
  return key;
}

export function isWithin(value: Value, low: Value, high: Value): boolean {
  if (!isWhole(low) || !isWhole(high)) throw mismatch('..', low, high, 'two whole numbers');
  if (!isNumeric(value) || (value instanceof Double && !Number.isInteger(value.value))) return false;
  return numericOrder(value, low) >= 0 && numericOrder(value, high) <= 0;
}
