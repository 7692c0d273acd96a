import * as z from 'zod';
import { CREDENTIAL_HEADERS } from '../../core/batch.ts';
import { errorMessage } from '../../core/errors.ts';
import { byteSize, duration } from '../../core/settings.ts';
import { bucketFields, hasBuckets, NO_BUCKETS } from './bucket-settings.ts';
import { limitsIn, logLimits, spanLimits } from './items/settings.ts';
import { BYTES_PER_METRIC } from './metric-book.ts';
import { LEAST_BYTES_PER_SERIES } from './series-book.ts';
import { explainSettings } from './explain/settings.ts';
import { metricPattern } from './metric-pattern.ts';

const name = () => z.string().min(1).max(256);

export const OVERFLOW_MODES = ['merge', 'drop_label', 'bucket', 'drop'] as const;
export type OverflowMode = (typeof OVERFLOW_MODES)[number];

const limit = () => z.number().int().min(1).max(10_000_000);

const onOverflow = () => z.enum(OVERFLOW_MODES);

const dropLabels = () => z.union([z.literal('auto'), z.array(name()).min(1).max(64)]);

const bucket = () =>
  z
    .strictObject({
      labels: z.array(name()).min(1).max(64).optional().describe('Ours: of these labels alone; of all when absent.'),
      ...bucketFields(),
    })
    .refine(hasBuckets, NO_BUCKETS);

const perTenant = () =>
  z
    .strictObject({
      resource_attribute: name()
        .optional()
        .describe('Ours: the value of this attribute of the resource names the tenant.'),
      metadata: name()
        .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is not the name of a header')
        .transform((header) => header.toLowerCase())
        .refine((header) => !CREDENTIAL_HEADERS.has(header), 'is a credential, which is never carried')
        .optional()
        .describe(
          'Ours: the value of this request header names the tenant; needs include_metadata on the otlp receiver.',
        ),
      limit: limit().describe('Ours: series that one tenant may have, of all its metrics together.'),
      max_tenants: z
        .number()
        .int()
        .positive()
        .max(100_000)
        .default(1000)
        .describe('Ours: tenants with a limit of their own; what is beyond shares one.'),
    })
    .refine((value) => (value.resource_attribute === undefined) !== (value.metadata === undefined), {
      message: 'set either resource_attribute or metadata',
    });

const metricRule = () =>
  z.strictObject({
    match: z
      .string()
      .min(1)
      .superRefine((text, context) => {
        try {
          metricPattern(text);
        } catch (error) {
          context.addIssue({ code: 'custom', message: errorMessage(error) });
        }
      })
      .describe(
        'Ours: the name of a metric, in which * stands for any text and ? for one character; or, between slashes, a regular ' +
          'expression that matches all of the name.',
      ),
    limit: limit().optional().describe('Ours: series that each of these metrics may have; as for all when absent.'),
    on_overflow: onOverflow().optional().describe('Ours: what becomes of the series beyond; as for all when absent.'),
    drop_labels: dropLabels().optional().describe('Ours: for drop_label; as for all when absent.'),
    bucket: bucket().optional().describe('Ours: for bucket; as for all when absent.'),
  });

export const cardinalityLimitConfig = () =>
  z
    .strictObject({
      limit: limit()
        .default(2000)
        .describe(
          'Ours: series that a metric may have, of one service.name (and one tenant). As an SDK has it for one metric; ' +
            'the overflow series comes on top.',
        ),
      window: duration()
        .refine((ms) => ms >= 1000, 'must be at least 1s')
        .prefault('10m')
        .describe(
          'Ours: a series without a point for a whole window gives its place back at the end of it. Within a window what is ' +
            'kept and what is not never changes.',
        ),
      remember: duration()
        .prefault('1h')
        .describe(
          'Ours: for how long the last values of a cumulative series are known after its last point. One that returns ' +
            'within that time is counted exactly once, whether it has a place then or not.',
        ),
      max_series: limit()
        .default(50_000)
        .describe('Ours: series with a place of their own, of all metrics together; what is beyond overflows.'),
      max_metrics: limit()
        .default(5000)
        .describe(
          'Ours: metrics that are told apart, by tenant, service.name and name. The series of all others overflow at once.',
        ),
      max_bytes: byteSize()
        .prefault('16MiB')
        .describe('Ours: memory for all tables: series with a place, and what is remembered of the others.'),
      per_tenant: perTenant().optional().describe('Ours: a limit for each tenant besides those of metrics.'),
      on_overflow: onOverflow()
        .default('merge')
        .describe(
          'Ours: merge adds up what has no place in one series with the attribute otel.metric.overflow=true, so that totals ' +
            'stay right. drop_label and bucket do so in one series for each set of attributes that is left without the labels, ' +
            'or with values put together, beside otel.metric.overflow=true; what that does not change is merged. drop lets go ' +
            'of it, counted as cardinality.',
        ),
      drop_labels: dropLabels()
        .default('auto')
        .describe(
          'Ours: for drop_label: the labels, or auto for the fewest without which the metric would be within its limit; ' +
            'found once for each metric and window.',
        ),
      bucket: bucket().prefault({}).describe('Ours: for bucket: which values are put together.'),
      metrics: z
        .array(metricRule())
        .max(1000)
        .default([])
        .describe('Ours: other limits for metrics by name; the first that matches counts.'),
      spans: spanLimits()
        .optional()
        .describe(
          'Ours: limits for the values of attributes of spans, in pipelines of traces; needed there. Window, max_series (of ' +
            'values there), max_metrics (attributes of tenants), max_bytes, per_tenant, near and explain are as for series.',
        ),
      logs: logLimits().optional().describe('Ours: the same for log records, in pipelines of logs; needed there.'),
      near: z
        .number()
        .min(0.1)
        .max(1)
        .default(0.8)
        .describe('Ours: the share of its limit from which a metric is near it, and explained.'),
      explain: z
        .union([z.literal(false), explainSettings()])
        .prefault({})
        .describe(
          'Ours: which labels drive the metrics near or over their limit, found as series come; false for nothing.',
        ),
    })
    .superRefine((value, context) => {
      const issue = (path: (string | number)[], message: string): void =>
        context.addIssue({ code: 'custom', path, message });
      const { max_series: series, max_metrics: metrics, max_bytes: bytes, limit: one, remember, window } = value;
      const least = series * LEAST_BYTES_PER_SERIES + metrics * BYTES_PER_METRIC;
      if (bytes < least) {
        issue(
          ['max_bytes'],
          `is not enough: ${series} series of max_series and ${metrics} of max_metrics take ${least} bytes`,
        );
      }
      const tooMany = `must not be more than max_series, which is ${series}`;
      if (one > series) issue(['limit'], tooMany);
      value.metrics.forEach((rule, index) => {
        if ((rule.limit ?? 0) > series) issue(['metrics', index, 'limit'], tooMany);
      });
      for (const key of ['spans', 'logs'] as const) {
        const items = value[key];
        if (items === undefined) continue;
        const most = limitsIn(items).reduce((sum, each) => sum + each.limit, 0);
        if (most > series) issue([key], `may keep ${most} values, which is more than max_series, ${series}`);
      }
      const dropsFound = [value, ...value.metrics].some(
        (each) =>
          (each.on_overflow ?? value.on_overflow) === 'drop_label' &&
          (each.drop_labels ?? value.drop_labels) === 'auto',
      );
      if (value.explain === false && dropsFound)
        issue(['explain'], 'must not be false where drop_labels is auto: it is what finds them');
      if (remember < window) issue(['remember'], 'must not be less than window');
    });

export type CardinalityLimitConfig = z.output<ReturnType<typeof cardinalityLimitConfig>>;
