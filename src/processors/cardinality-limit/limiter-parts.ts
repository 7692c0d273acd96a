import type { Batch } from '../../core/batch.ts';
import { repeat, type Timer } from '../../core/clock.ts';
import type { Processor, ProcessorContext } from '../../core/component.ts';
import { transformer, type Transformed } from '../../core/transform.ts';
import type { CardinalityLimitConfig } from './config.ts';
import { NO_EXPLANATION, type Explanation } from './explain/explanation.ts';
import { explainCardinality } from './explain/index.ts';
import { keptName } from './kept-name.ts';
import { BYTES_PER_METRIC, MetricBook, type MetricRule } from './metric-book.ts';
import { SeriesBook } from './series-book.ts';
import { meterTables } from './table-metrics.ts';

/** What limiters of series and of values are made of. */
export interface LimiterParts {
  readonly metrics: MetricBook;
  readonly book: SeriesBook;
  readonly explanation: Explanation;
  /** The attribute of resources that names their tenant. */
  readonly tenantAttribute: string | undefined;
  /** What the metadata of a batch says of its tenant. */
  tenantOf(batch: Batch): string | undefined;
}

/** `rememberedWindows`: for how long what has no place is known. */
export function limiterParts(
  config: CardinalityLimitConfig,
  context: ProcessorContext,
  { ruleOf, rememberedWindows }: { readonly ruleOf: (name: string) => MetricRule; readonly rememberedWindows: number },
): LimiterParts {
  const { per_tenant: tenants } = config;
  const metrics = new MetricBook({
    maxMetrics: config.max_metrics,
    maxTenants: tenants?.max_tenants ?? 1,
    tenantLimit: tenants?.limit ?? Number.POSITIVE_INFINITY,
    ruleOf,
  });
  const book = new SeriesBook({
    metrics,
    maxSeries: config.max_series,
    maxBytes: config.max_bytes - config.max_metrics * BYTES_PER_METRIC,
    rememberedWindows,
  });
  meterTables({ meter: context.meter, processor: context.id, pipeline: context.pipeline, book, metrics });
  return {
    metrics,
    book,
    explanation: explanationOf(config, context),
    tenantAttribute: tenants?.resource_attribute,
    tenantOf: tenantBy(tenants?.metadata),
  };
}

/** A processor that transforms each batch, with windows that end. */
export function windowed(
  { window: windowMs }: CardinalityLimitConfig,
  context: ProcessorContext,
  { book, explanation }: LimiterParts,
  transform: (batch: Batch) => Transformed,
): Processor {
  let windows: Timer | undefined;
  return {
    ...transformer(context, transform),
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
  { explain, near, window: windowMs, metrics, spans, logs }: CardinalityLimitConfig,
  context: ProcessorContext,
): Explanation {
  if (explain === false) return NO_EXPLANATION;
  return explainCardinality({ context, settings: explain, near, windowMs, own: { metrics, spans, logs } });
}

function tenantBy(header: string | undefined): (batch: Batch) => string | undefined {
  return header === undefined ? () => undefined : ({ metadata }) => keptName(metadata?.get(header) ?? '');
}
