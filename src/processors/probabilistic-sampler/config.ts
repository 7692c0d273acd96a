import * as z from 'zod';
import { DEFAULT_PRECISION, MIN_PROBABILITY } from '../../otlp/sampling/threshold.ts';

export const probabilisticSamplerConfig = () =>
  z
    .strictObject({
      sampling_percentage: z
        .number()
        .min(0, 'is a percentage: from 0, which keeps none, to 100, which keeps all')
        .refine((percentage) => percentage <= 0 || Math.fround(percentage) / 100 >= MIN_PROBABILITY, {
          message: 'is smaller than the smallest share that there is, 1 of 2^56; 0 keeps none',
        })
        .default(0)
        .describe(
          'Share of the traces, or log records, that is kept, in percent; 0 keeps none, 100 and more keep all. A float of 32 bits, as in the Collector.',
        ),
      mode: z
        .enum(['hash_seed', 'proportional', 'equalizing'])
        .default('hash_seed')
        .describe(
          'proportional keeps this share of what arrives, whatever was sampled before; equalizing thins what was sampled less before, so that all is kept with the same probability; hash_seed hashes the trace id, in 16384 buckets, and does not judge what was sampled before (see fail_closed).',
        ),
      hash_seed: z
        .number()
        .int()
        .min(0)
        .max(2 ** 32 - 1)
        .default(0)
        .describe(
          'For hash_seed: samplers with the same seed decide the same about a trace; those of another tier need another.',
        ),
      sampling_precision: z
        .number()
        .int()
        .min(1)
        .max(14)
        .default(DEFAULT_PRECISION)
        .describe('For proportional and equalizing: hexadecimal digits of the threshold, besides the leading ones.'),
      fail_closed: z
        .boolean()
        .default(true)
        .describe(
          'What becomes of an item that cannot be judged (no trace id, a malformed tracestate, a threshold that cannot be true, in hash_seed also one that was sampled before): true drops it, false keeps it.',
        ),
      attribute_source: z
        .enum(['traceID', 'record'])
        .default('traceID')
        .describe('Logs, hash_seed: what is hashed; record hashes from_attribute and looks at no trace id.'),
      from_attribute: z
        .string()
        .default('')
        .describe('Logs, hash_seed: the attribute that is hashed, with traceID only where there is no trace id.'),
      sampling_priority: z
        .string()
        .default('')
        .describe(
          'Logs: an attribute with a percentage above 0 and up to 100 that takes the place of sampling_percentage; empty: none. Spans have sampling.priority, 0 drops them and more keeps them.',
        ),
    })
    .superRefine(({ attribute_source, from_attribute }, context) => {
      if (attribute_source !== 'record' || from_attribute !== '') return;
      context.addIssue({
        code: 'custom',
        path: ['attribute_source'],
        message: 'record needs from_attribute, which says what of the record is hashed',
      });
    });

export type ProbabilisticSamplerConfig = z.output<ReturnType<typeof probabilisticSamplerConfig>>;
