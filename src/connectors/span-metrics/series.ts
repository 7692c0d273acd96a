import type { Durations } from './durations.ts';
import type { Exemplars } from './exemplars.ts';
import { isWellFormedKey, type KeyBuilder } from './key.ts';

/** The resources and series of one instance may keep so many bytes of names and values. */
export class ByteBudget {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  tryTake(bytes: number): boolean {
    if (bytes > this.#leftBytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#leftBytes += bytes;
  }
}

/** A resource that metrics are sent for. */
export interface Group {
  readonly number: number;
  /** Encoded fields of its Resource, sorted: what tells it apart. */
  readonly attributes: Uint8Array;
  /** Whether these are all of the attributes that spans came with, and there are some. */
  readonly isWhole: boolean;
  /** False: it stands for all that are too many, and has nothing but overflow series. */
  readonly hasSeries: boolean;
  /** By family. */
  readonly series: Series[][];
  readonly overflow: (Series | undefined)[];
}

export interface Series {
  readonly group: Group;
  readonly hash: number;
  /** Empty for an overflow series. */
  readonly key: Int32Array;
  readonly isOverflow: boolean;
  /** The next with the same hash. */
  next: Series | undefined;
  /** Spans, since the start. */
  calls: number;
  readonly durations: Durations | undefined;
  exemplars: Exemplars | undefined;
  startMs: number;
  lastSeenMs: number;
  /** The interval between flushes in which it was last seen. */
  lastSeenIn: number;
}

export interface SeriesOptions {
  readonly family: number;
  readonly limit: number;
  readonly budget: ByteBudget;
  readonly durations: (() => Durations) | undefined;
  /** When a series that comes into being now began: nothing was counted in it up to then. */
  startMs(): number;
}

/** The series of one family, found by the bytes of their keys. Invariant: `size` counts those that are no overflow. */
export class SeriesTable {
  readonly #options: SeriesOptions;
  readonly #byHash = new Map<number, Series>();
  size = 0;

  constructor(options: SeriesOptions) {
    this.#options = options;
  }

  /**
   * The series of the key that was built; the overflow series of the resource when there is no room for a new one, and when
   * the key has something malformed, which would have all that is sent with it refused, again and again.
   */
  find(group: Group, key: KeyBuilder): Series {
    key.finish(group.number);
    const { hash } = key;
    const first = this.#byHash.get(hash);
    for (let series = first; series !== undefined; series = series.next) {
      if (series.group === group && key.equals(series.key)) return series;
    }
    const { limit, budget } = this.#options;
    if (!group.hasSeries || this.size >= limit || !budget.tryTake(wholeWords(key.length))) return this.#overflow(group);
    const copy = key.copy();
    if (!isWellFormedKey(copy, key.length)) {
      budget.giveBack(copy.byteLength);
      return this.#overflow(group);
    }
    const series = this.#make(group, hash, copy, first);
    this.#byHash.set(hash, series);
    this.size += 1;
    return series;
  }

  remove(series: Series): void {
    if (series.isOverflow) return;
    const first = this.#byHash.get(series.hash);
    if (first === series) {
      if (series.next === undefined) this.#byHash.delete(series.hash);
      else this.#byHash.set(series.hash, series.next);
    } else {
      for (let before = first; before !== undefined; before = before.next) {
        if (before.next === series) before.next = series.next;
      }
    }
    this.size -= 1;
    this.#options.budget.giveBack(series.key.byteLength);
  }

  #overflow(group: Group): Series {
    const { family } = this.#options;
    return (group.overflow[family] ??= this.#make(group, 0, new Int32Array(0), undefined));
  }

  #make(group: Group, hash: number, key: Int32Array, next: Series | undefined): Series {
    const { family, durations } = this.#options;
    const series: Series = {
      group,
      hash,
      key,
      isOverflow: key.length === 0,
      next,
      calls: 0,
      durations: durations?.(),
      exemplars: undefined,
      startMs: this.#options.startMs(),
      lastSeenMs: 0,
      lastSeenIn: 0,
    };
    (group.series[family] ??= []).push(series);
    return series;
  }
}

/** Bytes of a copy of a key. */
function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
