import { BUCKETS, EXEMPLAR, EXPONENTIAL_POINT, HISTOGRAM_POINT, METRIC, NUMBER_POINT } from '../../otlp/fields.ts';
import { unzigzag, zigzag } from '../../otlp/metrics/exponential-index.ts';
import { Cursor, I64, LEN } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';
import { bucketShift } from './bucket-shift.ts';
import { Scalar } from './scalar.ts';

/** A factor, or the change from integer to double and back. */
export type ValueChange = number | 'toggle';

/** Whether there is anything that the changes act upon in points of this kind, a field of Metric. */
export function actsOn(kind: number, changes: readonly ValueChange[]): boolean {
  if (kind === METRIC.gauge || kind === METRIC.sum) return changes.length > 0;
  return ROLES[kind] !== undefined && changes.some((change) => factorOf(change, true) !== undefined);
}

/**
 * The factor in a change of points of this kind; undefined where it brings none. With one below zero, bounds would descend
 * and buckets would be open at the other end: histograms stay as they are.
 */
function factorOf(change: ValueChange, isHistogram: boolean): number | undefined {
  return change === 'toggle' || (isHistogram && change < 0) ? undefined : change;
}

/** What a field of a data point has to do with values. */
type Role = 'int' | 'double' | 'measure' | 'bounds' | 'buckets' | 'exemplar';

const NUMBER_ROLES: Readonly<Record<number, Role>> = {
  [NUMBER_POINT.asInt]: 'int',
  [NUMBER_POINT.asDouble]: 'double',
  [NUMBER_POINT.exemplars]: 'exemplar',
};

const ROLES: Readonly<Record<number, Readonly<Record<number, Role>>>> = {
  [METRIC.gauge]: NUMBER_ROLES,
  [METRIC.sum]: NUMBER_ROLES,
  [METRIC.histogram]: {
    [HISTOGRAM_POINT.sum]: 'measure',
    [HISTOGRAM_POINT.min]: 'measure',
    [HISTOGRAM_POINT.max]: 'measure',
    [HISTOGRAM_POINT.explicitBounds]: 'bounds',
    [HISTOGRAM_POINT.exemplars]: 'exemplar',
  },
  [METRIC.exponentialHistogram]: {
    [EXPONENTIAL_POINT.sum]: 'measure',
    [EXPONENTIAL_POINT.min]: 'measure',
    [EXPONENTIAL_POINT.max]: 'measure',
    [EXPONENTIAL_POINT.zeroThreshold]: 'measure',
    [EXPONENTIAL_POINT.positive]: 'buckets',
    [EXPONENTIAL_POINT.negative]: 'buckets',
    [EXPONENTIAL_POINT.exemplars]: 'exemplar',
  },
};

/** Writes the fields of data points with their values changed, one point after another. */
export class ValueWriter {
  readonly #inner = new Cursor();
  readonly #scalar = new Scalar();
  #roles: Readonly<Record<number, Role>> = {};
  #changes: readonly ValueChange[] = [];
  #scale = 0;

  /** Of the point of `kind` that `at` stands on. */
  begin(at: Cursor, kind: number, changes: readonly ValueChange[]): void {
    this.#roles = ROLES[kind] ?? {};
    this.#changes = changes;
    this.#scale = 0;
    if (kind !== METRIC.exponentialHistogram) return;
    for (this.#inner.enter(at); this.#inner.next();) {
      if (this.#inner.field === EXPONENTIAL_POINT.scale) this.#scale = unzigzag(this.#inner.int32());
    }
  }

  /** Whether a field of the point has to do with values. */
  changes(field: number): boolean {
    return this.#roles[field] !== undefined;
  }

  /** The field of the point that `at` stands on, one for which `changes` is true. */
  write(writer: Writer, at: Cursor): void {
    const role = this.#roles[at.field];
    switch (role) {
      case 'int':
      case 'double':
        this.#number(writer, at, role === 'int');
        return;
      case 'measure':
        writer.double(at.field, this.#scaled(at.double()));
        return;
      case 'bounds':
        this.#bounds(writer, at);
        return;
      case 'buckets':
        this.#buckets(writer, at);
        return;
      case 'exemplar':
        this.#exemplar(writer, at);
        return;
      case undefined:
    }
  }

  #number(writer: Writer, at: Cursor, isInt: boolean): void {
    this.#scalar.read(at, isInt);
    for (const change of this.#changes) {
      if (change === 'toggle') this.#scalar.toggle();
      else this.#scalar.scale(change);
    }
    this.#scalar.write(writer, NUMBER_POINT.asInt, NUMBER_POINT.asDouble);
  }

  #bounds(writer: Writer, at: Cursor): void {
    if (at.wireType !== LEN) {
      writer.double(at.field, this.#scaled(at.double()));
      return;
    }
    writer.header(at.field, at.end - at.start);
    for (let from = at.start; from < at.end; from += 8) {
      this.#inner.enterElement(at.bytes, from, at.end, I64);
      writer.rawDouble(this.#scaled(this.#inner.double()));
    }
  }

  /** Buckets keep their counts and are of other values. Without counts an offset says nothing. */
  #buckets(writer: Writer, at: Cursor): void {
    let [offset, hasCounts] = [0, false];
    const field = writer.begin(at.field, at.end - at.start);
    for (this.#inner.enter(at); this.#inner.next();) {
      hasCounts ||= this.#inner.field === BUCKETS.bucketCounts;
      if (this.#inner.field === BUCKETS.offset) offset = unzigzag(this.#inner.int32());
      else writer.raw(this.#inner.bytes, this.#inner.tagStart, this.#inner.end);
    }
    if (hasCounts) {
      for (const change of this.#changes) offset += bucketShift(factorOf(change, true) ?? 1, this.#scale);
    }
    if (offset !== 0) writer.uint(BUCKETS.offset, zigzag(offset));
    writer.end(field);
  }

  /** Exemplars are measurements: they are scaled with their point, and keep their type. */
  #exemplar(writer: Writer, at: Cursor): void {
    const field = writer.begin(at.field, at.end - at.start);
    for (this.#inner.enter(at); this.#inner.next();) {
      const isInt = this.#inner.field === EXEMPLAR.asInt;
      if (!isInt && this.#inner.field !== EXEMPLAR.asDouble) {
        writer.raw(this.#inner.bytes, this.#inner.tagStart, this.#inner.end);
        continue;
      }
      this.#scalar.read(this.#inner, isInt);
      for (const change of this.#changes) {
        const factor = factorOf(change, this.#roles !== NUMBER_ROLES);
        if (factor !== undefined) this.#scalar.scale(factor);
      }
      this.#scalar.write(writer, EXEMPLAR.asInt, EXEMPLAR.asDouble);
    }
    writer.end(field);
  }

  /** Of a histogram. */
  #scaled(value: number): number {
    let result = value;
    for (const change of this.#changes) result *= factorOf(change, true) ?? 1;
    return result;
  }

  release(): void {
    this.#inner.reset(EMPTY, 0, 0);
    this.#changes = [];
  }
}

const EMPTY = new Uint8Array(0);
