import * as z from 'zod';
import { errorMessage } from '../../core/errors.ts';
import { goPattern } from '../../core/go-pattern.ts';
import { danglingReference, parseTemplate } from '../../core/go-template.ts';
import { AGGREGATION_TYPES, operation } from './operation-config.ts';

const transform = () =>
  z
    .strictObject({
      include: z.string().min(1, 'needs the name of a metric').describe('The metrics to transform.'),
      match_type: z
        .enum(['strict', 'regexp'])
        .default('strict')
        .describe('Whether include is a name or a pattern, which matches anywhere in the name; ^ and $ anchor it.'),
      experimental_match_labels: z
        .record(z.string(), z.string())
        .default({})
        .describe(
          'Only data points whose labels have these values (match_type regexp: match these patterns). A label that is not there is empty.',
        ),
      action: z
        .enum(['update', 'insert', 'combine', 'group'])
        .describe(
          'update changes the metrics; insert adds a changed copy of each; combine makes one metric of all that match; group moves them to a resource of their own.',
        ),
      new_name: z
        .string()
        .default('')
        .describe(
          'The name of the result; update: empty keeps it. With regexp, groups of include are $1 or ${name}, written $$1 and $${name} in YAML.',
        ),
      group_resource_labels: z
        .record(z.string().min(1), z.string())
        .optional()
        .describe('group: attributes that the new resource has besides those of the old.'),
      aggregation_type: z
        .enum(AGGREGATION_TYPES)
        .default('sum')
        .describe('combine: how points with the same labels and time are put together; histograms are always added.'),
      submatch_case: z
        .enum(['lower', 'upper'])
        .optional()
        .describe('combine: the case of label values that come from groups of include.'),
      operations: z
        .array(operation())
        .default([])
        .describe('What is done with the data points of the result, one after another.'),
    })
    .superRefine((value, context) => {
      for (const { path, message } of problemsOf(value)) context.addIssue({ code: 'custom', path, message });
    });

export type TransformConfig = z.output<ReturnType<typeof transform>>;

export const metricsTransformConfig = () =>
  z.strictObject({
    transforms: z
      .array(transform())
      .default([])
      .describe('Applied to the metrics of each scope one after another; each sees what the ones before it made.'),
  });

interface Problem {
  readonly path: (string | number)[];
  readonly message: string;
}

function* problemsOf(value: TransformConfig): Generator<Problem> {
  const { action, new_name: newName } = value;
  if (newName === '' && (action === 'insert' || action === 'combine')) {
    yield { path: ['new_name'], message: `is needed by ${action}` };
  }
  if (action === 'group') yield* groupProblems(value);
  else if (value.group_resource_labels !== undefined) {
    yield { path: ['group_resource_labels'], message: `has no effect with the action ${action}, only with group` };
  }
  if (value.submatch_case !== undefined && action !== 'combine') {
    yield { path: ['submatch_case'], message: `has no effect with the action ${action}, only with combine` };
  }
  if (value.match_type === 'regexp') yield* patternProblems(value);
}

function* groupProblems(value: TransformConfig): Generator<Problem> {
  if (value.group_resource_labels === undefined) {
    yield { path: ['group_resource_labels'], message: 'is needed by group' };
  }
  const advice = 'has no effect with the action group; use an update before it';
  if (value.operations.length > 0) yield { path: ['operations'], message: advice };
  if (value.new_name !== '') yield { path: ['new_name'], message: advice };
}

function* patternProblems(value: TransformConfig): Generator<Problem> {
  for (const [label, text] of Object.entries(value.experimental_match_labels)) {
    const found = compile(text);
    if (typeof found === 'string') yield { path: ['experimental_match_labels', label], message: found };
  }
  const pattern = compile(value.include);
  if (typeof pattern === 'string') yield { path: ['include'], message: pattern };
  else {
    const message = nameProblem(value, pattern);
    if (message !== undefined) yield { path: ['new_name'], message };
  }
}

function compile(text: string): RegExp | string {
  try {
    return goPattern(text);
  } catch (error) {
    return errorMessage(error);
  }
}

/** A reference that can only ever be empty swallows what it should have brought. */
function nameProblem({ action, include, new_name: text }: TransformConfig, pattern: RegExp): string | undefined {
  const template = parseTemplate(text);
  if (action === 'combine') {
    if (!template.some((part) => typeof part !== 'string')) return undefined;
    return 'has a group of include, but combine makes one metric of all: its groups become labels';
  }
  const group = danglingReference(template, pattern);
  if (group === undefined) return undefined;
  const [, digits, rest = ''] = /^(\d+)(.+)$/.exec(group) ?? [];
  const advice =
    digits === undefined
      ? 'the name would always lack it'
      : `write $$\{${digits}}${rest} in YAML for group ${digits} followed by "${rest}"`;
  return `$${group} means the group "${group}", which include "${include}" does not have; ${advice}`;
}
