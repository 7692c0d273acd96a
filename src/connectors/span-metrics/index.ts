import { defineConnector } from '../../core/component.ts';
import {
  DEFAULT_BUCKETS_MS,
  DEFAULT_MAX_SIZE,
  KEY_BYTES,
  spanMetricsConfig,
  type SpanMetricsConfig,
} from './config.ts';
import { spanMetricsMetrics } from './metrics.ts';

/** Of a series, besides its key and its distribution; and of an exemplar. */
const SERIES_BYTES = 320;
const EXEMPLAR_BYTES = 40;
const RESOURCES_BYTES = 2 * 2 ** 20;

/** Rates, errors and durations of spans, counted before any sampler: they stay exact however little is kept. */
export const spanMetricsConnector = defineConnector({
  type: 'span_metrics',
  aliases: ['spanmetrics'],
  summary: 'Counts spans and measures their durations by service, name, kind, status and further dimensions.',
  makes: { traces: ['metrics'] },
  config: spanMetricsConfig,
  metrics: spanMetricsMetrics,
  memory: (config) => [{ share: 'caches', bytes: mostBytes(config), path: ['aggregation_cardinality_limit'] }],
  async create(config, context) {
    const { SpanMetrics } = await import('./connector.ts');
    return new SpanMetrics(config, context);
  },
});

/**
 * Every series there may be, with one for what is beyond the limit in each resource and in the one of all others, and all of
 * them once more as the batches of a flush; and resources by their bytes.
 */
function mostBytes(config: SpanMetricsConfig): number {
  const { aggregation_cardinality_limit: limit, resource_metrics_cache_size: resources, histogram, exemplars } = config;
  const own = config.calls_dimensions.length + histogram.dimensions.length;
  const families = own > 0 && !histogram.disable ? 2 : 1;
  const buckets = histogram.disable ? 0 : bucketsOf(histogram);
  const named = exemplars.enabled ? exemplars.max_per_data_point * EXEMPLAR_BYTES : 0;
  const keyBytes = limit * families * KEY_BYTES;
  const seriesBytes = (limit + resources + 1) * (families * SERIES_BYTES + buckets * 8 + named);
  return RESOURCES_BYTES + 2 * (keyBytes + seriesBytes);
}

function bucketsOf({ explicit, exponential }: SpanMetricsConfig['histogram']): number {
  if (exponential !== undefined) return exponential?.max_size ?? DEFAULT_MAX_SIZE;
  return (explicit?.buckets ?? DEFAULT_BUCKETS_MS).length + 1;
}
