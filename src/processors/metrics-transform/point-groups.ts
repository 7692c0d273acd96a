import type { Random } from '../../core/random.ts';
import { pointAttributes } from '../../otlp/edit.ts';
import {
  EXPONENTIAL_POINT,
  HISTOGRAM_POINT,
  METRIC,
  METRIC_DATA,
  NO_RECORDED_VALUE,
  NUMBER_POINT,
  TEMPORALITY,
} from '../../otlp/fields.ts';
import { SeriesHasher } from '../../otlp/metrics/series-hash.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { GroupTable } from './group-table.ts';
import { releaseKeptLabels, type KeptLabels } from './kept-labels.ts';
import { shapeOf, type MetricDraft } from './metric-draft.ts';

/**
 * Which data points of a metric are of one series once some labels are gone: those with the same labels that stay and
 * the same time, and, of delta temporality, the same start time.
 *
 * Points without a recorded value say that a series has ended: they are only kept where no point of their group has one.
 *
 * Invariant: point `i` is bytes[starts[i], ends[i]), its group is a chain from `heads` by `nexts` in their order, which
 * ends with -1; a head of -1 is that of no group.
 */
export class PointGroups {
  readonly table = new GroupTable();
  readonly heads: number[] = [];
  readonly nexts: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Points that took no part in a group. */
  silent = 0;
  /** True when some label does not stay. */
  removesLabels = false;
  readonly #tails: number[] = [];
  readonly #isSilent: boolean[] = [];
  readonly #hasher: SeriesHasher;
  #points = 0;

  constructor(random: Random) {
    this.#hasher = new SeriesHasher(random);
  }

  get points(): number {
    return this.#points;
  }

  /** Finds the groups of the points in the fields `kind` of the metric. */
  find(draft: MetricDraft, kind: number, kept: KeptLabels): void {
    this.table.clear();
    this.#points = 0;
    this.silent = 0;
    this.removesLabels = false;
    this.#hasher.source(draft.bytes);
    const layout = layoutOf(kind, shapeOf(draft).temporality === TEMPORALITY.delta);
    for (metricAt.reset(draft.bytes, draft.start, draft.end); metricAt.next();) {
      if (metricAt.field !== kind || metricAt.wireType !== LEN) continue;
      for (dataAt.enter(metricAt); dataAt.next();) {
        if (dataAt.field === METRIC_DATA.dataPoints && dataAt.wireType === LEN) this.#add(layout, kept);
      }
    }
  }

  #add(layout: Layout, kept: KeptLabels): void {
    const isSilent = this.#hash(layout, kept);
    const { low, mid, high } = this.#hasher;
    const known = this.table.count;
    const group = this.table.find(low, mid, high);
    const point = this.#points;
    this.#points += 1;
    this.starts[point] = dataAt.start;
    this.ends[point] = dataAt.end;
    this.nexts[point] = -1;
    if (group === known) {
      this.#begin(group, point, isSilent);
    } else if (isSilent) {
      this.silent += 1;
    } else if (this.#isSilent[group] === true) {
      this.silent += 1;
      this.#begin(group, point, false);
    } else {
      this.nexts[this.#tails[group] ?? 0] = point;
      this.#tails[group] = point;
    }
  }

  /** Whether the group has no recorded value, and so one point. */
  hasNoValue(group: number): boolean {
    return this.#isSilent[group] === true;
  }

  #begin(group: number, point: number, isSilent: boolean): void {
    this.heads[group] = point;
    this.#tails[group] = point;
    this.#isSilent[group] = isSilent;
  }

  /** Hashes what makes the group of a point; true when the point records no value. */
  #hash(layout: Layout, kept: KeptLabels): boolean {
    const hasher = this.#hasher;
    let [timeLow, timeHigh, startLow, startHigh, flags] = [0, 0, 0, 0, 0];
    let hasValue = layout.values.length === 0;
    hasher.begin();
    for (pointAt.enter(dataAt); pointAt.next();) {
      const { field } = pointAt;
      if (field === layout.attributes) {
        if (kept.has(pointAt)) hasher.attribute(pointAt.start, pointAt.end);
        else this.removesLabels = true;
      } else if (field === layout.time) {
        timeLow = pointAt.fixed64Low();
        timeHigh = pointAt.fixed64High();
      } else if (field === layout.start) {
        startLow = pointAt.fixed64Low();
        startHigh = pointAt.fixed64High();
      } else if (field === layout.flags) flags = pointAt.int32();
      else if (layout.values.includes(field)) hasValue = true;
    }
    hasher.number(timeLow);
    hasher.number(timeHigh);
    hasher.number(startLow);
    hasher.number(startHigh);
    hasher.end();
    return !hasValue || (flags & NO_RECORDED_VALUE) !== 0;
  }

  release(): void {
    this.table.release();
    this.#hasher.release();
    for (const cursor of [metricAt, dataAt, pointAt]) cursor.reset(EMPTY, 0, 0);
    releaseKeptLabels();
    for (const list of [this.heads, this.nexts, this.starts, this.ends, this.#tails, this.#isSilent]) {
      if (list.length > KEPT_POINTS) list.length = 0;
    }
  }
}

const KEPT_POINTS = 65536;
const EMPTY = new Uint8Array(0);
const metricAt = new Cursor();
const dataAt = new Cursor();
const pointAt = new Cursor();

/** Fields of a data point. */
interface Layout {
  readonly attributes: number;
  readonly time: number;
  /** 0 where the start time makes no difference. */
  readonly start: number;
  readonly flags: number;
  /** One of these is there when a value is recorded; none for histograms, which say so by their flags alone. */
  readonly values: readonly number[];
}

function layoutOf(kind: number, isDelta: boolean): Layout {
  const fields =
    kind === METRIC.histogram
      ? HISTOGRAM_POINT
      : kind === METRIC.exponentialHistogram
        ? EXPONENTIAL_POINT
        : NUMBER_POINT;
  return {
    attributes: pointAttributes(kind),
    time: fields.timeUnixNano,
    start: isDelta ? fields.startTimeUnixNano : 0,
    flags: fields.flags,
    values: fields === NUMBER_POINT ? [NUMBER_POINT.asDouble, NUMBER_POINT.asInt] : [],
  };
}
