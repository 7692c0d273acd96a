import * as z from 'zod';
import { parseField, type Field } from './field.ts';
import { linkProblems } from './links.ts';
import { severityTable } from './severity.ts';
import { TimeParser } from './time-parser.ts';

/** The operators that there are, with the Collector's names and keys. */

function field() {
  return z.string().transform((text, context): Field => checked(context, () => parseField(text)) ?? z.NEVER);
}

/** Runs a check that throws, as an issue of the configuration. */
function checked<T>(
  context: { addIssue(issue: { code: 'custom'; message: string }): void },
  check: () => T,
): T | undefined {
  try {
    return check();
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

function refused(message: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: 'custom', message });
    })
    .describe('Not available.');
}

const onError = z
  .enum(['send', 'drop', 'send_quiet', 'drop_quiet'])
  .default('send')
  .describe('What happens to a line that the operator fails on: sent as it is, or dropped; quiet without a log line.');

const outputs = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((output) => (typeof output === 'string' ? [output] : output));

const common = {
  id: z.string().min(1).optional().describe('A name for outputs and messages; the type if there is none.'),
  if: refused('conditions (if) are not available in Remora yet; use a filter processor after the receiver'),
  output: outputs.optional().describe('Ids of the operators that lines go to; the next in the list if there is none.'),
};

const timeShape = {
  parse_from: field().describe('Where the time stands.'),
  layout_type: z.enum(['strptime', 'gotime', 'epoch']).default('strptime').describe('Language of the layout.'),
  layout: z.string().min(1).describe('How the time is written, such as %Y-%m-%dT%H:%M:%S.%L%z.'),
  location: z
    .enum(['UTC', 'Local'], { error: 'only UTC and Local are available; write a zone into the time' })
    .default('Local')
    .describe('Zone of times that have none.'),
};

function isTimeLayout(
  value: { layout_type: 'strptime' | 'gotime' | 'epoch'; layout: string; location: 'UTC' | 'Local' },
  context: z.RefinementCtx,
): void {
  checked(
    context,
    () => new TimeParser({ layoutType: value.layout_type, layout: value.layout, location: value.location }),
  );
}

const severityShape = {
  parse_from: field().describe('Where the severity stands.'),
  preset: z
    .enum(['default', 'otel', 'none'])
    .default('default')
    .describe('Values known beforehand: names and numbers of OpenTelemetry, and in default also warning and err.'),
  mapping: z
    .record(z.string(), z.unknown())
    .prefault({})
    .describe('Severity to values: texts, numbers, 5xx, {min, max}, or lists of them.'),
  overwrite_text: z.boolean().default(false).describe('Write the name of the severity instead of the text found.'),
};

function isSeverity(
  value: { preset: 'default' | 'otel' | 'none'; mapping: Record<string, unknown> },
  context: z.RefinementCtx,
): void {
  checked(context, () => severityTable(value));
}

const timestamp = z.strictObject(timeShape).superRefine(isTimeLayout);
const severity = z.strictObject(severityShape).superRefine(isSeverity);
const traceShape = {
  trace_id: z
    .strictObject({ parse_from: field().describe('32 hex digits.') })
    .optional()
    .describe('Trace id.'),
  span_id: z
    .strictObject({ parse_from: field().describe('16 hex digits.') })
    .optional()
    .describe('Span id.'),
  trace_flags: z
    .strictObject({ parse_from: field().describe('Two hex digits.') })
    .optional()
    .describe('Trace flags.'),
};

const parser = {
  ...common,
  on_error: onError,
  parse_from: field().prefault('body').describe('What is parsed.'),
  parse_to: field().prefault('attributes').describe('Where the result goes.'),
  timestamp: timestamp.optional().describe('A time parser for the result.'),
  severity: severity.optional().describe('A severity parser for the result.'),
  trace: z.strictObject(traceShape).optional().describe('A trace parser for the result.'),
};

const jsonParser = z.strictObject({
  type: z.literal('json_parser').describe('Parses JSON objects.'),
  ...parser,
  parse_ints: z
    .boolean()
    .default(true)
    .describe('Whole numbers become integers, exact up to 64 bits. Ours is on; the Collector makes them doubles.'),
  trace_context: z
    .enum(['move', 'copy', 'off'])
    .default('move')
    .describe(
      'Ours: trace_id, span_id and trace_flags of the result become those of the record, leaving the attributes.',
    ),
});

const regexParser = z.strictObject({
  type: z.literal('regex_parser').describe('Parses with a regular expression with named groups.'),
  ...parser,
  regex: z
    .string()
    .superRefine((value, context) => void checked(context, () => namedRegex(value)))
    .describe('Each named group, (?P<name>...) or (?<name>...), becomes a value.'),
});

/** Go's named groups are JavaScript's without the P. Throws SyntaxError. */
export function namedRegex(source: string): RegExp {
  const regex = new RegExp(source.replaceAll('(?P<', '(?<'), 'u');
  if (!/\(\?<[^=!]/.test(source.replaceAll('(?P<', '(?<'))) throw new SyntaxError('the regex has no named group');
  return regex;
}

const severityParser = z
  .strictObject({
    type: z.literal('severity_parser').describe('Sets the severity.'),
    ...common,
    on_error: onError,
    ...severityShape,
  })
  .superRefine(isSeverity);
const timeParser = z
  .strictObject({
    type: z.literal('time_parser').describe('Sets the time.'),
    ...common,
    on_error: onError,
    ...timeShape,
  })
  .superRefine(isTimeLayout);
const traceParser = z.strictObject({
  type: z.literal('trace_parser').describe('Sets trace id, span id and flags.'),
  ...common,
  on_error: onError,
  ...traceShape,
});
const move = z.strictObject({
  type: z.literal('move').describe('Moves a value.'),
  ...common,
  on_error: onError,
  from: field().describe('Where it is.'),
  to: field().describe('Where it goes.'),
});
const copy = move.extend({ type: z.literal('copy').describe('Copies a value.') });
const remove = z.strictObject({
  type: z.literal('remove').describe('Removes a value.'),
  ...common,
  on_error: onError,
  field: field().describe('What is removed.'),
});
const add = z.strictObject({
  type: z.literal('add').describe('Adds a value.'),
  ...common,
  on_error: onError,
  field: field().describe('Where it goes.'),
  value: z
    .union([z.string(), z.number(), z.boolean()])
    .refine((value) => typeof value !== 'string' || !value.startsWith('EXPR('), 'expressions (EXPR) are not available')
    .describe('A text, number or boolean.'),
});
const retain = z.strictObject({
  type: z.literal('retain').describe('Removes everything else.'),
  ...common,
  on_error: onError,
  fields: z.array(field()).min(1).describe('What stays. Roots that are not named stay whole.'),
});
const noop = z.strictObject({ type: z.literal('noop').describe('Does nothing.'), ...common });

const operator = z.discriminatedUnion(
  'type',
  [jsonParser, regexParser, severityParser, timeParser, traceParser, move, copy, remove, add, retain, noop],
  {
    error:
      'no such operator; there are json_parser, regex_parser, severity_parser, time_parser, trace_parser, move, copy, remove, add, retain and noop',
  },
);

export const operatorsSetting = z
  .array(operator)
  .superRefine((operators, context) => {
    for (const { path, message } of linkProblems(operators))
      context.addIssue({ code: 'custom', path: [...path], message });
  })
  .default([])
  .describe('Steps that parse and change records, in order, or as their outputs say.');

export type OperatorConfig = z.output<typeof operator>;
export type ParserConfig = z.output<typeof jsonParser> | z.output<typeof regexParser>;
export type JsonParserConfig = z.output<typeof jsonParser>;
export type TimeConfig = z.output<typeof timestamp>;
export type SeverityConfig = z.output<typeof severity>;
export type TraceConfig = { readonly [K in keyof typeof traceShape]?: { readonly parse_from: Field } | undefined };
