import type { LimitedMetric, SeriesVerdict } from './explanation.ts';
import { findingsOf, type Findings } from './findings.ts';
import { MetricAnalysis, type AnalysisLimits } from './metric-analysis.ts';
import type { PointLabels } from './point-labels.ts';

/** - over: some of its series had no place, in this window or the one before. - near: it has most of what it may have. */
export type MetricState = 'over' | 'near';

/** The analysis begins anew, so that what drives a metric now is told, and not what did a week ago. */
const WINDOWS_OF_ANALYSIS = 6;
/** A metric that is neither over nor near for so long is let go. */
const QUIET_WINDOWS = 3;
/** What was found is worked out again after so long. */
const FRESH_MS = 5000;
/** Findings of a new analysis take the place of older ones when it has seen as large a part of the series. */
const ENOUGH_OF_BEFORE = 1 / 4;

export interface ExplainedOptions extends AnalysisLimits {
  /** The share of the limit from which a metric is near it. */
  readonly near: number;
}

/**
 * One metric and what is known of its series.
 *
 * Invariants: `sinceMs` is set while the metric is over or near, and says when that began; the analysis covers the windows
 * since `#begun`, and `#before` is what the one before it found.
 */
export class ExplainedMetric {
  readonly metric: LimitedMetric;
  /** Wall time; undefined while there is nothing to tell of. */
  sinceMs: number | undefined;
  readonly #options: ExplainedOptions;
  readonly #analysis: MetricAnalysis;
  /** The window of the last series that had no place. */
  #overIn = -Infinity;
  #quiet = 0;
  #begun: number;
  #before: Findings | undefined;
  #found: Findings | undefined;
  #foundAtMs = -Infinity;

  constructor(metric: LimitedMetric, window: number, options: ExplainedOptions) {
    this.metric = metric;
    this.#options = options;
    this.#analysis = new MetricAnalysis(options);
    this.#begun = window;
  }

  add(labels: PointLabels, verdict: SeriesVerdict, window: number, nowMs: number): void {
    if (verdict === 'over') this.#overIn = window;
    this.#analysis.add(labels);
    if (this.sinceMs === undefined && this.state(window) !== undefined) this.sinceMs = nowMs;
  }

  state(window: number): MetricState | undefined {
    if (this.#overIn >= window - 1) return 'over';
    return this.metric.series >= this.metric.limit * this.#options.near ? 'near' : undefined;
  }

  /** `window` is the one that ended. False when the metric is to be let go. */
  windowEnded(window: number): boolean {
    if (this.state(window) === undefined) {
      this.sinceMs = undefined;
      this.#quiet += 1;
    } else this.#quiet = 0;
    if (window + 1 - this.#begun >= WINDOWS_OF_ANALYSIS) this.#beginAnew(window + 1);
    return this.#quiet < QUIET_WINDOWS;
  }

  /** `nowMs` is monotonic. */
  findings(nowMs: number): Findings {
    const { series } = this.#analysis;
    if (this.#before !== undefined && series.count() < this.#before.series * ENOUGH_OF_BEFORE) return this.#before;
    if (this.#found === undefined || nowMs - this.#foundAtMs >= FRESH_MS) {
      this.#found = this.#find();
      this.#foundAtMs = nowMs;
    }
    return this.#found;
  }

  /** The attributes of points that are to blame by themselves; none where others are, or nothing is known. */
  labelsToDrop(): readonly string[] {
    for (const { labels } of this.#find().drivers) {
      if (labels.every(({ source }) => source === 'point')) return labels.map(({ key }) => key);
    }
    return [];
  }

  /** About how many different series came since the analysis began. */
  get seen(): number {
    return this.#analysis.series.count();
  }

  #find(): Findings {
    return findingsOf(this.#analysis, this.#target());
  }

  /** A fix leaves room: half of the limit, or of the series where others than they filled the place. */
  #target(): number {
    return Math.max(1, Math.min(this.metric.limit, this.#analysis.series.count()) / 2);
  }

  #beginAnew(window: number): void {
    // Without a single new series there is nothing newer to tell.
    if (this.#analysis.series.count() > 0) this.#before = this.#find();
    this.#found = undefined;
    this.#foundAtMs = -Infinity;
    this.#analysis.clear();
    this.#begun = window;
  }
}
