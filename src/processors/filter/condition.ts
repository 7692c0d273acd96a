import type { Place } from '../../otlp/place.ts';
import type { Field, FieldValue } from '../../otlp/select.ts';
import { valueText } from '../../otlp/value-text.ts';

/** Says something about one item. Built once when the configuration is read, asked for every item. */
export type Condition = (place: Place) => boolean;

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** A side of a comparison: a field, or what the configuration wrote. */
export type Operand =
  { readonly kind: 'field'; readonly field: Field } | { readonly kind: 'literal'; readonly value: FieldValue };

export function all(conditions: readonly Condition[]): Condition {
  const [first, second, ...more] = conditions;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (more.length === 0) return (place) => first(place) && second(place);
  return (place) => {
    for (const condition of conditions) if (!condition(place)) return false;
    return true;
  };
}

export function any(conditions: readonly Condition[]): Condition {
  const [first, second, ...more] = conditions;
  if (first === undefined) return () => false;
  if (second === undefined) return first;
  if (more.length === 0) return (place) => first(place) || second(place);
  return (place) => {
    for (const condition of conditions) if (condition(place)) return true;
    return false;
  };
}

export function not(condition: Condition): Condition {
  return (place) => !condition(place);
}

export function compare(left: Operand, comparison: Comparison, right: Operand): Condition {
  if (left.kind === 'literal' && right.kind === 'literal') {
    const result = holds(left.value, comparison, right.value);
    return () => result;
  }
  if (left.kind === 'literal' && right.kind === 'field') return compare(right, MIRRORED[comparison], left);
  return compareField(mustField(left), comparison, right);
}

export function exists(field: Field): Condition {
  return (place) => field.read(place) !== undefined;
}

export function matches(field: Field, pattern: RegExp): Condition {
  return (place) => {
    const value = field.read(place);
    return value !== undefined && pattern.test(typeof value === 'string' ? value : valueText(value));
  };
}

/**
 * OTTL's rules: numbers compare as numbers whether integer or not; values of different types are unequal, and neither
 * is less. Absent equals absent alone.
 */
export function holds(left: FieldValue, comparison: Comparison, right: FieldValue): boolean {
  const order = orderOf(left, right);
  switch (comparison) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

function compareField(field: Field, comparison: Comparison, right: Operand): Condition {
  if (right.kind === 'field') {
    const other = right.field;
    return (place) => {
      // The left value is read in full before the right one is looked for.
      const value = field.read(place);
      return holds(value, comparison, other.read(place));
    };
  }
  const { value } = right;
  const { isText } = field;
  if (typeof value === 'string' && isText !== undefined) {
    const text = Buffer.from(value);
    if (comparison === '==') return (place) => isText(place, text);
    if (comparison === '!=') return (place) => !isText(place, text);
  }
  return (place) => holds(field.read(place), comparison, value);
}

function mustField(operand: Operand): Field {
  if (operand.kind !== 'field') throw new Error('BUG: a comparison without a field.');
  return operand.field;
}

/** Below, at or above 0; NaN when the two have no order. */
function orderOf(left: FieldValue, right: FieldValue): number {
  if (isNumeric(left) && isNumeric(right)) return left < right ? -1 : left > right ? 1 : left == right ? 0 : NaN;
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  return left === undefined && right === undefined ? 0 : NaN;
}

function isNumeric(value: FieldValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}
