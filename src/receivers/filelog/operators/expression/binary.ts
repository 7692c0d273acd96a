import { goPattern } from '../../../../core/go-pattern.ts';
import type { Value } from '../entry.ts';
import { add, divide, mismatch, multiply, power, remainder, subtract } from './arithmetic.ts';
import { equal, holds, isWithin, keyText, order } from './comparison.ts';
import { constantValue, mustBe, type Compiled, type Expression } from './compiled.ts';
import { kindOf, type Kind } from './kind.ts';
import { refusal, type BinaryOperator } from './syntax.ts';

const NUMBER: readonly Kind[] = ['int', 'float'];
const TEXT: readonly Kind[] = ['string'];

export function equality(at: number, operator: '==' | '!=', left: Compiled, right: Compiled): Compiled {
  if (differ(left.kind, right.kind)) throw refusal(at, `${left.kind} and ${right.kind} are never equal`);
  const same = sameness(left, right);
  const evaluate: Expression = operator === '==' ? same : (scope) => same(scope) !== true;
  return { at, kind: 'bool', constant: left.constant && right.constant, evaluate };
}

function sameness(left: Compiled, right: Compiled): Expression {
  if (left.constant && !right.constant) return sameness(right, left);
  const { evaluate } = left;
  const value = right.constant ? constantValue(right) : undefined;
  if (value === null || typeof value === 'string' || typeof value === 'boolean')
    return (scope) => evaluate(scope) === value;
  const other = right.evaluate;
  return (scope) => equal(evaluate(scope), other(scope));
}

const ORDER = {
  '<': (sign: number) => sign < 0,
  '<=': (sign: number) => sign <= 0,
  '>': (sign: number) => sign > 0,
  '>=': (sign: number) => sign >= 0,
} as const;

export function ordering(at: number, operator: keyof typeof ORDER, left: Compiled, right: Compiled): Compiled {
  mustFit(at, operator, left, right, [...NUMBER, 'string']);
  const test = ORDER[operator];
  const evaluate: Expression = (scope) => test(order(operator, left.evaluate(scope), right.evaluate(scope)));
  return { at, kind: 'bool', constant: left.constant && right.constant, evaluate };
}

const ARITHMETIC = { '+': add, '-': subtract, '*': multiply, '/': divide, '%': remainder, '**': power } as const;

export function arithmetic(at: number, operator: keyof typeof ARITHMETIC, left: Compiled, right: Compiled): Compiled {
  mustFit(at, operator, left, right, operator === '+' ? [...NUMBER, 'string'] : operator === '%' ? ['int'] : NUMBER);
  const apply = ARITHMETIC[operator];
  const evaluate: Expression = (scope) => apply(left.evaluate(scope), right.evaluate(scope));
  const kind = operator === '/' || operator === '**' ? 'float' : left.kind === right.kind ? left.kind : 'any';
  return { at, kind, constant: left.constant && right.constant, evaluate };
}

const TEXT_TESTS = {
  contains: (text: string, part: string) => text.includes(part),
  startsWith: (text: string, part: string) => text.startsWith(part),
  endsWith: (text: string, part: string) => text.endsWith(part),
} as const;

/** Nil contains nothing and starts and ends with nothing, as in the Collector. */
export function textTest(at: number, operator: keyof typeof TEXT_TESTS, left: Compiled, right: Compiled): Compiled {
  mustBe(left, TEXT, operator);
  mustBe(right, TEXT, operator);
  const test = TEXT_TESTS[operator];
  const evaluate: Expression = (scope) => {
    const text = left.evaluate(scope);
    const part = right.evaluate(scope);
    if (typeof text === 'string' && typeof part === 'string') return test(text, part);
    if (text === null || part === null) return false;
    throw mismatch(operator, text, part, 'two texts');
  };
  return { at, kind: 'bool', constant: left.constant && right.constant, evaluate };
}

/** The pattern is part of the configuration, so that it is compiled once and no record can bring one. */
export function matches(at: number, left: Compiled, right: Compiled): Compiled {
  mustBe(left, TEXT, 'matches');
  mustBe(right, TEXT, 'matches');
  if (!right.constant) throw refusal(right.at, 'the pattern of matches must be a text that stands here');
  const pattern = compilePattern(right);
  const { evaluate } = left;
  return {
    at,
    kind: 'bool',
    constant: left.constant,
    evaluate: (scope) => {
      const text = evaluate(scope);
      if (typeof text === 'string') return pattern.test(text);
      if (text === null) return false;
      throw new TypeError(`matches takes a text, not ${kindOf(text)}`);
    },
  };
}

function compilePattern(right: Compiled): RegExp {
  const source = constantValue(right);
  try {
    return goPattern(typeof source === 'string' ? source : '');
  } catch (error) {
    throw refusal(right.at, error instanceof Error ? error.message : String(error), error);
  }
}

export function membership(at: number, left: Compiled, right: Compiled): Compiled {
  if (right.kind === 'string') throw refusal(right.at, 'in takes an array or a map; write text contains part');
  mustBe(right, ['array', 'map'], 'in');
  return { at, kind: 'bool', constant: left.constant && right.constant, evaluate: memberTest(left, right) };
}

function memberTest({ evaluate }: Compiled, right: Compiled): Expression {
  const { table } = right;
  if (table !== undefined) return (scope) => table(scope).has(keyText(evaluate(scope)));
  const container = right.constant ? constantValue(right) : undefined;
  if (Array.isArray(container) && container.every((item) => typeof item === 'string')) {
    const texts = new Set<Value>(container);
    return (scope) => texts.has(evaluate(scope));
  }
  if (container !== undefined) return (scope) => holds(evaluate(scope), container);
  return (scope) => holds(evaluate(scope), right.evaluate(scope));
}

/** `status in 500..599`, both ends included. Only whole values lie within. */
export function within(at: number, value: Compiled, low: Compiled, high: Compiled): Compiled {
  mustBe(value, NUMBER, 'in a range');
  for (const end of [low, high]) mustBe(end, ['int'], '..');
  const evaluate: Expression = (scope) => isWithin(value.evaluate(scope), low.evaluate(scope), high.evaluate(scope));
  return { at, kind: 'bool', constant: value.constant && low.constant && high.constant, evaluate };
}

function mustFit(at: number, operator: BinaryOperator, left: Compiled, right: Compiled, kinds: readonly Kind[]): void {
  mustBe(left, kinds, operator);
  mustBe(right, kinds, operator);
  if (differ(left.kind, right.kind))
    throw refusal(at, `${operator} does not take ${left.kind} and ${right.kind} together`);
}

/** True when both are known and only one of them is a number, a text and so on. Nil is compared with anything. */
function differ(left: Kind | 'any', right: Kind | 'any'): boolean {
  if (left === 'any' || right === 'any' || left === 'nil' || right === 'nil') return false;
  return left !== right && !(NUMBER.includes(left) && NUMBER.includes(right));
}
