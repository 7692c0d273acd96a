import * as z from 'zod';
import { errorMessage } from '../../core/errors.ts';
import { goPattern } from '../../core/go-pattern.ts';
import { duration } from '../../core/settings.ts';
import { SIGNALS } from '../../core/signal.ts';
import type { Pattern } from './places.ts';

const pattern = () =>
  z.string().transform((source, context): Pattern => {
    try {
      const compiled = goPattern(source);
      return { source, test: (text) => compiled.test(text) };
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) });
      return z.NEVER;
    }
  });

/** A check that is there or not. */
const only = () => z.boolean().refine((value) => value, 'can only be true; leave it out when it is not to be checked');

const share = () =>
  z
    .number()
    .min(0)
    .refine((value) => value <= 1, 'is a share, from 0 to 1: 5 % is 0.05')
    .optional();

const noAttribute = () =>
  z
    .strictObject({
      key: pattern().optional().describe('Regular expression of its key; every one when absent.'),
      value: pattern()
        .optional()
        .describe('Regular expression of its value as text. Alone, it counts for log bodies, names and messages, too.'),
      redacted: pattern()
        .optional()
        .describe(
          'Regular expression of keys, and of texts such as `body`, that `value` is not about where the recording took their values out. Others fail it: it cannot see them.',
        ),
    })
    .refine(
      ({ value, redacted }) => value !== undefined || redacted === undefined,
      'redacted is about a check by value',
    )
    .refine(({ key, value }) => key !== undefined || value !== undefined, 'names neither key nor value');

const maxSeries = () => {
  const limit = z.number().int().nonnegative();
  const ofMetric = z.strictObject({
    limit: limit.describe('Distinct series at most.'),
    metric: z.string().min(1).optional().describe('Name of the metric; all together when absent.'),
  });
  return z.union([limit, ofMetric]).transform((value) => (typeof value === 'number' ? { limit: value } : value));
};

const kept = () =>
  z
    .strictObject({
      signal: z.enum(SIGNALS).describe('Of which signal.'),
      at_least: share().describe('The smallest share, such as 0.05.'),
      at_most: share().describe('The largest share.'),
    })
    .refine(({ at_least: least, at_most: most }) => least !== undefined || most !== undefined, 'has no bound')
    .refine(({ at_least: least = 0, at_most: most = Infinity }) => least <= most, 'at_least is above at_most');

/** Rules that a replay is held to, whatever it was before: the `checks:` of a manifest. */
export const checkSettings = () =>
  z
    .strictObject({
      exporter: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Id of the exporter whose deliveries count; those of any when absent, but for `debug` beside others.',
        ),
      error_traces_kept: only()
        .optional()
        .describe('Every trace of the input with a span of status ERROR arrives, with all of its spans.'),
      no_attribute: noAttribute().optional().describe('No such attribute leaves: of a resource, scope, item or point.'),
      max_series: maxSeries().optional().describe('Distinct series of metrics at most, of an exporter.'),
      delivered_within: duration()
        .optional()
        .describe(
          'Time at most from arrival to delivery, of what is delivered: of a span since its request, of a log since it was observed, of a point since its time.',
        ),
      ledger_closes: only().optional().describe('Every item that came in is accounted for.'),
      kept: kept().optional().describe('Share of what the receivers took that the upstream takes of an exporter.'),
    })
    .refine((check) => Object.keys(check).some((key) => key !== 'exporter'), 'names no check');

export type CheckSettings = z.output<ReturnType<typeof checkSettings>>;
