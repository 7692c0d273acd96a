import * as z from 'zod';
import { errorMessage } from '../../../core/errors.ts';
import { compileCondition, parseTemplateValue, type Condition, type Expression } from './expression/compile.ts';
import { parseField, type Field } from './field.ts';

/** What the configurations of operators are made of. */

/** A place in a record. */
export function field() {
  return z.string().transform((text, context): Field => checked(context, () => parseField(text)) ?? z.NEVER);
}

/** An expression that is true or false. */
export function condition() {
  return z.string().transform((text, context): Condition => checked(context, () => compileCondition(text)) ?? z.NEVER);
}

interface Complaints {
  addIssue(issue: { code: 'custom'; message: string }): void;
}

/** Runs a check that throws, as an issue of the configuration. */
export function checked<T>(context: Complaints, check: () => T): T | undefined {
  try {
    return check();
  } catch (error) {
    context.addIssue({ code: 'custom', message: errorMessage(error) });
    return undefined;
  }
}

/** A text that may hold EXPR(...). YAML numbers and booleans are taken as they are written. */
export function templateText() {
  return z
    .union([z.string(), z.number(), z.boolean()])
    .transform(
      (value, context): string | Expression => checked(context, () => parseTemplateValue(String(value))) ?? z.NEVER,
    );
}

/** A key that only says what to do instead. */
export function refused(message: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: 'custom', message, continue: false });
    })
    .transform(() => undefined)
    .describe('Not available.');
}

/** One id or several. */
export function outputs() {
  return z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .transform((output) => (typeof output === 'string' ? [output] : output));
}

export const idSetting = () =>
  z.string().min(1).optional().describe('A name for outputs and messages; the type if there is none.');

/** What every operator that hands entries on has. */
export const common = () => ({
  id: idSetting(),
  output: outputs()
    .optional()
    .describe('Ids of the operators that lines go to; the next in the list if there is none, noop for the end.'),
  if: condition()
    .optional()
    .describe('The operator works on lines for which this is true; others pass it by and go to its output.'),
  on_error: z
    .enum(['send', 'drop', 'send_quiet', 'drop_quiet'])
    .default('send')
    .describe(
      'What happens to a line that the operator fails on: sent as it is, or dropped; quiet logs it for debugging only.',
    ),
});
