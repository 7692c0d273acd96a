import type { Random } from '../../core/random.ts';
import { pointAttributes } from '../../otlp/edit.ts';
import { EXPONENTIAL_POINT, HISTOGRAM_POINT, METRIC, METRIC_DATA, NUMBER_POINT } from '../../otlp/fields.ts';
import { fieldBit } from '../../otlp/metrics/point.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';
import { ExponentialAggregate, HistogramAggregate, NumberAggregate, type Aggregate } from './aggregates.ts';
import type { KeptLabels } from './kept-labels.ts';
import { shapeOf, type MetricDraft } from './metric-draft.ts';
import type { AggregationType } from './operation-config.ts';
import { PointGroups } from './point-groups.ts';

/**
 * Takes labels away from the points of a metric, and makes one of those that are the same then. Summaries are left as they
 * are, because their quantiles cannot be put together.
 */
export class Merge {
  /** Points that went into another since somebody set this to 0. */
  merged = 0;
  readonly #groups: PointGroups;
  readonly #numbers = new NumberAggregate();
  readonly #histograms = new HistogramAggregate();
  readonly #exponentials = new ExponentialAggregate();
  /** The points that went into the one that is being written, and those that did not go together with it. */
  readonly #joined: number[] = [];
  #apart: number[] = [];
  #waiting: number[] = [];
  #kept: KeptLabels | undefined;
  #bytes: Uint8Array = EMPTY;
  #kind = 0;

  constructor(random: Random) {
    this.#groups = new PointGroups(random);
  }

  run(draft: MetricDraft, kept: KeptLabels, type: AggregationType, arena: Writer): void {
    const { kind } = shapeOf(draft);
    const aggregate = this.#aggregateOf(kind);
    if (aggregate === undefined) return;
    const groups = this.#groups;
    groups.find(draft, kind, kept);
    const isAsItWas = groups.table.count === groups.points && !groups.removesLabels;
    if (isAsItWas && !this.#counts(aggregate, type)) return;
    this.#kept = kept;
    this.#bytes = draft.bytes;
    this.#kind = kind;
    this.merged += groups.silent;
    const from = arena.pos;
    this.#writeMetric(draft, arena, () => {
      for (let group = 0; group < groups.table.count; group++) this.#writeGroup(group, aggregate, type, arena);
    });
    draft.setBytes(arena.buffer, from, arena.pos);
  }

  #aggregateOf(kind: number): Aggregate | undefined {
    switch (kind) {
      case METRIC.gauge:
      case METRIC.sum:
        return this.#numbers;
      case METRIC.histogram:
        return this.#histograms;
      case METRIC.exponentialHistogram:
        return this.#exponentials;
      default:
        return undefined;
    }
  }

  /** Everything but the points of the metric, which are written where the first of them stood. */
  #writeMetric({ bytes, start, end }: MetricDraft, writer: Writer, writePoints: () => void): void {
    let isWritten = false;
    for (metricAt.reset(bytes, start, end); metricAt.next();) {
      if (metricAt.field !== this.#kind || metricAt.wireType !== LEN) {
        writer.raw(bytes, metricAt.tagStart, metricAt.end);
        continue;
      }
      const data = writer.begin(this.#kind, metricAt.end - metricAt.start);
      for (dataAt.enter(metricAt); dataAt.next();) {
        if (dataAt.field !== METRIC_DATA.dataPoints) writer.raw(bytes, dataAt.tagStart, dataAt.end);
      }
      if (!isWritten) writePoints();
      isWritten = true;
      writer.end(data);
    }
  }

  /** Mostly one point; more when histograms have other bounds. */
  #writeGroup(group: number, aggregate: Aggregate, type: AggregationType, writer: Writer): void {
    const { heads, nexts } = this.#groups;
    const head = heads[group] ?? -1;
    const isAlone = nexts[head] === -1;
    if (isAlone && (!this.#counts(aggregate, type) || this.#groups.hasNoValue(group))) {
      this.#copyPoint(head, writer);
      return;
    }
    this.#apart.length = 0;
    for (let at = head; at >= 0; at = nexts[at] ?? -1) this.#apart.push(at);
    while (this.#apart.length > 0) {
      [this.#waiting, this.#apart] = [this.#apart, this.#waiting];
      this.#join(aggregate, type);
      this.#writeJoined(aggregate, writer);
    }
  }

  /** Whether even a point that is alone gets another value. */
  #counts(aggregate: Aggregate, type: AggregationType): boolean {
    return type === 'count' && aggregate === this.#numbers;
  }

  /** Puts the points that wait together with the first of them, as far as they go together. */
  #join(aggregate: Aggregate, type: AggregationType): void {
    const { point, other } = aggregate;
    this.#joined.length = 0;
    this.#apart.length = 0;
    for (const index of this.#waiting) {
      const isFirst = this.#joined.length === 0;
      this.#read(isFirst ? point : other, index);
      if (isFirst) aggregate.begin(type);
      else if (!aggregate.add()) {
        this.#apart.push(index);
        continue;
      } else if (other.startTime.compare(point.startTime) < 0) point.startTime.copy(other.startTime);
      this.#joined.push(index);
    }
    aggregate.finish();
    this.merged += this.#joined.length - 1;
  }

  #read(point: Aggregate['point'], index: number): void {
    point.read(this.#bytes, this.#groups.starts[index] ?? 0, this.#groups.ends[index] ?? 0);
  }

  /** With the exemplars of all, and what else the first of them has. */
  #writeJoined({ point }: Aggregate, writer: Writer): void {
    const [first = 0, ...others] = this.#joined;
    const attributes = pointAttributes(this.#kind);
    const field = writer.begin(METRIC_DATA.dataPoints, this.#lengthOf(first));
    point.writeValues(writer);
    point.writeRest(writer, fieldBit(attributes));
    this.#enter(first);
    while (pointAt.next()) if (pointAt.field === attributes) this.#copyLabel(writer);
    const exemplars = exemplarsOf(this.#kind);
    for (const index of others) {
      this.#enter(index);
      while (pointAt.next()) {
        if (pointAt.field === exemplars) writer.raw(pointAt.bytes, pointAt.tagStart, pointAt.end);
      }
    }
    writer.end(field);
  }

  #copyPoint(index: number, writer: Writer): void {
    const attributes = pointAttributes(this.#kind);
    const field = writer.begin(METRIC_DATA.dataPoints, this.#lengthOf(index));
    let from = this.#groups.starts[index] ?? 0;
    this.#enter(index);
    while (pointAt.next()) {
      if (pointAt.field !== attributes || this.#kept?.has(pointAt) === true) continue;
      writer.raw(this.#bytes, from, pointAt.tagStart);
      from = pointAt.end;
    }
    writer.raw(this.#bytes, from, this.#groups.ends[index] ?? 0);
    writer.end(field);
  }

  #copyLabel(writer: Writer): void {
    if (this.#kept?.has(pointAt) === true) writer.raw(pointAt.bytes, pointAt.tagStart, pointAt.end);
  }

  #enter(index: number): void {
    pointAt.reset(this.#bytes, this.#groups.starts[index] ?? 0, this.#groups.ends[index] ?? 0);
  }

  #lengthOf(index: number): number {
    return (this.#groups.ends[index] ?? 0) - (this.#groups.starts[index] ?? 0);
  }

  release(): void {
    this.#groups.release();
    this.#bytes = EMPTY;
    for (const { point, other } of [this.#numbers, this.#histograms, this.#exponentials]) {
      point.release();
      other.release();
    }
    for (const cursor of [metricAt, dataAt, pointAt]) cursor.reset(EMPTY, 0, 0);
  }
}

/** The exemplars field of a data point of this kind. */
function exemplarsOf(kind: number): number {
  if (kind === METRIC.histogram) return HISTOGRAM_POINT.exemplars;
  return kind === METRIC.exponentialHistogram ? EXPONENTIAL_POINT.exemplars : NUMBER_POINT.exemplars;
}

const EMPTY = new Uint8Array(0);
const metricAt = new Cursor();
const dataAt = new Cursor();
const pointAt = new Cursor();
