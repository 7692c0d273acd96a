import type { Value } from '../entry.ts';
import { mustBe, type Compiled, type Expression } from './compiled.ts';
import { kindOf, type Kind } from './kind.ts';

const BOOL: readonly Kind[] = ['bool'];

/** The right side is looked at only where it decides, and is then the result as it is. */
export function logical(at: number, operator: 'and' | 'or', operands: readonly Compiled[]): Compiled {
  for (const operand of operands) mustBe(operand, BOOL, operator);
  return {
    at,
    kind: operands.every(({ kind }) => kind === 'bool') ? 'bool' : 'any',
    constant: operands.every(({ constant }) => constant),
    evaluate: joined(
      operator,
      operands.map(({ evaluate }) => evaluate),
    ),
  };
}

/** Halves of halves, so that a long list runs on a short stack. */
function joined(operator: 'and' | 'or', operands: readonly Expression[]): Expression {
  const [only] = operands;
  if (only !== undefined && operands.length === 1) return only;
  const middle = operands.length >> 1;
  return both(operator, joined(operator, operands.slice(0, middle)), joined(operator, operands.slice(middle)));
}

function both(operator: 'and' | 'or', first: Expression, rest: Expression): Expression {
  if (operator === 'and') {
    return (scope) => {
      const value = first(scope);
      if (value === true) return rest(scope);
      if (value === false) return false;
      throw notBoolean(operator, value);
    };
  }
  return (scope) => {
    const value = first(scope);
    if (value === true) return true;
    if (value === false) return rest(scope);
    throw notBoolean(operator, value);
  };
}

export function not(at: number, operand: Compiled): Compiled {
  mustBe(operand, BOOL, 'not');
  const { constant, evaluate } = operand;
  return {
    at,
    kind: 'bool',
    constant,
    evaluate: (scope) => {
      const value = evaluate(scope);
      if (typeof value !== 'boolean') throw notBoolean('not', value);
      return !value;
    },
  };
}

export function choice(condition: Compiled, yes: Compiled, no: Compiled): Compiled {
  mustBe(condition, BOOL, '?:');
  return {
    at: condition.at,
    kind: yes.kind === no.kind ? yes.kind : 'any',
    constant: condition.constant && yes.constant && no.constant,
    evaluate: (scope) => {
      const value = condition.evaluate(scope);
      if (typeof value !== 'boolean') throw notBoolean('?:', value);
      return value ? yes.evaluate(scope) : no.evaluate(scope);
    },
  };
}

/** The left value, or the right one where that is nil. */
export function coalesce(at: number, left: Compiled, right: Compiled): Compiled {
  return {
    at,
    kind: left.kind === right.kind ? left.kind : 'any',
    constant: left.constant && right.constant,
    evaluate: (scope) => {
      const value = left.evaluate(scope);
      return value === null ? right.evaluate(scope) : value;
    },
  };
}

function notBoolean(operator: string, value: Value): TypeError {
  return new TypeError(`${operator} takes true or false, not ${kindOf(value)}`);
}
