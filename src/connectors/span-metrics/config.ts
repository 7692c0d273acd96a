import * as z from 'zod';
import { duration, durationText } from '../../core/settings.ts';

/** What every series has, unless it is excluded. */
export const DEFAULT_DIMENSIONS = ['service.name', 'span.name', 'span.kind', 'status.code', 'collector.instance.id'];

/** As the Collector's. */
export const DEFAULT_MAX_SIZE = 160;
export const DEFAULT_BUCKETS_MS = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000];

const MAX_BUCKETS = 1000;
/** Bytes of dimensions that a series may have on the average; what is beyond counts in the overflow series. */
export const KEY_BYTES = 1024;

const dimension = () =>
  z.strictObject({
    name: z.string().min(1).describe('Attribute of the span or, where it has none of that name, of its resource.'),
    default: z.string().optional().describe('Value where neither has it; the dimension is left out when absent.'),
  });

const dimensions = () => z.array(dimension()).default([]);

const explicit = () =>
  z.strictObject({
    buckets: z
      .array(duration())
      .max(MAX_BUCKETS)
      .prefault(DEFAULT_BUCKETS_MS.map(durationText))
      .describe('Upper bounds of the buckets, as durations that grow.'),
  });

const exponential = () =>
  z.strictObject({
    max_size: z
      .number()
      .int()
      .min(2)
      .max(16_384)
      .default(DEFAULT_MAX_SIZE)
      .describe('Most buckets; wider ones are used from there on.'),
  });

const histogram = () =>
  z
    .strictObject({
      disable: z.boolean().default(false).describe('Only calls are counted.'),
      unit: z.enum(['ms', 's']).default('ms').describe('Unit of durations.'),
      dimensions: dimensions().describe('Further dimensions of durations alone.'),
      explicit: explicit().nullable().optional().describe('Buckets with fixed bounds; this is the default.'),
      exponential: exponential().nullable().optional().describe('Buckets whose width adapts to the durations.'),
    })
    .refine((value) => value.explicit === undefined || value.exponential === undefined, {
      message: 'has both explicit and exponential buckets; remove one of them',
    });

const limited = (fallback: number) => z.number().int().min(1).default(fallback);

export const spanMetricsConfig = () =>
  z
    .strictObject({
      namespace: z
        .string()
        .default('traces.span.metrics')
        .describe('Stands, with a point, before the names calls and duration; may be empty.'),
      dimensions: dimensions().describe('Further dimensions of calls and durations.'),
      calls_dimensions: dimensions().describe('Further dimensions of calls alone.'),
      exclude_dimensions: z
        .array(z.string())
        .default([])
        .describe(`Default dimensions to leave out: ${DEFAULT_DIMENSIONS.join(', ')}.`),
      include_instrumentation_scope: z
        .array(z.string().min(1))
        .default([])
        .describe('Scopes whose name and version are dimensions of their spans.'),
      histogram: histogram().prefault({}).describe('How durations are measured.'),
      exemplars: z
        .strictObject({
          enabled: z.boolean().default(false).describe('Durations name some of their spans.'),
          max_per_data_point: z.number().int().min(1).max(100).default(5).describe('Most exemplars of a point.'),
        })
        .prefault({})
        .describe('Spans that stand for others.'),
      events: z
        .strictObject({
          enabled: z.boolean().default(false).describe('Must be false: events of spans are not counted.'),
          dimensions: dimensions().describe('Has no effect.'),
        })
        .prefault({})
        .describe('Counting events of spans is not available.'),
      aggregation_temporality: z
        .enum(['AGGREGATION_TEMPORALITY_CUMULATIVE', 'AGGREGATION_TEMPORALITY_DELTA'])
        .default('AGGREGATION_TEMPORALITY_CUMULATIVE')
        .describe('Whether a point counts since the series began, or since the point before.'),
      metrics_flush_interval: duration().prefault('60s').describe('How often the metrics are sent.'),
      flush_jitter: z
        .number()
        .min(0)
        .max(1)
        .default(0.1)
        .describe(
          'Ours: each flush falls uniformly inside plus or minus this fraction of the interval, the first one anywhere before.',
        ),
      metrics_expiration: duration()
        .prefault('0s')
        .describe('The series of a resource end when it had no span for so long; 0 is never.'),
      series_expiration: duration()
        .prefault('0s')
        .describe('A series ends when it had no span for so long; 0 is never.'),
      aggregation_cardinality_limit: limited(2000).describe(
        'Most series of each metric, over all resources; what is beyond counts in one series of its resource, with otel.metric.overflow. The Collector has no limit unless told.',
      ),
      resource_metrics_cache_size: limited(1000).describe(
        'Most resources told apart; what is beyond counts in one without attributes.',
      ),
      resource_metrics_key_attributes: z
        .array(z.string().min(1))
        .default([])
        .describe('Attributes that tell resources apart, and the only ones that are sent; all of them when empty.'),
      add_resource_attributes: z
        .boolean()
        .default(true)
        .describe('Metrics have the resource of their spans; without it, series of all resources are one.'),
      adjusted: z
        .boolean()
        .default(true)
        .describe(
          'Ours: a span that was sampled, as ot=th in its tracestate says, counts for those that were not; the Collector always does so.',
        ),
    })
    .superRefine((value, context) => {
      const issue = (path: readonly (string | number)[], message: string): void =>
        context.addIssue({ code: 'custom', path: [...path], message });
      checkDimensions(value, issue);
      checkBuckets(value.histogram, issue);
      if (value.events.enabled) {
        issue(['events', 'enabled'], 'events of spans are not counted; remove it, and count them in the upstream');
      }
      if (value.exemplars.enabled && value.histogram.disable) {
        issue(
          ['exemplars', 'enabled'],
          'durations have exemplars, and histogram.disable leaves none; remove one of them',
        );
      }
      if (value.metrics_flush_interval <= 0) issue(['metrics_flush_interval'], 'must be more than 0');
      if (!value.add_resource_attributes && value.resource_metrics_key_attributes.length > 0) {
        issue(
          ['resource_metrics_key_attributes'],
          'tells resources apart that add_resource_attributes: false makes one; remove one of them',
        );
      }
    });

export type SpanMetricsConfig = z.output<ReturnType<typeof spanMetricsConfig>>;

type AddIssue = (path: readonly (string | number)[], message: string) => void;

function checkDimensions(
  value: Pick<SpanMetricsConfig, 'dimensions' | 'calls_dimensions' | 'exclude_dimensions' | 'histogram'>,
  issue: AddIssue,
): void {
  const common = new Set(DEFAULT_DIMENSIONS);
  const check = (list: readonly { name: string }[], path: readonly (string | number)[], taken: Set<string>): void => {
    list.forEach(({ name }, index) => {
      if (taken.has(name)) issue([...path, index, 'name'], `"${name}" is a dimension already; remove it`);
      taken.add(name);
    });
  };
  check(value.dimensions, ['dimensions'], common);
  check(value.calls_dimensions, ['calls_dimensions'], new Set(common));
  check(value.histogram.dimensions, ['histogram', 'dimensions'], new Set(common));
  value.exclude_dimensions.forEach((name, index) => {
    if (DEFAULT_DIMENSIONS.includes(name)) return;
    issue(
      ['exclude_dimensions', index],
      `"${name}" is no default dimension; those are ${DEFAULT_DIMENSIONS.join(', ')}`,
    );
  });
}

function checkBuckets({ explicit: fixed }: SpanMetricsConfig['histogram'], issue: AddIssue): void {
  fixed?.buckets.forEach((bound, index) => {
    const before = fixed.buckets[index - 1] ?? -1;
    if (bound <= before) issue(['histogram', 'explicit', 'buckets', index], 'is not more than the one before it');
  });
}
