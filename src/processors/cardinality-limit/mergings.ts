import { METRIC } from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { RangeCopier } from '../../otlp/range-copier.ts';
import { exponentials, histograms, levels, numbers, summaries, type MergeWay } from './kinds.ts';
import { Merging, type DeltaEnd, type OverPoint, type Target } from './merging.ts';
import type { SeriesBook } from './series-book.ts';

/** `Merging`, of whatever kind. */
export interface AnyMerging {
  add(way: MergeWay, over: OverPoint, target: Target): boolean;
  flush(way: MergeWay, end: number, copier: RangeCopier): number;
  takeEnds(): readonly DeltaEnd[];
  release(): void;
}

const MAKERS = {
  numbers: (book: SeriesBook) => new Merging(numbers, book),
  levels: (book: SeriesBook) => new Merging(levels, book),
  histograms: (book: SeriesBook) => new Merging(histograms, book),
  exponentials: (book: SeriesBook) => new Merging(exponentials, book),
  summaries: (book: SeriesBook) => new Merging(summaries, book),
} as const;

type KindName = keyof typeof MAKERS;

/** One for each kind of data point, made when it is needed first. */
export class Mergings {
  readonly #book: SeriesBook;
  readonly #made = new Map<KindName, AnyMerging>();

  constructor(book: SeriesBook) {
    this.#book = book;
  }

  of(metric: MetricPlace, way: MergeWay): AnyMerging {
    const name = kindOf(metric, way);
    let merging = this.#made.get(name);
    if (merging === undefined) this.#made.set(name, (merging = MAKERS[name](this.#book)));
    return merging;
  }

  takeEnds(): readonly DeltaEnd[] {
    let ends: readonly DeltaEnd[] = NONE;
    for (const merging of this.#made.values()) {
      const more = merging.takeEnds();
      if (more.length > 0) ends = [...ends, ...more];
    }
    return ends;
  }

  release(): void {
    for (const merging of this.#made.values()) merging.release();
  }
}

const NONE: readonly DeltaEnd[] = [];

function kindOf({ dataField, isMonotonic }: MetricPlace, way: MergeWay): KindName {
  switch (dataField) {
    case METRIC.histogram:
      return 'histograms';
    case METRIC.exponentialHistogram:
      return 'exponentials';
    case METRIC.summary:
      return 'summaries';
    default:
      return way === 'cumulative' && !isMonotonic ? 'levels' : 'numbers';
  }
}
