import type { Batch } from '../../core/batch.ts';
import { repeat, type Timer } from '../../core/clock.ts';
import type { Processor, ProcessorContext } from '../../core/component.ts';
import { transformer } from '../../core/transform.ts';
import type { CardinalityLimitConfig } from './config.ts';
import { NO_EXPLANATION, type Explanation } from './explain/explanation.ts';
import { explainCardinality } from './explain/index.ts';
import { keptName } from './kept-name.ts';
import { Limiter } from './limiter.ts';
import { BYTES_PER_METRIC, MetricBook } from './metric-book.ts';
import { rulesOf } from './rules.ts';
import { SeriesBook } from './series-book.ts';
import { meterTables } from './table-metrics.ts';

/** The limiter of one pipeline, with its windows and what explains it. */
export function limiting(config: CardinalityLimitConfig, context: ProcessorContext): Processor {
  const { per_tenant: tenants, window: windowMs } = config;
  const metrics = new MetricBook({
    maxMetrics: config.max_metrics,
    maxTenants: tenants?.max_tenants ?? 1,
    tenantLimit: tenants?.limit ?? Number.POSITIVE_INFINITY,
    ruleOf: rulesOf(config),
  });
  const book = new SeriesBook({
    metrics,
    maxSeries: config.max_series,
    maxBytes: config.max_bytes - config.max_metrics * BYTES_PER_METRIC,
    rememberedWindows: Math.ceil(config.remember / windowMs),
  });
  const explanation = explanationOf(config, context);
  meterTables({ meter: context.meter, processor: context.id, pipeline: context.pipeline, book, metrics });
  const limiter = new Limiter({
    metrics,
    book,
    explanation,
    random: context.random,
    tenantAttribute: tenants?.resource_attribute,
    tenantOf: tenantBy(tenants?.metadata),
  });
  let windows: Timer | undefined;
  return {
    ...transformer(context, (batch) => limiter.transform(batch)),
    start() {
      windows = repeat(context.clock, () => windowMs, endWindow);
      return Promise.resolve();
    },
    stop() {
      windows?.cancel();
      explanation.stop();
      return Promise.resolve();
    },
  };

  function endWindow(): void {
    book.endWindow();
    explanation.windowEnded();
  }
}

function explanationOf(
  { explain, near, window: windowMs }: CardinalityLimitConfig,
  context: ProcessorContext,
): Explanation {
  return explain === false ? NO_EXPLANATION : explainCardinality({ context, settings: explain, near, windowMs });
}

function tenantBy(header: string | undefined): (batch: Batch) => string | undefined {
  return header === undefined ? () => undefined : ({ metadata }) => keptName(metadata?.get(header) ?? '');
}
