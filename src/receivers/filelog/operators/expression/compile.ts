/**
 * The expression language of the Collector's operators: the commonly used subset of expr-lang, for `if`, `expr`,
 * `is_first_entry`, `is_last_entry` and `EXPR(...)`. What is outside of it is refused when the configuration is read.
 *
 * - Variables: `body` (or `$`), `attributes`, `resource`, `severity_text`, `severity_number`, and `timestamp` for
 *   `timestamp.Unix()`, `UnixMilli()`, `UnixMicro()`, `UnixNano()`, `IsZero()` and comparison with nil.
 * - A key that is not there is nil. Nil has no keys, which is an error, but for `?.`; it contains and matches nothing,
 *   and counts as false as the result of a condition, but not within it.
 * - Numbers are ints of 64 bits that wrap around, or floats; `/` and `**` always give floats.
 * - `==` of values of different kinds is false; `<` and arithmetic with them fail for the record (TypeError).
 */
import { copyValue } from '../entry.ts';
import { build } from './build.ts';
import type { Compiled, Expression, ExpressionScope } from './compiled.ts';
import { kindOf } from './kind.ts';
import { parseEmbedded, parseExpression } from './parser.ts';
import { refusal } from './syntax.ts';

export type { Expression, ExpressionScope };

/** Throws TypeError for a record on which the condition has no answer. */
export type Condition = (scope: ExpressionScope) => boolean;

/** Throws SyntaxError, with the column, for what is not in the language or can never be true or false. */
export function compileCondition(source: string): Condition {
  const { kind, evaluate } = build(parseExpression(source));
  if (kind === 'bool') return (scope) => evaluate(scope) === true;
  if (kind !== 'any') throw refusal(0, `a condition gives true or false, and this gives ${kind}`);
  return (scope) => {
    const value = evaluate(scope);
    if (value === true) return true;
    if (value === false || value === null) return false;
    throw new TypeError(`the condition gave ${kindOf(value)} where true or false was expected`);
  };
}

/** Throws SyntaxError, with the column. The expression's maps and arrays are copies, which the caller may change. */
export function compileExpression(source: string): Expression {
  return owned(build(parseExpression(source)));
}

const START = 'EXPR(';

/**
 * A setting that may hold expressions. Without one it is the text itself. `EXPR(x)` alone gives the value of x as it
 * is; among other text, as in `a-EXPR(x)-b`, each must give a text. Throws SyntaxError, with the column in the setting.
 */
export function parseTemplateValue(text: string): Expression | string {
  const parts: ((scope: ExpressionScope) => string)[] = [];
  let at = 0;
  for (let start = text.indexOf(START); start >= 0; start = text.indexOf(START, at)) {
    const { node, end } = parseEmbedded(text, start + START.length);
    const compiled = build(node);
    if (start === 0 && end === text.length) return owned(compiled);
    const before = text.slice(at, start);
    parts.push(() => before, mustGiveText(compiled));
    at = end;
  }
  if (parts.length === 0) return text;
  const rest = text.slice(at);
  return (scope) => {
    let whole = '';
    for (const part of parts) whole += part(scope);
    return whole + rest;
  };
}

function mustGiveText({ at, kind, evaluate }: Compiled): (scope: ExpressionScope) => string {
  if (kind !== 'any' && kind !== 'string')
    throw refusal(at, `EXPR() within a text gives a text, and this gives ${kind}; write string(...)`);
  return (scope) => {
    const value = evaluate(scope);
    if (typeof value === 'string') return value;
    throw new TypeError(`EXPR() within a text gave ${kindOf(value)}; write string(...)`);
  };
}

function owned({ constant, evaluate }: Compiled): Expression {
  // What is constant is made anew each time already.
  return constant ? evaluate : (scope) => copyValue(evaluate(scope));
}
