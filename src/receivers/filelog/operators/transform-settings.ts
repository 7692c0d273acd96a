import * as z from 'zod';
import { goPattern } from '../../../core/go-pattern.ts';
import type { Value } from './entry.ts';
import { parseTemplateValue, type Expression } from './expression/compile.ts';
import type { Field } from './field.ts';
import { checked, common, field } from './settings.ts';
import { yamlValue } from './yaml-value.ts';

/** Configurations of the operators that change what is there. */

export const move = () =>
  z.strictObject({
    type: z.literal('move').describe('Moves a value.'),
    ...common(),
    from: field().describe('Where it is.'),
    to: field().describe('Where it goes. The keys of a map are merged into a map that is there.'),
  });

export const copy = () => move().extend({ type: z.literal('copy').describe('Copies a value.') });

export const remove = () =>
  z.strictObject({
    type: z.literal('remove').describe('Removes a value.'),
    ...common(),
    field: field().describe('What is removed; attributes or resource for all of them.'),
  });

export const add = () =>
  z.strictObject({
    type: z.literal('add').describe('Adds a value.'),
    ...common(),
    field: field().describe('Where it goes.'),
    value: z
      .unknown()
      .transform((value, context): Value | Expression => {
        if (value === undefined) context.addIssue({ code: 'custom', message: 'a value is required' });
        const isTemplate = typeof value === 'string' && value.startsWith('EXPR(');
        return checked(context, () => (isTemplate ? parseTemplateValue(value) : yamlValue(value ?? null))) ?? null;
      })
      .describe('Anything that YAML can write, or EXPR(...) with an expression.'),
  });

export const retain = () =>
  z.strictObject({
    type: z.literal('retain').describe('Removes everything else.'),
    ...common(),
    fields: z
      .array(field())
      .min(1)
      .describe('What stays. Body, attributes or resource stay whole when no field is in them.'),
  });

function belowRoot({ path }: Field, context: z.RefinementCtx): void {
  if (path.length > 0) return;
  context.addIssue({ code: 'custom', message: 'name a field in body, attributes or resource, such as body.request' });
}

export const flatten = () =>
  z.strictObject({
    type: z.literal('flatten').describe('Moves what is in a map one level up.'),
    ...common(),
    field: field().superRefine(belowRoot).describe('The map.'),
  });

export const assignKeys = () =>
  z.strictObject({
    type: z.literal('assign_keys').describe('Makes a map of a list.'),
    ...common(),
    field: field().describe('The list.'),
    keys: z.array(z.string()).min(1).describe('Keys of the values, as many as there are.'),
  });

export const unquote = () =>
  z.strictObject({
    type: z.literal('unquote').describe('Takes the quotes off a text, with the escapes of Go.'),
    ...common(),
    field: field().describe('The text.'),
  });

export const sanitizeUtf8 = () =>
  z.strictObject({
    type: z
      .literal('sanitize_utf8')
      .describe('Accepted: text is always valid UTF-8 here, and broken pairs of \\u escapes become U+FFFD.'),
    ...common(),
    field: field().prefault('body').describe('The text.'),
  });

export const regexReplace = () =>
  z
    .strictObject({
      type: z.literal('regex_replace').describe('Replaces what a regular expression matches.'),
      ...common(),
      field: field().describe('The text.'),
      regex: z
        .string()
        .min(1)
        .superRefine((value, context) => void checked(context, () => goPattern(value)))
        .optional()
        .describe("What is replaced, in Go's syntax."),
      regex_name: z
        .enum(['ansi_control_sequences'])
        .optional()
        .describe('Terminal colours and the like, instead of regex.'),
      replace_with: z.string().default('').describe('What stands there then; ${1} and ${name} are groups.'),
    })
    .superRefine(({ regex, regex_name }, context) => {
      if ((regex === undefined) !== (regex_name === undefined)) return;
      context.addIssue({ code: 'custom', message: 'give one of regex and regex_name' });
    });

export type RegexReplaceConfig = z.output<ReturnType<typeof regexReplace>>;
