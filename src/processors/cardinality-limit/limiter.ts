import type { Batch } from '../../core/batch.ts';
import type { Random } from '../../core/random.ts';
import type { Transformed } from '../../core/transform.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { walkMetrics, type MetricFate, type MetricVisitor } from '../../otlp/metrics/walk.ts';
import type { RangeCopier } from '../../otlp/range-copier.ts';
import { SpareBuffers } from '../../otlp/spare-buffers.ts';
import type { Cursor } from '../../otlp/wire.ts';
import type { Explanation } from './explain/explanation.ts';
import { isLevel, mergeWay, type MergeWay } from './kinds.ts';
import { dropping, type LabelRewrite } from './label-rewrites.ts';
import { noteEnds, type OverPoint, type Target } from './merging.ts';
import { Mergings, type AnyMerging } from './mergings.ts';
import type { Metric, MetricBook } from './metric-book.ts';
import { OverflowTarget } from './overflow-target.ts';
import { PointReader } from './point-reader.ts';
import { RewrittenTarget } from './rewritten-target.ts';
import { isMerged, KEPT, MEMBER, RETIRED, type SeriesBook } from './series-book.ts';
import { Surroundings } from './surroundings.ts';

export interface LimiterOptions {
  readonly random: Random;
  readonly metrics: MetricBook;
  readonly book: SeriesBook;
  readonly explanation: Explanation;
  /** The attribute of resources that names their tenant. */
  readonly tenantAttribute: string | undefined;
  /** What the metadata of a batch says of its tenant. */
  tenantOf(batch: Batch): string | undefined;
}

/**
 * Gives each series of a batch its place, or merges or drops its points where there is none.
 *
 *   point ──► which series? ──► KEPT ──► goes on as it came
 *                          └──► no place ──► merged in the overflow series, which is written behind the last point
 *
 * Invariant: a series that is in the table as KEPT has its points pass until the window ends, whatever else comes.
 */
export class Limiter implements MetricVisitor {
  readonly #options: LimiterOptions;
  readonly #book: SeriesBook;
  readonly #hasher: SeriesHasher;
  readonly #surroundings: Surroundings;
  readonly #reader: PointReader;
  readonly #overflow: OverflowTarget;
  readonly #rewritten: RewrittenTarget;
  readonly #mergings: Mergings;
  readonly #spare = new SpareBuffers();
  readonly #over: OverPoint = { bytes: EMPTY, start: 0, end: 0, slot: -1, low: 0, mid: 0, high: 0 };
  #metricNumber = 0;
  #metric: Metric | undefined;
  /** Undefined: points without a place are dropped. */
  #way: MergeWay | undefined;
  #merging: AnyMerging | undefined;
  /** Points of this batch that were let go and not merged. */
  #lost = 0;

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#book = options.book;
    this.#hasher = new SeriesHasher(options.random);
    this.#surroundings = new Surroundings(this.#hasher, options.tenantAttribute);
    this.#reader = new PointReader(this.#hasher);
    this.#overflow = new OverflowTarget(this.#hasher, options.book);
    this.#rewritten = new RewrittenTarget(this.#hasher);
    this.#mergings = new Mergings(options.book);
  }

  /** For `transformer`. Series have their places also when the batch is not accepted: offered again, it finds them. */
  transform(batch: Batch): Transformed {
    this.#lost = 0;
    this.#surroundings.begin(this.#options.tenantOf(batch));
    try {
      const { batch: rest, dropped, added, copied } = walkMetrics(batch, this, this.#spare);
      const ends = this.#mergings.takeEnds();
      if (dropped === 0) return { batch: rest };
      const reasons = { cardinality: this.#lost, cardinality_merged: dropped - added - this.#lost };
      return { batch: rest, dropped: reasons, copied, accepted: () => noteEnds(this.#book, ends) };
    } finally {
      this.#release();
    }
  }

  metric(place: MetricPlace): MetricFate {
    if (place.points === 0) return 'keep';
    const surroundings = this.#surroundings;
    surroundings.enter(place);
    const { metrics } = this.#options;
    const { period } = this.#book;
    let number = metrics.find(surroundings.metric, period);
    if (number < 0) {
      const { service, tenant } = surroundings;
      number = metrics.add(surroundings.metric, { name: place.name(), service, tenant }, period);
    }
    this.#metricNumber = number;
    this.#metric = metrics.at(number);
    const way = mergeWay(place.dataField, place.temporality);
    this.#way = this.#metric.rule.onOverflow === 'drop' ? undefined : way;
    this.#merging = undefined;
    this.#overflow.enter();
    this.#reader.enter(place);
    return 'visit';
  }

  point(place: MetricPlace, at: Cursor): boolean {
    const { low, mid, high } = this.#surroundings.stream;
    const hasher = this.#hasher;
    hasher.begin(low, mid, high);
    this.#reader.read(at.start, at.end);
    const slot = this.#book.table.find(hasher.low, hasher.mid, hasher.high);
    if (slot < 0 || this.#book.stateOf(slot) !== KEPT) return this.#newOrOver(place, at, slot);
    this.#pass(slot);
    return true;
  }

  pointsEnd(place: MetricPlace, copier: RangeCopier): number {
    const merging = this.#merging;
    if (merging === undefined || this.#way === undefined) return 0;
    return merging.flush(this.#way, place.dataEnd, copier);
  }

  /** Of a series that has its place. */
  #pass(slot: number): void {
    const book = this.#book;
    if (this.#reader.isStale) {
      book.end(slot);
      return;
    }
    book.table.touch(slot, book.period);
    if (this.#way !== 'cumulative') return;
    const cell = book.cellOf(slot);
    const kept = this.#reader.keepValues(book.cells, cell);
    if (kept !== cell) book.setCell(slot, kept);
  }

  #newOrOver(place: MetricPlace, at: Cursor, slot: number): boolean {
    const metric = this.#metric;
    if (metric === undefined) throw new Error('BUG: a data point without a metric.');
    const state = slot < 0 ? NEW : this.#book.stateOf(slot);
    if (this.#reader.isStale) return state === RETIRED || (state === NEW && this.#book.mayKeep(metric));
    const isOverflow = isMerged(state) || (state === NEW && this.#way !== undefined && this.#reader.isOverflow);
    const mayKeep = (state === NEW || state === RETIRED) && !isOverflow && this.#book.mayKeep(metric);
    if (!isOverflow && state !== MEMBER) {
      this.#options.explanation.newSeries(metric, place, at.start, at.end, mayKeep ? 'kept' : 'over');
    }
    if (mayKeep) this.#keep(slot);
    else if (!this.#merge(place, at, slot, isOverflow)) this.#lost += 1;
    return mayKeep;
  }

  #keep(slot: number): void {
    if (slot < 0) this.#pass(this.#book.keep(this.#hasher, this.#metricNumber));
    else {
      this.#book.keepAgain(slot);
      this.#pass(slot);
    }
  }

  /** `isOverflow`: the series is itself one that others are merged in, of an SDK for example, and goes into that. */
  #merge(place: MetricPlace, at: Cursor, slot: number, isOverflow: boolean): boolean {
    const way = this.#way;
    if (way === undefined) return false;
    const over = this.#over;
    over.bytes = place.bytes;
    over.start = at.start;
    over.end = at.end;
    over.low = this.#hasher.low;
    over.mid = this.#hasher.mid;
    over.high = isOverflow ? ~this.#hasher.high : this.#hasher.high;
    over.slot = isOverflow ? this.#book.table.find(over.low, over.mid, over.high) : slot;
    const target = this.#targetFor(place, at, isOverflow);
    if (target === undefined) return false;
    this.#merging ??= this.#mergings.of(place, way);
    return this.#merging.add(way, over, target);
  }

  /** Undefined when there is no room for any. */
  #targetFor(place: MetricPlace, at: Cursor, isOverflow: boolean): Target | undefined {
    const { stream } = this.#surroundings;
    const isPlain = isOverflow && this.#reader.isOverflow;
    const rewrite = isOverflow ? undefined : this.#rewriteOf(this.#metric);
    if (!isPlain && (isOverflow || rewrite !== undefined)) {
      const rewritten = this.#rewritten;
      if (rewritten.stand(place, stream, at.start, at.end, rewrite) && this.#open(rewritten, isLevel(place)))
        return rewritten;
    }
    return this.#overflow.find(place, stream, this.#metricNumber) ? this.#overflow : undefined;
  }

  #open(target: RewrittenTarget, isOfLevel: boolean): boolean {
    const { table, period } = this.#book;
    target.slot = table.find(target.low, target.mid, target.high);
    if (target.slot >= 0 && isMerged(this.#book.stateOf(target.slot))) table.touch(target.slot, period);
    else if (target.slot >= 0) return false;
    else target.slot = this.#book.openMerged(target, this.#metricNumber, true, isOfLevel);
    return target.slot >= 0;
  }

  /** Stays the same for a metric until the window ends. */
  #rewriteOf(metric: Metric | undefined): LabelRewrite | undefined {
    if (metric?.rule.onOverflow !== 'drop_label' || metric.rule.rewrite !== undefined) return metric?.rule.rewrite;
    if (metric.rewrittenIn !== this.#book.period) {
      metric.rewrittenIn = this.#book.period;
      const labels = new Set(this.#options.explanation.labelsToDrop(metric));
      metric.rewrite = labels.size === 0 ? undefined : dropping(labels);
    }
    return metric.rewrite;
  }

  /** Lets go of the batch. */
  #release(): void {
    this.#metric = undefined;
    this.#over.bytes = EMPTY;
    this.#hasher.release();
    this.#reader.release();
    this.#rewritten.release();
    this.#surroundings.release();
    this.#mergings.release();
  }
}

const EMPTY = new Uint8Array(0);
/** The state of a series that is in no slot. */
const NEW = 0;
