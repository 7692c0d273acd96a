import type { Value } from '../entry.ts';
import { asFloat, isNumeric } from './arithmetic.ts';
import { keyText } from './comparison.ts';
import { constantValue, mustBe, type Compiled, type Expression, type ExpressionScope } from './compiled.ts';
import { kindOf } from './kind.ts';
import { bounds, byteSlice, goText } from './text.ts';

/** One step of a path, compiled. */
export interface CompiledStep {
  readonly optional: boolean;
  readonly constant: boolean;
  readonly read: (value: Value, scope: ExpressionScope) => Value;
  /** The key, when it is a text that stands in the source. */
  readonly key: string | undefined;
}

export function keyStep(at: number, optional: boolean, key: Compiled): CompiledStep {
  mustBe(key, ['string', 'int', 'float', 'nil'], '[]');
  if (!key.constant) {
    const read = (value: Value, scope: ExpressionScope): Value => member(value, key.evaluate(scope), at);
    return { optional, constant: false, read, key: undefined };
  }
  const name = constantValue(key);
  if (typeof name !== 'string')
    return { optional, constant: true, read: (value) => member(value, name, at), key: undefined };
  const read = (value: Value): Value => (value instanceof Map ? (value.get(name) ?? null) : member(value, name, at));
  return { optional, constant: true, read, key: name };
}

export function sliceStep(
  at: number,
  optional: boolean,
  from: Compiled | undefined,
  to: Compiled | undefined,
): CompiledStep {
  for (const bound of [from, to]) if (bound !== undefined) mustBe(bound, ['int', 'float'], '[:]');
  const read = (value: Value, scope: ExpressionScope): Value => {
    const start = from === undefined ? undefined : position(from.evaluate(scope));
    const end = to === undefined ? undefined : position(to.evaluate(scope));
    if (typeof value === 'string') return byteSlice(value, start, end);
    if (Array.isArray(value)) return value.slice(...bounds(value.length, start, end));
    throw new TypeError(`[:] at column ${at + 1} takes a text or an array, not ${kindOf(value)}`);
  };
  return { optional, constant: from?.constant !== false && to?.constant !== false, read, key: undefined };
}

/** Follows the steps. An optional one on nil ends the path with nil. */
export function path(object: Compiled, steps: readonly CompiledStep[]): Compiled {
  mustBe(object, ['nil', 'string', 'array', 'map'], 'a path');
  const constant = object.constant && steps.every((step) => step.constant);
  return { at: object.at, kind: 'any', constant, evaluate: walk(object, steps) };
}

function walk({ table, evaluate }: Compiled, steps: readonly CompiledStep[]): Expression {
  const [first, second, ...more] = steps;
  if (first === undefined) return evaluate;
  const { key } = first;
  if (table !== undefined && key !== undefined) {
    const read: Expression = (scope) => table(scope).get(key) ?? null;
    return second === undefined ? read : along(read, [second, ...more]);
  }
  return along(evaluate, steps);
}

function along(start: Expression, steps: readonly CompiledStep[]): Expression {
  return (scope) => {
    let value = start(scope);
    for (const step of steps) {
      if (value === null && step.optional) return null;
      value = step.read(value, scope);
    }
    return value;
  };
}

function member(value: Value, key: Value, at: number): Value {
  if (value instanceof Map) return value.get(keyText(key)) ?? null;
  if (!Array.isArray(value)) throw noMember(value, key, at);
  const index = position(key);
  const item = value.at(index);
  if (item === undefined)
    throw new TypeError(`the array has ${value.length} elements, and no [${index}] (column ${at + 1})`);
  return item;
}

function position(value: Value): number {
  if (!isNumeric(value)) throw new TypeError(`a position is a number, not ${kindOf(value)}`);
  return Math.trunc(asFloat(value));
}

function noMember(value: Value, key: Value, at: number): TypeError {
  const what = typeof key === 'string' ? JSON.stringify(key) : `[${goText(key)}]`;
  const advice =
    value === null
      ? '; write ?. where it may be missing, and ["a.b"] for a key with dots'
      : typeof value === 'string'
        ? '; take a part of a text with [0:1]'
        : '';
  return new TypeError(`${kindOf(value)} has no ${what} (column ${at + 1})${advice}`);
}
