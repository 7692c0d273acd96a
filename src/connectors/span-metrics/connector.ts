import type { Batch } from '../../core/batch.ts';
import type { Connector, ConnectorContext, Reservation } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import type { Count } from '../../core/meter.ts';
import { badData } from '../../core/transform.ts';
import { ACCEPTED, retry, type Verdict } from '../../core/verdict.ts';
import { KEY_BYTES, type SpanMetricsConfig } from './config.ts';
import { dimensionsOf } from './dimensions.ts';
import { durationsOf } from './durations.ts';
import { Flusher } from './flusher.ts';
import { OVERFLOWED, SERIES, UNTAKEN } from './metrics.ts';
import { Observer } from './observer.ts';
import { PointWriter } from './point-writer.ts';
import { Resources } from './resources.ts';
import { ByteBudget, SeriesTable, type Group, type Series } from './series.ts';

/**
 * Counts spans and measures their durations, by series, and sends the counts at intervals. Takes every batch at once and
 * keeps nothing of it.
 *
 *   batch ──► observer ──► resources, tables ──► series        every interval: series ──► point-writer ──► flusher ──► next
 *
 * Invariant: a span is in `calls` of one series of each family from the moment its batch was accepted. With delta
 * temporality a flush moves the counts out into the batches it makes, which the flusher holds until somebody has decided
 * on them; a cumulative series goes on, and ends only after its last counts were sent.
 */
export class SpanMetrics implements Connector {
  readonly #config: SpanMetricsConfig;
  readonly #context: ConnectorContext;
  readonly #resources: Resources;
  readonly #tables: readonly SeriesTable[];
  readonly #observer: Observer;
  readonly #writer: PointWriter;
  readonly #flusher: Flusher;
  readonly #overflowed: Count;
  readonly #isDelta: boolean;
  /** When the present interval began, wall clock, and its number. */
  #sinceMs: number;
  #interval = 0;
  #toldOfLimit = false;
  #isStopped = false;

  constructor(config: SpanMetricsConfig, context: ConnectorContext) {
    this.#config = config;
    this.#context = context;
    this.#isDelta = config.aggregation_temporality === 'AGGREGATION_TEMPORALITY_DELTA';
    this.#sinceMs = context.clock.now();
    const dimensions = dimensionsOf(config);
    const { families, common } = dimensions;
    const limit = config.aggregation_cardinality_limit;
    const budget = new ByteBudget(families.length * limit * KEY_BYTES);
    const durations = durationsOf(config);
    this.#resources = new Resources({
      dimensions: [...common, ...families.flatMap(({ own }) => own)],
      keyAttributes: keyAttributesOf(config),
      families: families.length,
      limit: config.resource_metrics_cache_size,
      budget,
    });
    this.#tables = families.map((family, index) => {
      const startMs = (): number => this.#sinceMs;
      return new SeriesTable({
        family: index,
        limit,
        budget,
        durations: family.durations ? durations : undefined,
        startMs,
      });
    });
    this.#observer = new Observer({
      dimensions,
      resources: this.#resources,
      tables: this.#tables,
      nsPerUnit: config.histogram.unit === 's' ? 1e9 : 1e6,
      maxExemplars: config.exemplars.enabled ? config.exemplars.max_per_data_point : 0,
      adjusted: config.adjusted,
      random: context.random,
    });
    this.#writer = new PointWriter({
      dimensions,
      namespace: config.namespace,
      unit: config.histogram.unit,
      isDelta: this.#isDelta,
      instanceId: config.exclude_dimensions.includes('collector.instance.id') ? undefined : context.instanceId,
    });
    this.#flusher = new Flusher({
      context,
      intervalMs: config.metrics_flush_interval,
      jitter: config.flush_jitter,
      keepsUntaken: this.#isDelta,
      make: () => this.#make(),
      onSent: () => this.#expire(),
    });
    this.#overflowed = context.meter.counter(OVERFLOWED, { connector: context.id });
    context.meter.gauge(SERIES, { connector: context.id }, () => this.#tables.reduce((sum, { size }) => sum + size, 0));
    context.meter.gauge(UNTAKEN, { connector: context.id }, () => this.#flusher.untakenItems);
  }

  start(): Promise<void> {
    this.#sinceMs = this.#context.clock.now();
    this.#flusher.start();
    return Promise.resolve();
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#isStopped = true;
    await this.#flusher.stop(deadline);
  }

  consume(batch: Batch): Promise<Verdict> {
    return Promise.resolve(this.#take(batch));
  }

  tryReserve(batch: Batch): Reservation {
    return { status: 'reserved', keeps: false, commit: () => this.#take(batch), cancel: () => undefined };
  }

  #take(batch: Batch): Verdict {
    if (this.#isStopped) return retry(new RemoraError('shutting_down', 'The connector has stopped.'));
    try {
      const moment = { nowMs: this.#context.clock.monotonic(), interval: this.#interval };
      const overflowed = this.#observer.observe(batch, moment);
      if (overflowed > 0) this.#onOverflow(overflowed);
      return ACCEPTED;
    } catch (error) {
      return badData(error);
    }
  }

  #onOverflow(spans: number): void {
    this.#overflowed.value += spans;
    if (this.#toldOfLimit) return;
    this.#toldOfLimit = true;
    this.#context.log.warn(
      'Spans count in a series with otel.metric.overflow: there are too many others, or a name or value is malformed.',
      {
        limit: this.#config.aggregation_cardinality_limit,
      },
    );
  }

  #make(): readonly Batch[] {
    const nowMs = this.#context.clock.now();
    const groups = this.#resources.groups();
    const batches = this.#writer.write(groups, nowMs);
    this.#interval += 1;
    this.#sinceMs = nowMs;
    for (const series of everySeries(groups)) series.exemplars?.clear();
    if (this.#isDelta) this.#beginAnew(groups, nowMs);
    return batches;
  }

  /** What was counted is in the batches now. Who had nothing to count has ended. */
  #beginAnew(groups: readonly Group[], nowMs: number): void {
    this.#end(groups, ({ calls }) => calls === 0);
    this.#resources.prune();
    for (const series of everySeries(groups)) {
      series.calls = 0;
      series.durations?.clear();
      series.startMs = nowMs;
    }
  }

  /** Ends series that had no span for long, and whose last counts were sent. */
  #expire(): void {
    const { metrics_expiration: ofResources, series_expiration: ofSeries } = this.#config;
    if (this.#isDelta || (ofResources === 0 && ofSeries === 0)) return;
    const nowMs = this.#context.clock.monotonic();
    for (const group of this.#resources.groups()) {
      const lastMs = everySeries([group]).reduce((last, { lastSeenMs }) => Math.max(last, lastSeenMs), 0);
      const isOver = ofResources > 0 && nowMs - lastMs >= ofResources;
      this.#end([group], ({ lastSeenMs, lastSeenIn }) => {
        const isSilent = isOver || (ofSeries > 0 && nowMs - lastSeenMs >= ofSeries);
        return isSilent && lastSeenIn < this.#interval;
      });
    }
    this.#resources.prune();
  }

  #end(groups: readonly Group[], isOver: (series: Series) => boolean): void {
    for (const group of groups) {
      group.series.forEach((list, family) => {
        const [ended, others] = [list.filter(isOver), list.filter((series) => !isOver(series))];
        if (ended.length === 0) return;
        group.series[family] = others;
        for (const series of ended) {
          if (series.isOverflow) group.overflow[family] = undefined;
          this.#tables[family]?.remove(series);
        }
      });
    }
  }
}

function everySeries(groups: readonly Group[]): Series[] {
  return groups.flatMap(({ series }) => series.flat());
}

function keyAttributesOf(config: SpanMetricsConfig): readonly string[] | undefined {
  if (!config.add_resource_attributes) return [];
  return config.resource_metrics_key_attributes.length === 0 ? undefined : config.resource_metrics_key_attributes;
}
