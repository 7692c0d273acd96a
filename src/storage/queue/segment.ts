import { Bits } from './bits.ts';
import { HEAD_BYTES, type DoneRun, type SegmentName, type Totals } from './format.ts';

/** More records than this never are in one segment, so that an order is segment and index in one number. */
export const MAX_RECORDS = 2 ** 20;

/**
 * What is known of one segment file without reading it.
 * Invariants: `live` sums over the records that have not left the queue; of those, the ones in `held` are in memory or
 * leased and the others, `resting`, are on disk alone. A record is never in `done` and `held`. `records` is one more
 * than the highest index.
 */
export class Segment implements SegmentName {
  readonly number: number;
  readonly salt: number;
  /** Length of the file up to the end of its last whole record. */
  end = HEAD_BYTES;
  /** Bytes on disk: the trailer and what a failed write may have left are in it. */
  size = HEAD_BYTES;
  records = 0;
  /** Of the first record; a lower bound for all. */
  firstEnqueuedMs = Number.POSITIVE_INFINITY;
  /** All that were ever in it. */
  readonly written: Totals = { requests: 0, items: 0, bytes: 0 };
  readonly live: Totals = { requests: 0, items: 0, bytes: 0 };
  readonly resting: Totals = { requests: 0, items: 0, bytes: 0 };
  readonly done = new Bits();
  readonly held = new Bits();
  /** Left the queue, and not noted on disk yet. */
  unnoted: DoneRun[] = [];
  /** Where the next notes go in the file of what is done. */
  doneEnd = 0;
  /** False while it is written to. */
  closed = false;
  /** Its file is being deleted, or is. */
  gone = false;

  constructor({ number, salt }: SegmentName) {
    this.number = number;
    this.salt = salt;
  }

  /** Where record `index` stands among all of the queue. */
  orderOf(index: number): number {
    return this.number * MAX_RECORDS + index;
  }

  /** A record was written, or found; it rests until somebody holds it. */
  grow(items: number, bytes: number): void {
    add(this.written, 1, items, bytes);
    add(this.live, 1, items, bytes);
    add(this.resting, 1, items, bytes);
  }

  hold(index: number, items: number, bytes: number): void {
    if (this.held.add(index)) add(this.resting, -1, -items, -bytes);
  }

  /** Memory lets go of it; it can be read again. */
  rest(index: number, items: number, bytes: number): void {
    if (!this.held.has(index)) return;
    this.held.delete(index);
    add(this.resting, 1, items, bytes);
  }

  /** It left the queue. */
  finish(index: number, items: number, bytes: number): void {
    if (!this.done.add(index)) throw new Error('BUG: a record left the queue twice.');
    if (this.held.has(index)) this.held.delete(index);
    else add(this.resting, -1, -items, -bytes);
    add(this.live, -1, -items, -bytes);
    this.#note(index, items, bytes);
  }

  /** All that rests leaves the queue unseen; returns what it was. */
  finishResting(): Totals {
    const lost = { ...this.resting };
    if (lost.requests === 0) return lost;
    for (let index = 0; index < this.records; index++) {
      // Which of them had how much is not known.
      if (!this.held.has(index) && this.done.add(index)) this.#note(index, Number.NaN, Number.NaN);
    }
    add(this.live, -lost.requests, -lost.items, -lost.bytes);
    add(this.resting, -lost.requests, -lost.items, -lost.bytes);
    return lost;
  }

  #note(index: number, items: number, bytes: number): void {
    const last = this.unnoted.at(-1);
    if (last !== undefined && last.first + last.count === index) {
      last.count += 1;
      last.items += items;
      last.bytes += bytes;
    } else {
      this.unnoted.push({ first: index, count: 1, items, bytes });
    }
  }
}

export function add(totals: Totals, requests: number, items: number, bytes: number): void {
  totals.requests += requests;
  totals.items += items;
  totals.bytes += bytes;
}
