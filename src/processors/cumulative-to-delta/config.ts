import * as z from 'zod';
import { asError } from '../../core/errors.ts';
import { goPattern } from '../../core/go-pattern.ts';
import { duration } from '../../core/settings.ts';
import { maxBytes, maxStreams } from '../temporality/stream-settings.ts';

const METRIC_TYPES = ['sum', 'histogram', 'exponentialhistogram'] as const;
export type MetricType = (typeof METRIC_TYPES)[number];

const metricMatch = (what: string) =>
  z
    .strictObject({
      metrics: z.array(z.string().min(1)).default([]).describe('Names of metrics, or patterns of names.'),
      match_type: z
        .enum(['strict', 'regexp'])
        .optional()
        .describe('Whether metrics are names, or patterns that match anywhere in a name. Needed with metrics.'),
      regexp: z
        .strictObject({
          cacheenabled: z.boolean().optional().describe('Accepted; answers are always remembered here.'),
          cachemaxnumentries: z.number().int().nonnegative().optional().describe('Accepted; has no effect.'),
        })
        .nullable()
        .optional()
        .describe('Accepted for the Collector’s sake; has no effect.'),
      metric_types: z
        .array(
          z
            .string()
            .toLowerCase()
            .transform((text) => text.replace(/_/g, ''))
            .pipe(z.enum(METRIC_TYPES)),
        )
        .default([])
        .describe('Kinds of metrics: sum, histogram, exponentialhistogram.'),
    })
    .superRefine((value, issues) => {
      for (const { path, message } of problems(value)) issues.addIssue({ code: 'custom', path, message });
    })
    .prefault({})
    .describe(what);

interface Problem {
  readonly path: (string | number)[];
  readonly message: string;
}

function problems(value: { metrics: string[]; match_type?: 'strict' | 'regexp' | undefined }): Problem[] {
  const { metrics, match_type: type } = value;
  if (metrics.length > 0 && type === undefined) {
    return [{ path: ['match_type'], message: 'must be strict or regexp where metrics are given' }];
  }
  if (metrics.length === 0 && type !== undefined) {
    return [{ path: ['metrics'], message: 'must name at least one metric where match_type is given' }];
  }
  return type === 'regexp' ? metrics.flatMap(patternProblem) : [];
}

function patternProblem(pattern: string, index: number): Problem[] {
  try {
    goPattern(pattern);
    return [];
  } catch (error) {
    return [{ path: ['metrics', index], message: asError(error).message }];
  }
}

export const cumulativeToDeltaConfig = () =>
  z.strictObject({
    include: metricMatch('Metrics that are converted; all where it says nothing. Both its lists must fit.'),
    exclude: metricMatch('Metrics that are not converted, whatever include says. One of its lists must fit.'),
    initial_value: z
      .enum(['auto', 'keep', 'drop'])
      .default('auto')
      .describe(
        'What becomes of the first point of a stream. auto: it goes on where its start time says that all of it came about ' +
          'after this process had started, else it only begins the stream. keep: it goes on. drop: it only begins the stream.',
      ),
    max_staleness: duration()
      .prefault('1h')
      .describe(
        'A stream without points for this long is forgotten: its next point is a first one. 0 for never. 1h is ours: the ' +
          'Collector has 0 and no bound.',
      ),
    max_streams: maxStreams(),
    max_bytes: maxBytes(),
  });

export type CumulativeToDeltaConfig = z.output<ReturnType<typeof cumulativeToDeltaConfig>>;
export type MetricMatch = CumulativeToDeltaConfig['include'];
