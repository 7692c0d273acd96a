import * as z from 'zod';
import { parseDuration } from '../../core/settings.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import { selectField } from '../../otlp/select-fields.ts';
import { parsePath } from '../../otlp/select-path.ts';
import type { Field } from '../../otlp/select.ts';
import { asError } from '../../core/errors.ts';
import { goPattern } from '../../core/go-pattern.ts';
import { all, any, compare, exists, matches, not, type Condition } from './condition.ts';
import { ENUM_NUMBERS } from './enums.ts';

/** Conditions as a structure: ours, under `drop`. */

const scalar = () => z.union([z.string(), z.number(), z.boolean()]);

export function structuredCondition() {
  const condition = z
    .strictObject({
      field: z
        .string()
        .optional()
        .describe('A field: name, kind, status.code, body, severity_number, metric.name, attributes["key"] and so on.'),
      op: z
        .enum(['==', '!=', '<', '<=', '>', '>=', 'matches', 'exists', 'in'])
        .default('==')
        .describe('How the field is compared with value.'),
      value: z
        .union([scalar(), z.array(scalar())])
        .optional()
        .describe(
          'A text, number or boolean; a list for in; a pattern for matches; true or false (default true) for exists. ' +
            'Enum names such as SPAN_KIND_SERVER stand for their numbers, texts such as 250ms for a duration.',
        ),
      get any() {
        return z.array(condition).min(1).optional().describe('Holds when one of these does.');
      },
      get all() {
        return z.array(condition).min(1).optional().describe('Holds when all of these do.');
      },
      get not() {
        return condition.optional().describe('Holds when this does not.');
      },
    })
    .superRefine((node, context) => {
      const problem = problemOf(node);
      if (problem !== undefined) context.addIssue({ code: 'custom', ...problem });
    });
  return condition;
}

export type Structured = z.output<ReturnType<typeof structuredCondition>>;
type Scalar = z.output<ReturnType<typeof scalar>>;

/** The condition for items of `signal`; undefined when they lack one of its fields, so that it says nothing of them. */
export function compileStructured(node: Structured, signal: Signal): Condition | undefined {
  if (node.any !== undefined) return compileAll(node.any, signal, any);
  if (node.all !== undefined) return compileAll(node.all, signal, all);
  if (node.not !== undefined) {
    const inner = compileStructured(node.not, signal);
    return inner === undefined ? undefined : not(inner);
  }
  const parsed = parsePath(node.field ?? '');
  const field = parsed.ok ? selectField(signal, parsed.path) : undefined;
  return field === undefined ? undefined : compileLeaf(node, field);
}

function compileAll(
  nodes: readonly Structured[],
  signal: Signal,
  combine: (conditions: readonly Condition[]) => Condition,
): Condition | undefined {
  const conditions: Condition[] = [];
  for (const node of nodes) {
    const condition = compileStructured(node, signal);
    if (condition === undefined) return undefined;
    conditions.push(condition);
  }
  return combine(conditions);
}

function compileLeaf(node: Structured, field: Field): Condition {
  const { op, value } = node;
  switch (op) {
    case 'exists':
      return value === false ? not(exists(field)) : exists(field);
    case 'matches':
      return matches(field, goPattern(String(value)));
    case 'in':
      return any(
        (Array.isArray(value) ? value : []).map((each) =>
          compare({ kind: 'field', field }, '==', { kind: 'literal', value: literalOf(node.field, each) }),
        ),
      );
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const literal = Array.isArray(value) || value === undefined ? undefined : literalOf(node.field, value);
      return compare({ kind: 'field', field }, op, { kind: 'literal', value: literal });
    }
  }
}

function literalOf(field: string | undefined, value: Scalar): Scalar {
  if (typeof value !== 'string') return value;
  if (field === 'duration' || field === 'span.duration') return parseDuration(value) ?? value;
  return ENUM_NUMBERS.get(value) ?? value;
}

interface Problem {
  readonly path: string[];
  readonly message: string;
}

function problemOf(node: Structured): Problem | undefined {
  const forms = [node.field, node.any, node.all, node.not].filter((form) => form !== undefined);
  if (forms.length !== 1) return { path: [], message: 'needs exactly one of field, any, all and not' };
  if (node.field === undefined) return undefined;
  const parsed = parsePath(node.field);
  if (!parsed.ok) return { path: ['field'], message: `at character ${parsed.at + 1}: ${parsed.message}` };
  if (parsed.end < node.field.length) {
    return { path: ['field'], message: `at character ${parsed.end + 1}: expected the end of the field` };
  }
  if (!SIGNALS.some((signal) => selectField(signal, parsed.path) !== undefined)) {
    return { path: ['field'], message: `"${node.field}" is not a field of spans, log records or data points` };
  }
  return valueProblem(node);
}

function valueProblem({ op, value }: Structured): Problem | undefined {
  const path = ['value'];
  switch (op) {
    case 'exists':
      return value === undefined || typeof value === 'boolean'
        ? undefined
        : { path, message: 'exists takes true or false' };
    case 'in':
      return Array.isArray(value) ? undefined : { path, message: 'in takes a list' };
    case 'matches':
      return typeof value === 'string' ? patternProblem(value) : { path, message: 'matches takes a pattern' };
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return value === undefined || Array.isArray(value)
        ? { path, message: `${op} takes one text, number or boolean` }
        : undefined;
  }
}

function patternProblem(pattern: string): Problem | undefined {
  try {
    goPattern(pattern);
    return undefined;
  } catch (error) {
    return { path: ['value'], message: asError(error).message };
  }
}
