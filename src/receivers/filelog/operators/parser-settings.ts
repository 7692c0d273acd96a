import * as z from 'zod';
import { csvReader } from './csv.ts';
import { namedPattern } from './named-groups.ts';
import { severityTable } from './severity.ts';
import { checked, common, field } from './settings.ts';
import { TimeParser } from './time-parser.ts';
import { timeOptions } from './time-options.ts';

/** Configurations of the operators that parse. */

const timeShape = () => ({
  parse_from: field().describe('Where the time stands.'),
  layout_type: z
    .enum(['strptime', 'gotime', 'epoch'], {
      error:
        'only strptime, gotime and epoch are available; native is for programs that use the Collector as a library',
    })
    .default('strptime')
    .describe('Language of the layout.'),
  layout: z.string().min(1).describe('How the time is written, such as %Y-%m-%dT%H:%M:%S.%L%z.'),
  location: z
    .string()
    .optional()
    .describe(
      'Zone of times that have none: UTC, Local, or an IANA name such as Europe/Berlin. Local if there is none; UTC when the layout ends in Z.',
    ),
  time_zone_locations: z
    .record(z.string(), z.string())
    .optional()
    .describe('IANA names by zone abbreviation, such as PDT: America/Los_Angeles, for layouts with %Z.'),
});

interface TimeShape {
  readonly layout_type: 'strptime' | 'gotime' | 'epoch';
  readonly layout: string;
  readonly location?: string | undefined;
  readonly time_zone_locations?: Readonly<Record<string, string>> | undefined;
}

function isTimeLayout(value: TimeShape, context: z.RefinementCtx): void {
  checked(context, () => new TimeParser(timeOptions(value)));
}

const severityShape = () => ({
  parse_from: field().describe('Where the severity stands.'),
  preset: z
    .enum(['default', 'otel', 'aliases', 'none'])
    .default('default')
    .describe('Values known beforehand: names and numbers of OpenTelemetry, and in default also warning and err.'),
  mapping: z
    .record(z.string(), z.unknown())
    .prefault({})
    .describe('Severity to values: texts, numbers, 5xx, {min, max}, or lists of them.'),
  overwrite_text: z.boolean().default(false).describe('Write the name of the severity instead of the text found.'),
});

interface SeverityShape {
  readonly preset: 'default' | 'otel' | 'aliases' | 'none';
  readonly mapping: Record<string, unknown>;
}

function isSeverity(value: SeverityShape, context: z.RefinementCtx): void {
  checked(context, () => severityTable(value));
}

/** The Collector's default is a key of the body, so a part that is not written down still has a place. */
function tracePart(key: string, digits: number) {
  return z
    .strictObject({ parse_from: field().prefault(`body.${key}`).describe(`Where ${digits} hex digits stand.`) })
    .prefault({});
}

const traceShape = () => ({
  trace_id: tracePart('trace_id', 32).describe('Trace id.'),
  span_id: tracePart('span_id', 16).describe('Span id.'),
  trace_flags: tracePart('trace_flags', 2).describe('Trace flags.'),
});

const timestamp = () => z.strictObject(timeShape()).superRefine(isTimeLayout);
const severity = () => z.strictObject(severityShape()).superRefine(isSeverity);
const trace = () => z.strictObject(traceShape());
const scopeName = () => z.strictObject({ parse_from: field().describe('Where the name of the scope stands.') });

const parser = () => ({
  ...common(),
  parse_from: field().prefault('body').describe('What is parsed.'),
  parse_to: field().prefault('attributes').describe('Where the result goes.'),
  body: field().optional().describe('Becomes the body after parsing.'),
  timestamp: timestamp().optional().describe('A time parser for the result.'),
  severity: severity().optional().describe('A severity parser for the result.'),
  trace: trace().optional().describe('A trace parser for the result.'),
  scope_name: scopeName().optional().describe('A scope name parser for the result.'),
});

interface ParserShape {
  readonly body?: object | undefined;
  readonly parse_to: { readonly root: string; readonly path: readonly string[] };
}

function isParser({ body, parse_to }: ParserShape, context: z.RefinementCtx): void {
  if (body === undefined || parse_to.root !== 'body' || parse_to.path.length > 0) return;
  context.addIssue({ code: 'custom', path: ['body'], message: 'parse_to is the body already; use one of the two' });
}

export const jsonParser = () =>
  z
    .strictObject({
      type: z.literal('json_parser').describe('Parses JSON objects.'),
      ...parser(),
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
    })
    .superRefine(isParser);

export const regexParser = () =>
  z
    .strictObject({
      type: z.literal('regex_parser').describe('Parses with a regular expression with named groups.'),
      ...parser(),
      regex: z
        .string()
        .superRefine((value, context) => void checked(context, () => namedPattern(value)))
        .describe("In Go's syntax; each named group, (?P<name>...) or (?<name>...), becomes a value."),
      cache: z
        .strictObject({ size: z.number().int().min(0).max(100_000).default(0).describe('Texts remembered at most.') })
        .prefault({})
        .describe('Results for texts that come again and again, such as paths.'),
    })
    .superRefine(isParser);

export const keyValueParser = () =>
  z
    .strictObject({
      type: z.literal('key_value_parser').describe('Parses pairs such as a=1 b="x y".'),
      ...parser(),
      delimiter: z.string().min(1).default('=').describe('Stands between key and value.'),
      pair_delimiter: z.string().default('').describe('Stands between pairs; whitespace if it is empty.'),
    })
    .superRefine(isParser)
    .superRefine(({ delimiter, pair_delimiter }, context) => {
      if (delimiter !== pair_delimiter) return;
      const message = 'delimiter and pair_delimiter must not be the same';
      context.addIssue({ code: 'custom', path: ['pair_delimiter'], message });
    });

export const logfmt = () =>
  z
    .strictObject({
      type: z.literal('logfmt').describe('Ours: parses logfmt. Values are texts; a key alone is true.'),
      ...parser(),
    })
    .superRefine(isParser);

export const csvParser = () =>
  z
    .strictObject({
      type: z.literal('csv_parser').describe('Parses comma-separated values.'),
      ...parser(),
      header: z.string().min(1).optional().describe('Names of the columns, between delimiters.'),
      header_attribute: z.string().min(1).optional().describe('The attribute that holds the names of the columns.'),
      delimiter: z.string().default(',').describe('One character between values.'),
      header_delimiter: z.string().optional().describe('One character between names; the delimiter if there is none.'),
      lazy_quotes: z.boolean().default(false).describe('A quote may stand inside a value, doubled or not.'),
      ignore_quotes: z.boolean().default(false).describe('Quotes mean nothing; values are split at the delimiter.'),
    })
    .superRefine(isParser)
    .superRefine((value, context) => void checked(context, () => csvReader(value)));

export const uriParser = () =>
  z
    .strictObject({
      type: z.literal('uri_parser').describe('Parses a URI, a path with a query, or a query that begins with ?.'),
      ...parser(),
    })
    .superRefine(isParser);

export const timeParser = () =>
  z
    .strictObject({ type: z.literal('time_parser').describe('Sets the time.'), ...common(), ...timeShape() })
    .superRefine(isTimeLayout);

export const severityParser = () =>
  z
    .strictObject({
      type: z.literal('severity_parser').describe('Sets the severity.'),
      ...common(),
      ...severityShape(),
    })
    .superRefine(isSeverity);

export const traceParser = () =>
  z.strictObject({
    type: z.literal('trace_parser').describe('Sets trace id, span id and flags.'),
    ...common(),
    ...traceShape(),
  });

export const scopeNameParser = () =>
  z.strictObject({
    type: z.literal('scope_name_parser').describe('Sets the name of the scope.'),
    ...common(),
    parse_from: field().prefault('body').describe('Where the name of the scope stands.'),
  });

export type TimeConfig = z.output<ReturnType<typeof timestamp>>;
export type SeverityConfig = z.output<ReturnType<typeof severity>>;
export type TraceConfig = z.output<ReturnType<typeof trace>>;
export type ScopeNameConfig = z.output<ReturnType<typeof scopeName>>;
export type JsonParserConfig = z.output<ReturnType<typeof jsonParser>>;
export type ParserConfig =
  | JsonParserConfig
  | z.output<ReturnType<typeof regexParser>>
  | z.output<ReturnType<typeof keyValueParser>>
  | z.output<ReturnType<typeof logfmt>>
  | z.output<ReturnType<typeof csvParser>>
  | z.output<ReturnType<typeof uriParser>>;
