import { Double, type Value } from '../entry.ts';
import { kindOf, type Kind } from './kind.ts';
import { refusal } from './syntax.ts';

/** What an expression reads: the record that operators work on. */
export interface ExpressionScope {
  readonly body: Value;
  readonly attributes: ReadonlyMap<string, Value>;
  readonly resource: ReadonlyMap<string, Value>;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly time: { readonly seconds: number; readonly nanos: number } | undefined;
}

export type Expression = (scope: ExpressionScope) => Value;

/** A part of an expression, ready to run, and what is known of it before it runs. */
export interface Compiled {
  readonly at: number;
  readonly kind: Kind | 'any';
  /** True when the scope does not matter. */
  readonly constant: boolean;
  readonly evaluate: Expression;
  /** For attributes and resource as a whole: the map itself, where `evaluate` makes a copy. */
  readonly table?: (scope: ExpressionScope) => ReadonlyMap<string, Value>;
}

const NOTHING: ExpressionScope = {
  body: null,
  attributes: new Map(),
  resource: new Map(),
  severityNumber: 0,
  severityText: '',
  time: undefined,
};

/** Evaluates what is constant now. What fails then would fail for every record: SyntaxError. */
export function folded(compiled: Compiled): Compiled {
  if (!compiled.constant) return compiled;
  const value = constantValue(compiled);
  // Arrays and maps are made anew for each record, which may change them.
  if (isContainer(value)) return { ...compiled, kind: kindOf(value) };
  return { ...compiled, kind: kindOf(value), evaluate: () => value };
}

export function constantValue({ at, evaluate }: Compiled): Value {
  try {
    return evaluate(NOTHING);
  } catch (error) {
    throw refusal(at, error instanceof Error ? error.message : String(error), error);
  }
}

/** SyntaxError when the operand is known to be of another kind. */
export function mustBe(operand: Compiled, kinds: readonly Kind[], operator: string): void {
  const { kind } = operand;
  if (kind === 'any' || kinds.includes(kind)) return;
  throw refusal(operand.at, `${operator} takes ${kinds.join(' or ')}, not ${kind}`);
}

function isContainer(value: Value): value is Value[] | Map<string, Value> {
  return typeof value === 'object' && value !== null && !(value instanceof Double);
}
