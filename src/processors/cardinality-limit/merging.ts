import { METRIC_DATA } from '../../otlp/fields.ts';
import { Integer64 } from '../../otlp/metrics/integer64.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import type { RangeCopier } from '../../otlp/range-copier.ts';
import { Writer } from '../../otlp/writer.ts';
import type { Kind, MergeWay } from './kinds.ts';
import { isMerged, type SeriesBook } from './series-book.ts';
import type { Identity } from './surroundings.ts';

/** A data point that has no place of its own; one object is reused for all. The identity is that of its series. */
export interface OverPoint extends Identity {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Of its own series; less than 0 where nothing is known of that. */
  slot: number;
}

/** The series that it is merged in; one object is reused for all. */
export interface Target extends Identity {
  slot: number;
  /** Its attributes, as fields of a data point. */
  attributes: Uint8Array;
}

/** A target that points of the metric which is walked were merged in. */
class Open<P extends Point> implements Target {
  low = 0;
  mid = 0;
  high = 0;
  slot = 0;
  attributes: Uint8Array = EMPTY;
  /** Nothing was added yet, neither now nor before. */
  isEmpty = true;
  /** A point of this metric was merged in it. */
  isTouched = false;
  isCumulative = false;
  /** It begins with the earliest of what is merged; one that goes on, where it began. */
  isNew = true;
  readonly point: P;

  constructor(point: P) {
    this.point = point;
  }

  stand(target: Target): void {
    this.low = target.low;
    this.mid = target.mid;
    this.high = target.high;
    this.slot = target.slot;
    this.attributes = target.attributes;
    this.isEmpty = true;
    this.isTouched = false;
    this.isNew = true;
  }

  /** Empty again, for the next one; buckets without number are not kept. */
  release(): void {
    this.attributes = EMPTY;
    this.point.read(EMPTY, 0, 0);
  }
}

/** What came after the last point of a series. */
type Increase = 'some' | 'none' | 'no room';

/** Of a delta series that was written: where it ended. */
export interface DeltaEnd extends Identity {
  readonly end: Integer64;
}

/** By slot. */
type DeltaEnds = Map<number, DeltaEnd>;

/**
 * Merges points of one kind: those of one metric in one place of a request, then those of the next.
 *
 * Cumulative series: totals and last values are noted at once, even if the batch is not accepted in the end. A batch that is
 * offered again has the same values, and what came after them is nothing; so no point counts twice and no total goes down,
 * whatever is under way. Delta series: the sum is that of the batch, and nothing is noted before it was accepted.
 */
export class Merging<P extends Point> {
  readonly #kind: Kind<P>;
  readonly #book: SeriesBook;
  readonly #pool: Open<P>[] = [];
  /** By slot. */
  readonly #open = new Map<number, Open<P>>();
  readonly #seen: P;
  readonly #earlier: P;
  readonly #values = new Writer(256);
  #ends: DeltaEnds = new Map();

  constructor(kind: Kind<P>, book: SeriesBook) {
    this.#kind = kind;
    this.#book = book;
    this.#seen = kind.make();
    this.#earlier = kind.make();
  }

  /** False when the point cannot be merged; then nothing has happened. */
  add(way: MergeWay, over: OverPoint, target: Target): boolean {
    const seen = this.#seen;
    seen.read(over.bytes, over.start, over.end);
    const into = this.#open.get(target.slot) ?? this.#openFor(way, target);
    if (!this.#kind.canAdd(into.isEmpty || way === 'last' ? undefined : into.point, seen)) return false;
    if (way === 'last') {
      if (into.isEmpty || seen.time.compare(into.point.time) >= 0) this.#replace(into);
      into.isTouched = true;
      return true;
    }
    const amount = way === 'cumulative' ? this.#increase(over, target.slot) : 'some';
    if (amount === 'no room') return false;
    if (amount === 'some') this.#addTo(into);
    into.isTouched = true;
    this.#noteTimes(into);
    return true;
  }

  /** Writes what the points of the metric came to behind its last one; returns how many points that is. */
  flush(way: MergeWay, end: number, copier: RangeCopier): number {
    let written = 0;
    for (const open of this.#open.values()) {
      // One of which every point was refused has nothing new to say, and no time to say it at.
      if (open.isTouched && !open.isEmpty) {
        if (way === 'delta') this.#follow(open);
        write(open, copier.cut(end, end));
        written += 1;
        if (way === 'cumulative') this.#keepTotals(open);
      }
      this.#giveBack(open);
    }
    this.#open.clear();
    return written;
  }

  /** Delta series that were written since the last call, for `noteEnds`. */
  takeEnds(): readonly DeltaEnd[] {
    const ends = this.#ends;
    if (ends.size === 0) return [];
    this.#ends = new Map();
    return [...ends.values()];
  }

  /** Lets go of the request; of a walk that was broken off what members had by then stays in the totals. */
  release(): void {
    for (const open of this.#open.values()) {
      if (open.isTouched && open.isCumulative) this.#keepTotals(open);
      this.#giveBack(open);
    }
    this.#open.clear();
    this.#ends.clear();
    this.#seen.release();
    this.#earlier.release();
  }

  #giveBack(open: Open<P>): void {
    open.release();
    if (this.#pool.length < MAX_POOL) this.#pool.push(open);
  }

  #openFor(way: MergeWay, target: Target): Open<P> {
    const open = this.#pool.pop() ?? new Open(this.#kind.make());
    open.stand(target);
    open.isCumulative = way === 'cumulative';
    this.#open.set(target.slot, open);
    const cell = this.#book.cellOf(target.slot);
    if (way !== 'cumulative' || cell === 0) return open;
    const { cells } = this.#book;
    const start = cells.startOf(cell);
    open.point.read(cells.bytesOf(cell), start, start + cells.lengthOf(cell));
    open.point.release();
    open.point.time.set(0, 0);
    open.isEmpty = false;
    open.isNew = false;
    return open;
  }

  #replace(into: Open<P>): void {
    this.#kind.copy(into.point, this.#seen);
    into.point.time.copy(this.#seen.time);
    into.point.startTime.copy(this.#seen.startTime);
    into.isEmpty = false;
  }

  #addTo(into: Open<P>): void {
    if (into.isEmpty) this.#kind.copy(into.point, this.#seen);
    else this.#kind.add(into.point, this.#seen);
    into.isEmpty = false;
  }

  #noteTimes({ point, isNew }: Open<P>): void {
    const { startTime, time } = this.#seen;
    if (time.compare(point.time) > 0) point.time.copy(time);
    if (!isNew || startTime.isZero) return;
    if (point.startTime.isZero || startTime.compare(point.startTime) < 0) point.startTime.copy(startTime);
  }

  /** Leaves in `#seen` what came after the last point of its series, and remembers it as that. */
  #increase(over: OverPoint, merged: number): Increase {
    if (over.slot < 0) return this.#remember(over, merged);
    const book = this.#book;
    const cell = book.cellOf(over.slot);
    book.join(over.slot, merged);
    if (cell === 0) {
      // What it had when it lost its place is not known: nothing is counted twice rather than all of it.
      book.setCell(over.slot, this.#keepSeen(0));
      return 'none';
    }
    const start = book.cells.startOf(cell);
    this.#earlier.read(book.cells.bytesOf(cell), start, start + book.cells.lengthOf(cell));
    this.#earlier.release();
    return this.#subtractEarlier(over.slot, cell);
  }

  /** A series that comes for the first time counts from its beginning. */
  #remember(over: OverPoint, merged: number): Increase {
    const slot = this.#book.openMember(over, merged);
    if (slot < 0) return 'no room';
    const cell = this.#keepSeen(0);
    this.#book.setCell(slot, cell);
    if (cell !== 0) return 'some';
    this.#book.forget(slot);
    return 'no room';
  }

  #subtractEarlier(slot: number, cell: number): Increase {
    const [seen, earlier] = [this.#seen, this.#earlier];
    const isRestarted = isLater(seen.startTime, earlier.startTime);
    // A point that came late, or once more: all of it was counted with the one that was seen.
    if (!isRestarted && !seen.time.isZero && seen.time.compare(earlier.time) <= 0) return 'none';
    this.#book.setCell(slot, this.#keepSeen(cell));
    // Of a reset all of it came after, and it is as it was read.
    if (!isRestarted || this.#kind.isLevel) this.#kind.subtract(seen, earlier);
    return 'some';
  }

  #keepSeen(cell: number): number {
    const values = this.#values;
    values.pos = 0;
    this.#seen.writeValues(values);
    return this.#book.cells.put(cell, values.buffer, 0, values.pos);
  }

  #keepTotals({ point, slot }: Open<P>): void {
    const values = this.#values;
    values.pos = 0;
    point.writeValues(values);
    this.#book.setCell(slot, this.#book.cells.put(this.#book.cellOf(slot), values.buffer, 0, values.pos, true));
  }

  /** Points of a delta series must not overlap: of one that is sent in several batches each begins where the last ended. */
  #follow(open: Open<P>): void {
    const { startTime, time } = open.point;
    const last = this.#lastEnd(open.slot);
    if (last !== undefined && isSoonAfter(time, last)) {
      if (startTime.compare(last) < 0) startTime.copy(last);
      if (time.compare(last) <= 0) {
        time.copy(last);
        time.add(ONE);
      }
    }
    const end = new Integer64();
    end.copy(time);
    this.#ends.set(open.slot, { low: open.low, mid: open.mid, high: open.high, end });
  }

  /** A metric may stand in a batch more than once, where others have put several requests together. */
  #lastEnd(slot: number): Integer64 | undefined {
    const inBatch = this.#ends.get(slot);
    if (inBatch !== undefined) return inBatch.end;
    const cell = this.#book.cellOf(slot);
    if (cell === 0) return undefined;
    const { cells } = this.#book;
    return readEnd(cells.bytesOf(cell), cells.startOf(cell));
  }
}

const EMPTY = new Uint8Array(0);
const MAX_POOL = 64;
const ONE = new Integer64();
ONE.set(1, 0);
/** What one export sends in several batches ends at one time. */
const SOON_NS = 1_000_000;

function write(open: Open<Point>, writer: Writer): void {
  const mark = writer.begin(METRIC_DATA.dataPoints, 64 + open.attributes.length);
  const { startTime, time } = open.point;
  // It began with others than those that came now, whose clocks may be behind.
  if (!time.isZero && time.compare(startTime) < 0) time.copy(startTime);
  open.point.flags = 0;
  open.point.writeValues(writer);
  writer.raw(open.attributes);
  writer.end(mark);
}

/** Of two times that are known. */
function isLater(time: Integer64, than: Integer64): boolean {
  return !time.isZero && !than.isZero && time.compare(than) > 0;
}

/** At the time of `last`, a moment before, or any time after it. */
function isSoonAfter(time: Integer64, last: Integer64): boolean {
  if (time.compare(last) >= 0) return true;
  between.copy(last);
  between.subtract(time);
  return between.high === 0 && between.low < SOON_NS;
}

const between = new Integer64();

/** Notes where delta series ended whose batch was accepted. */
export function noteEnds(book: SeriesBook, ends: readonly DeltaEnd[]): void {
  for (const { low, mid, high, end } of ends) {
    const slot = book.table.find(low, mid, high);
    if (slot < 0 || !isMerged(book.stateOf(slot))) continue;
    const view = new DataView(END_BYTES.buffer);
    view.setUint32(0, end.low);
    view.setUint32(4, end.high);
    book.setCell(slot, book.cells.put(book.cellOf(slot), END_BYTES, 0, 8, true));
  }
}

const END_BYTES = new Uint8Array(8);

function readEnd(bytes: Uint8Array, at: number): Integer64 {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  lastEnd.set(view.getUint32(0), view.getUint32(4));
  return lastEnd;
}

const lastEnd = new Integer64();
