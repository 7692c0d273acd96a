import * as z from 'zod';
import { errorMessage } from '../../../core/errors.ts';
import { goPattern } from '../../../core/go-pattern.ts';
import { byteSize } from '../../../core/settings.ts';
import { eventOttlProblem, ottlProblem } from '../../filter/check-ottl.ts';

/**
 * The policies that consist of nothing but themselves, with the Collector's keys. Source: config.go of the Collector's
 * tailsamplingprocessor.
 */

const key = (what: string) => z.string().min(1).describe(`Name of ${what}.`);
const invert = () =>
  z.boolean().default(false).describe('Samples the traces of which nothing matches, also those without the attribute.');

/** Checks what several settings say together: `problem` gives what is wrong, and at which of them. */
type Problem = readonly [key: string, message: string];
function checked<S extends z.ZodType>(schema: S, problem: (value: z.output<S>) => Problem | undefined): S {
  return schema.superRefine((value, context) => {
    const found = problem(value);
    if (found !== undefined) context.addIssue({ code: 'custom', path: [found[0]], message: found[1] });
  });
}

const latency = () =>
  checked(
    z.strictObject({
      threshold_ms: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('Samples a trace that takes more whole milliseconds, from its first start to its last end.'),
      upper_threshold_ms: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('Samples none that takes more than this; 0 for no upper bound.'),
    }),
    ({ threshold_ms: lower, upper_threshold_ms: upper }) => {
      if (upper > 0 && upper <= lower)
        return ['upper_threshold_ms', 'must be above threshold_ms, or no trace is sampled'];
      return undefined;
    },
  );

const numericAttribute = () =>
  checked(
    z.strictObject({
      key: key('the attribute of the resource or the span'),
      min_value: z.number().int().default(0).describe('The least value that matches; 0 for no lower bound.'),
      max_value: z.number().int().default(0).describe('The largest value that matches; 0 for no upper bound.'),
      invert_match: invert(),
    }),
    ({ min_value: min, max_value: max }) => {
      if (min === 0 && max === 0) return ['min_value', 'set min_value, max_value or both; 0 sets no bound'];
      if (min !== 0 && max !== 0 && min > max) return ['max_value', 'must not be below min_value, or nothing matches'];
      return undefined;
    },
  );

const booleanAttribute = () =>
  z.strictObject({
    key: key('the attribute of the resource or the span'),
    value: z.boolean().default(false).describe('The value that matches.'),
    invert_match: invert(),
  });

const stringAttribute = () =>
  z
    .strictObject({
      key: key('the attribute of the resource or the span'),
      values: z.array(z.string().min(1)).min(1).describe('Texts that match, or patterns of which one has to be found.'),
      enabled_regex_matching: z
        .boolean()
        .default(false)
        .describe('Takes values as regular expressions of Go, found anywhere in the text unless anchored.'),
      cache_max_size: z
        .number()
        .int()
        .min(0)
        .max(100_000)
        .default(0)
        .describe('Texts whose match with the patterns is remembered; 0 for 128.'),
      invert_match: invert(),
    })
    .superRefine(({ values, enabled_regex_matching: isPattern }, context) => {
      if (!isPattern) return;
      values.forEach((value, index) => {
        const message = patternProblem(value);
        if (message !== undefined) context.addIssue({ code: 'custom', path: ['values', index], message });
      });
    });

function patternProblem(pattern: string): string | undefined {
  try {
    goPattern(pattern);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

const statusCode = () =>
  z.strictObject({
    status_codes: z
      .array(z.enum(['OK', 'ERROR', 'UNSET']))
      .min(1)
      .describe('Samples a trace when one of its spans has one of these.'),
  });

const probabilistic = () =>
  checked(
    z.strictObject({
      sampling_percentage: z.number().min(0).max(100).describe('Percentage of traces that is sampled.'),
      hash_salt: z
        .string()
        .default('')
        .describe('Samplers one after another need different ones, or the second keeps all that the first did.'),
      consistent: z
        .boolean()
        .default(false)
        .describe(
          'Ours: decides by the randomness of the trace (rv, or its id) as probabilistic_sampler does, rather than by ' +
            'the Collector’s hash of the id, so that record_threshold has a threshold to write.',
        ),
    }),
    ({ consistent, hash_salt: salt }) => {
      if (consistent && salt !== '') return ['hash_salt', 'has no effect with consistent, which hashes nothing'];
      return undefined;
    },
  );

const burst = (what: string) => z.number().int().positive().optional().describe(what);

const rateLimiting = () =>
  z.strictObject({
    spans_per_second: z.number().int().positive().describe('Spans each second; a trace is sampled whole or not.'),
    burst_capacity: burst('Spans that may be sampled at once; a larger trace never is. Twice the rate when absent.'),
  });

const bytesLimiting = () =>
  checked(
    z.strictObject({
      bytes_per_second: byteSize().describe('Bytes of spans each second; a trace is sampled whole or not.'),
      burst_capacity: byteSize()
        .optional()
        .describe('Bytes that may be sampled at once; a larger trace never is. Twice the rate when absent.'),
    }),
    ({ bytes_per_second: rate, burst_capacity: most }) => {
      if (rate === 0) return ['bytes_per_second', 'must be more than 0, or no trace is sampled'];
      return most === 0 ? ['burst_capacity', 'must be more than 0, or no trace is sampled'] : undefined;
    },
  );

const spanCount = () =>
  checked(
    z.strictObject({
      min_spans: z.number().int().nonnegative().default(0).describe('The fewest spans of a trace that is sampled.'),
      max_spans: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('The most spans of a trace that is sampled; 0 for no upper bound.'),
    }),
    ({ min_spans: min, max_spans: max }) => {
      if (min === 0 && max === 0) return ['min_spans', 'set min_spans, max_spans or both; 0 sets no bound'];
      return max !== 0 && max < min ? ['max_spans', 'must not be below min_spans, or no trace is sampled'] : undefined;
    },
  );

const MAX_TRACE_STATE_ENTRY = 256;

const traceState = () =>
  checked(
    z.strictObject({
      key: key('the entry of the tracestate'),
      values: z
        .array(z.string().min(1))
        .min(1)
        .describe('Samples a trace when a span’s entry has one of these values.'),
    }),
    ({ key: name, values }) => {
      if (values.every((value) => name.length + value.length < MAX_TRACE_STATE_ENTRY)) return undefined;
      return ['values', `an entry of a tracestate has less than ${MAX_TRACE_STATE_ENTRY} characters`];
    },
  );

const conditions = (problem: (text: string) => string | undefined) =>
  z
    .array(
      z.string().superRefine((text, context) => {
        const message = problem(text);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      }),
    )
    .default([]);

const ottlCondition = () =>
  checked(
    z.strictObject({
      error_mode: z
        .enum(['ignore', 'silent', 'propagate'])
        .default('ignore')
        .describe('Accepted as the Collector’s; the conditions understood here cannot fail on a span.'),
      span: conditions((text) => ottlProblem(text, 'traces', 'span')).describe(
        'Samples a trace when one of these OTTL conditions holds of one of its spans; those of filter.',
      ),
      spanevent: conditions(eventOttlProblem).describe(
        'Samples a trace when one of these holds of an event: name, attributes["key"], span.name and so on.',
      ),
    }),
    ({ span, spanevent }) => {
      if (span.length > 0 || spanevent.length > 0) return undefined;
      return ['span', 'write conditions on spans, on span events (spanevent) or on both'];
    },
  );

/** `name` is what names a policy where they stand. */
export function simpleKinds<N extends z.ZodType>(name: () => N) {
  const head = <T extends string>(type: T, summary: string) => ({
    name: name(),
    type: z.literal(type).describe(summary),
  });
  return [
    z.strictObject(head('always_sample', 'Samples every trace.')),
    z.strictObject({
      ...head('latency', 'Samples by how long the whole trace takes.'),
      latency: latency().describe('How long.'),
    }),
    z.strictObject({
      ...head('numeric_attribute', 'Samples a trace when a number of one of its resources or spans is in a range.'),
      numeric_attribute: numericAttribute().describe('Which range.'),
    }),
    z.strictObject({
      ...head('boolean_attribute', 'Samples a trace when an attribute of one of its resources or spans has a value.'),
      boolean_attribute: booleanAttribute().describe('Which value.'),
    }),
    z.strictObject({
      ...head('string_attribute', 'Samples a trace when a text of one of its resources or spans matches.'),
      string_attribute: stringAttribute().describe('What matches.'),
    }),
    z.strictObject({
      ...head('status_code', 'Samples a trace when one of its spans has a status.'),
      status_code: statusCode().describe('Which status.'),
    }),
    z.strictObject({
      ...head('probabilistic', 'Samples a share of the traces.'),
      probabilistic: probabilistic().describe('Which share.'),
    }),
    z.strictObject({
      ...head('rate_limiting', 'Samples as many spans each second.'),
      rate_limiting: rateLimiting().describe('How many.'),
    }),
    z.strictObject({
      ...head('bytes_limiting', 'Samples as many bytes each second.'),
      bytes_limiting: bytesLimiting().describe('How many.'),
    }),
    z.strictObject({
      ...head('span_count', 'Samples by how many spans the trace has.'),
      span_count: spanCount().describe('How many.'),
    }),
    z.strictObject({
      ...head('trace_state', 'Samples a trace when the tracestate of one of its spans has an entry.'),
      trace_state: traceState().describe('Which entry.'),
    }),
    z.strictObject(head('trace_flags', 'Samples a trace when one of its spans has the flag “sampled”.')),
    z.strictObject({
      ...head('ottl_condition', 'Samples a trace when a condition holds of one of its spans.'),
      ottl_condition: ottlCondition().describe('Which condition.'),
    }),
  ] as const;
}

/** A policy without others inside, with any name or none. */
export type SimplePolicy = z.output<ReturnType<typeof simpleKinds<z.ZodOptional<z.ZodString>>>[number]>;
