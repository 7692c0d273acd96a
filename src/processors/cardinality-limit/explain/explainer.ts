import type { ProcessorContext } from '../../../core/component.ts';
import { hash32 } from '../../../core/random.ts';
import { ExplainedMetric, type MetricState } from './explained-metric.ts';
import type { Explanation, LimitedMetric, SeenPlace, SeriesVerdict } from './explanation.ts';
import { PointLabels } from './point-labels.ts';
import type { ExplainSettings } from './settings.ts';
import { DistinctSketch } from './sketch.ts';

/** The analysis begins here, so that it knows most of the series by the time that somebody asks. */
const BEGIN_SHARE = 1 / 8;

export interface ExplainerOptions {
  readonly context: Pick<ProcessorContext, 'clock' | 'random'>;
  readonly settings: ExplainSettings;
  /** The share of the limit from which a metric is near it. */
  readonly near: number;
}

/** A metric of which there is something to tell. */
export interface Told {
  readonly state: MetricState;
  readonly sinceMs: number;
  readonly explained: ExplainedMetric;
}

/**
 * Keeps the analyses of the metrics that need one, at most `settings.metrics` of them: one that is neither over nor near
 * gives its place to one that comes, and of those that find no place it is counted how many they are.
 */
export class Explainer implements Explanation {
  readonly #options: ExplainerOptions;
  readonly #labels: PointLabels;
  readonly #metrics = new Map<LimitedMetric, ExplainedMetric>();
  readonly #unexplained = new DistinctSketch();
  #window = 0;
  /** Of the window before. */
  #unexplainedBefore = 0;

  constructor(options: ExplainerOptions) {
    this.#options = options;
    this.#labels = new PointLabels(Math.floor(options.context.random() * 2 ** 32));
  }

  newSeries(metric: LimitedMetric, place: SeenPlace, start: number, end: number, verdict: SeriesVerdict): void {
    const explained = this.#metrics.get(metric) ?? this.#begin(metric, verdict);
    if (explained === undefined) return;
    try {
      this.#labels.read(place, start, end);
      explained.add(this.#labels, verdict, this.#window, this.#options.context.clock.now());
    } catch {
      // Malformed inside of an attribute: whoever takes the point finds out, and there is nothing to explain by it.
    }
    this.#labels.release();
  }

  labelsToDrop(metric: LimitedMetric): readonly string[] {
    return this.#metrics.get(metric)?.labelsToDrop() ?? [];
  }

  windowEnded(): void {
    for (const [metric, explained] of this.#metrics) {
      if (!explained.windowEnded(this.#window)) this.#metrics.delete(metric);
    }
    this.#unexplainedBefore = this.#unexplained.count();
    this.#unexplained.clear();
    this.#window += 1;
  }

  stop(): void {
    this.#metrics.clear();
  }

  /** Metrics that are over, then those that are near, each beginning with what is the most beyond its limit. */
  told(): Told[] {
    const told: Told[] = [];
    for (const explained of this.#metrics.values()) {
      const state = explained.state(this.#window);
      if (state === undefined) continue;
      told.push({ state, sinceMs: explained.sinceMs ?? this.#options.context.clock.now(), explained });
    }
    return told.sort((one, other) => weightOf(other) - weightOf(one));
  }

  /** About how many metrics are over or near without a place to be explained in. */
  get unexplained(): number {
    return Math.max(this.#unexplainedBefore, this.#unexplained.count());
  }

  #begin(metric: LimitedMetric, verdict: SeriesVerdict): ExplainedMetric | undefined {
    const { settings, near } = this.#options;
    if (verdict === 'kept' && metric.series < metric.limit * BEGIN_SHARE) return undefined;
    const isTold = verdict === 'over' || metric.series >= metric.limit * near;
    if (this.#metrics.size >= settings.metrics && !(isTold && this.#makeRoom())) {
      if (isTold) this.#unexplained.add(hash32(`${metric.name}\n${metric.service}\n${metric.tenant}`));
      return undefined;
    }
    const explained = new ExplainedMetric(metric, this.#window, { ...settings, near });
    this.#metrics.set(metric, explained);
    return explained;
  }

  #makeRoom(): boolean {
    for (const [metric, explained] of this.#metrics) {
      if (explained.state(this.#window) === undefined) return this.#metrics.delete(metric);
    }
    return false;
  }
}

function weightOf({ state, explained }: Told): number {
  const { metric, seen } = explained;
  return (state === 'over' ? 1e12 : 0) + Math.max(metric.series, seen) / metric.limit;
}
