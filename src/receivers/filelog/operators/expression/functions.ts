import { Double, type Value } from '../entry.ts';
import { asFloat, isNumeric, isWhole, wholeNumber } from './arithmetic.ts';
import { keyText, order } from './comparison.ts';
import { kindOf, type Kind } from './kind.ts';
import { byteIndex, charCount, goText, lower, trim, upper } from './text.ts';

/** A function of the language. `call` throws TypeError for operands that it does not take. */
export interface Builtin {
  readonly operands: readonly [least: number, most: number];
  readonly kind: Kind | 'any';
  /** The kinds that an operand can have, each in its place; the last one stands for all that follow. */
  readonly takes: readonly (readonly Kind[])[];
  readonly call: (operands: readonly Value[]) => Value;
}

const TEXT: readonly Kind[] = ['string'];
const NUMBER: readonly Kind[] = ['int', 'float'];
const ANY: readonly Kind[] = ['nil', 'bool', 'int', 'float', 'string', 'array', 'map'];
const ARRAY: readonly Kind[] = ['array'];

const INTEGER_TEXT = /^[+-]?\d+$/;
const FLOAT_TEXT = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)$/i;
const LIMIT = 2 ** 63;

function onText(call: (text: string) => Value, kind: Kind = 'string'): Builtin {
  return { operands: [1, 1], kind, takes: [TEXT], call: ([text]) => call(mustText(text)) };
}

function onTexts(call: (text: string, part: string) => Value, kind: Kind = 'string'): Builtin {
  return { operands: [2, 2], kind, takes: [TEXT], call: ([text, part]) => call(mustText(text), mustText(part)) };
}

function onNumber(call: (value: number) => number): Builtin {
  return { operands: [1, 1], kind: 'float', takes: [NUMBER], call: ([value]) => new Double(call(mustFloat(value))) };
}

function onArray(call: (items: readonly Value[]) => Value | undefined): Builtin {
  const onItems = (items: Value = null): Value => (items === null ? null : (call(mustArray(items)) ?? null));
  return { operands: [1, 1], kind: 'any', takes: [['array', 'nil']], call: ([items]) => onItems(items) };
}

/** `max(1, 2.5)` or `max([1, 2.5])`: the first of the largest. */
function extreme(isBetter: (order: number) => boolean): Builtin {
  const call = (operands: readonly Value[]): Value => {
    let best: Value = null;
    for (const item of operands.flat()) {
      mustFloat(item);
      if (best === null || isBetter(order('<', item, best))) best = item;
    }
    return best;
  };
  return { operands: [1, Infinity], kind: 'any', takes: [['int', 'float', 'array']], call };
}

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['len', { operands: [1, 1], kind: 'int', takes: [['string', 'array', 'map']], call: ([value]) => size(value) }],
  ['type', { operands: [1, 1], kind: 'string', takes: [ANY], call: ([value]) => kindOf(value ?? null) }],
  ['string', { operands: [1, 1], kind: 'string', takes: [ANY], call: ([value]) => goText(value ?? null) }],
  ['int', { operands: [1, 1], kind: 'int', takes: [['int', 'float', 'string']], call: ([value]) => toInt(value) }],
  [
    'float',
    { operands: [1, 1], kind: 'float', takes: [['int', 'float', 'string']], call: ([value]) => toFloat(value) },
  ],
  ['lower', onText(lower)],
  ['upper', onText(upper)],
  [
    'trim',
    {
      operands: [1, 2],
      kind: 'string',
      takes: [TEXT],
      call: ([text, set]) => trim(mustText(text), set === undefined ? set : mustText(set)),
    },
  ],
  ['trimPrefix', onTexts((text, part) => (text.startsWith(part) ? text.slice(part.length) : text))],
  ['trimSuffix', onTexts((text, part) => (text.endsWith(part) ? text.slice(0, text.length - part.length) : text))],
  ['hasPrefix', onTexts((text, part) => text.startsWith(part), 'bool')],
  ['hasSuffix', onTexts((text, part) => text.endsWith(part), 'bool')],
  ['indexOf', onTexts((text, part) => byteIndex(text, text.indexOf(part)), 'int')],
  ['lastIndexOf', onTexts((text, part) => byteIndex(text, text.lastIndexOf(part)), 'int')],
  [
    'split',
    {
      operands: [2, 3],
      kind: 'array',
      takes: [TEXT, TEXT, ['int']],
      call: ([text, part, most]) => split(mustText(text), mustText(part), most === undefined ? -1 : mustInt(most)),
    },
  ],
  [
    'join',
    {
      operands: [1, 2],
      kind: 'string',
      takes: [ARRAY, TEXT],
      call: ([items, between = '']) => mustArray(items).map(mustText).join(mustText(between)),
    },
  ],
  [
    'replace',
    {
      operands: [3, 3],
      kind: 'string',
      takes: [TEXT],
      call: ([text, part, by]) => replace(mustText(text), mustText(part), mustText(by)),
    },
  ],
  ['abs', { operands: [1, 1], kind: 'any', takes: [NUMBER], call: ([value]) => abs(value) }],
  ['ceil', onNumber(Math.ceil)],
  ['floor', onNumber(Math.floor)],
  // Halves go away from zero.
  ['round', onNumber((value) => Math.sign(value) * Math.round(Math.abs(value)))],
  ['max', extreme((order) => order > 0)],
  ['min', extreme((order) => order < 0)],
  ['first', onArray((items) => items[0])],
  ['last', onArray((items) => items.at(-1))],
  ['keys', { operands: [1, 1], kind: 'array', takes: [['map']], call: ([map]) => [...mustMap(map).keys()] }],
  ['values', { operands: [1, 1], kind: 'array', takes: [['map']], call: ([map]) => [...mustMap(map).values()] }],
  [
    'get',
    { operands: [2, 2], kind: 'any', takes: [['array', 'map', 'nil'], ANY], call: ([from, key]) => read(from, key) },
  ],
]);

function size(value: Value | undefined): number {
  if (typeof value === 'string') return charCount(value);
  if (Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : wrong('a text, an array or a map', value);
}

function toInt(value: Value | undefined): number | bigint {
  if (typeof value === 'string' && INTEGER_TEXT.test(value)) {
    const number = BigInt(value.replace('+', ''));
    return BigInt.asIntN(64, number) === number ? wholeNumber(number) : wrong('a number of 64 bits', value);
  }
  if (value === undefined || !isNumeric(value)) return wrong('a whole number or its digits', value);
  if (isWhole(value)) return value;
  const number = Math.trunc(asFloat(value));
  return number >= -LIMIT && number < LIMIT ? wholeNumber(BigInt(number)) : wrong('a number of 64 bits', value);
}

function toFloat(value: Value | undefined): Double {
  if (typeof value !== 'string') return new Double(mustFloat(value));
  if (!FLOAT_TEXT.test(value)) return wrong('a number or its digits', value);
  const text = value.toLowerCase();
  if (text.includes('n')) return new Double(text.includes('nan') ? NaN : text.startsWith('-') ? -Infinity : Infinity);
  return new Double(Number(text));
}

function split(text: string, part: string, most: number): string[] {
  const all = part === '' ? Array.from(text) : text.split(part);
  if (most < 0 || all.length <= most) return all;
  return most === 0 ? [] : [...all.slice(0, most - 1), all.slice(most - 1).join(part)];
}

/** An empty part stands before and after each character, as in Go. */
function replace(text: string, part: string, by: string): string {
  return part === '' ? ['', ...Array.from(text), ''].join(by) : text.replaceAll(part, () => by);
}

function abs(value: Value | undefined): Value {
  if (value === undefined || !isWhole(value)) return new Double(Math.abs(mustFloat(value)));
  return wholeNumber(value < 0 ? -BigInt(value) : BigInt(value));
}

/** Nil for what is not there, where the brackets of the language fail. */
function read(from: Value | undefined, key: Value = null): Value {
  if (Array.isArray(from)) return from.at(mustInt(key)) ?? null;
  if (from instanceof Map) return from.get(keyText(key)) ?? null;
  return from === null ? null : wrong('an array or a map', from);
}

function mustText(value: Value | undefined): string {
  return typeof value === 'string' ? value : wrong('a text', value);
}

function mustArray(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : wrong('an array', value);
}

function mustMap(value: Value | undefined): ReadonlyMap<string, Value> {
  return value instanceof Map ? value : wrong('a map', value);
}

function mustFloat(value: Value | undefined): number {
  return value !== undefined && isNumeric(value) ? asFloat(value) : wrong('a number', value);
}

function mustInt(value: Value): number {
  return isWhole(value) ? Number(value) : wrong('a whole number', value);
}

function wrong(wanted: string, value: Value = null): never {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : kindOf(value);
  throw new TypeError(`${wanted} is needed, not ${shown}`);
}
