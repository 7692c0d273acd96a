import { SeriesTable, seriesTableBytes } from '../../otlp/metrics/series-table.ts';
import { CellStore } from './cell-store.ts';
import { takeOff } from './level-totals.ts';
import type { Metric, MetricBook } from './metric-book.ts';
import type { Identity } from './surroundings.ts';

/** What a slot stands for. */
export const KEPT = 1;
/** A cumulative series that had a place and gave it back; its last values are known. */
export const RETIRED = 2;
/** A cumulative series that is merged into another one; its last values are known. */
export const MEMBER = 3;
/** A series that others are merged in; of a cumulative one the totals are known. */
export const MERGED = 4;
/** The same of sums that may go down: what a member had is taken off when that is forgotten. */
export const MERGED_LEVEL = 5;

export function isMerged(state: number): boolean {
  return state >= MERGED;
}

/** Beside the table: state, owner and cell. */
const COLUMN_BYTES = 1 + 4 + 4;
/** What a slot takes in all arrays, with a cell that has the values of a number. */
export const LEAST_BYTES_PER_SERIES = 64;

export interface SeriesBookOptions {
  /** KEPT slots at most. */
  readonly maxSeries: number;
  readonly maxBytes: number;
  /** Windows for which what has no place is remembered. */
  readonly rememberedWindows: number;
  readonly metrics: MetricBook;
}

/**
 * All series that are known, as slots of one table.
 *
 *   #state   KEPT, RETIRED, MEMBER, MERGED or MERGED_LEVEL; 0 for a slot that is free
 *   #owner   of a MEMBER the slot that it is merged in, of all others the number of its metric
 *   #cell    where the last values are, or the totals of MERGED; 0 for none
 *
 * Invariants: metrics and tenants know how many slots, places and merged series they have. KEPT slots always find room,
 * because all others together leave `maxSeries` of the slots to them. What a MEMBER had is part of the totals of its owner,
 * which was seen whenever it was, and so is there as long as one of its members is.
 */
export class SeriesBook {
  /** The window that is now. What has ended is in period 1 (`end`), so this begins above it. */
  period = FIRST_PERIOD;
  /** Slots that are KEPT. */
  kept = 0;
  readonly table: SeriesTable;
  readonly #options: SeriesBookOptions;
  readonly #maxOthers: number;
  readonly #cellBytes: number;
  #cells: CellStore;
  #state = new Uint8Array(0);
  #owner = new Int32Array(0);
  #cell = new Uint32Array(0);
  /** The period in which what is idle was forgotten for want of room. */
  #pressedIn = 0;

  constructor(options: SeriesBookOptions) {
    this.#options = options;
    const maxSlots = Math.floor(options.maxBytes / LEAST_BYTES_PER_SERIES);
    this.table = new SeriesTable(maxSlots);
    this.#maxOthers = maxSlots - Math.min(maxSlots, options.maxSeries);
    this.#cellBytes = options.maxBytes - tableBytes(maxSlots);
    this.#cells = new CellStore(this.#cellBytes);
  }

  /** What the tables take now. */
  get bytes(): number {
    return tableBytes(this.table.capacity) + this.#cells.bytes;
  }

  get cells(): CellStore {
    return this.#cells;
  }

  stateOf(slot: number): number {
    return this.#state[slot] ?? 0;
  }

  /** 0 for none. */
  cellOf(slot: number): number {
    return this.#cell[slot] ?? 0;
  }

  setCell(slot: number, cell: number): void {
    this.#cell[slot] = cell;
  }

  ownerOf(slot: number): number {
    return this.#owner[slot] ?? 0;
  }

  /** Whether the limits leave a place for one more series of the metric. */
  mayKeep({ series, limit, owner }: Metric): boolean {
    return series < limit && owner.series < owner.limit && this.kept < this.#options.maxSeries;
  }

  /** A place for a new series. */
  keep({ low, mid, high }: Identity, metricNumber: number): number {
    this.#grow();
    const slot = this.#open({ low, mid, high }, KEPT, metricNumber);
    this.#countPlace(metricNumber, 1);
    return slot;
  }

  /** A place again for a series that is RETIRED. */
  keepAgain(slot: number): void {
    this.#state[slot] = KEPT;
    this.table.touch(slot, this.period);
    this.#countPlace(this.ownerOf(slot), 1);
  }

  /**
   * A series to merge others in; less than 0 when there is no room, or the metric has too many: as many as it may have places
   * that are like these but for a label, and a few more of those with the overflow attribute alone.
   */
  openMerged(identity: Identity, metricNumber: number, isRewritten: boolean, isLevel: boolean): number {
    const metric = this.#options.metrics.at(metricNumber);
    const most = Math.max(metric.limit, LEAST_MERGED) + (isRewritten ? 0 : LEAST_MERGED);
    if (metric.merged >= most || !this.#hasRoomForOther()) return -1;
    metric.merged += 1;
    return this.#open(identity, isLevel ? MERGED_LEVEL : MERGED, metricNumber);
  }

  /** Remembers a series that is merged in `merged`; less than 0 when there is no room. */
  openMember(identity: Identity, merged: number): number {
    return this.#hasRoomForOther() ? this.#open(identity, MEMBER, merged) : -1;
  }

  /** A series that is RETIRED, or was merged in another one, is merged in `merged` from now on. */
  join(slot: number, merged: number): void {
    const { metrics } = this.#options;
    metrics.at(this.#metricOf(slot)).slots -= 1;
    this.#state[slot] = MEMBER;
    this.#owner[slot] = merged;
    metrics.at(this.#metricOf(slot)).slots += 1;
    this.table.touch(slot, this.period);
  }

  /** Of a slot that nothing else is merged in. */
  forget(slot: number): void {
    this.#close(slot);
  }

  /** The series of a slot that is KEPT has ended: its place is given back with the window, unless it returns before. */
  end(slot: number): void {
    this.table.touch(slot, ENDED);
  }

  /** What had no point in the window that ends gives its place back, and what had none for long is forgotten. */
  endWindow(): void {
    const { table, period } = this;
    const oldest = period + 1 - this.#options.rememberedWindows;
    for (let slot = 0; slot < table.end; slot++) {
      if (this.#state[slot] === KEPT && table.seenIn(slot) < period) this.#retire(slot);
    }
    this.#forgetBefore(oldest);
    this.period += 1;
    this.#options.metrics.forgetBefore(period);
    this.#shrink();
  }

  #retire(slot: number): void {
    this.#countPlace(this.ownerOf(slot), -1);
    if (this.cellOf(slot) === 0) this.#close(slot);
    else this.#state[slot] = RETIRED;
  }

  /** Members first: they know their metric by what they are merged in. */
  #forgetBefore(oldest: number): void {
    const { table } = this;
    for (let slot = 0; slot < table.end; slot++) {
      const state = this.#state[slot];
      if ((state !== RETIRED && state !== MEMBER) || table.seenIn(slot) >= oldest) continue;
      if (state === MEMBER) this.#takeOff(slot, this.ownerOf(slot));
      this.#close(slot);
    }
    for (let slot = 0; slot < table.end; slot++) {
      if (isMerged(this.stateOf(slot)) && table.seenIn(slot) < oldest) this.#close(slot);
    }
  }

  #takeOff(member: number, merged: number): void {
    const [from, last] = [this.cellOf(merged), this.cellOf(member)];
    if (this.#state[merged] === MERGED_LEVEL && from !== 0 && last !== 0) {
      this.#cell[merged] = takeOff(this.#cells, from, last);
    }
  }

  #hasRoomForOther(): boolean {
    if (this.table.size - this.kept >= this.#maxOthers) {
      if (this.#pressedIn === this.period) return false;
      this.#pressedIn = this.period;
      this.#forgetBefore(this.period - 1);
      if (this.table.size - this.kept >= this.#maxOthers) return false;
    }
    this.#grow();
    return true;
  }

  #grow(): void {
    if (this.table.hasRoom) return;
    if (!this.table.grow()) throw new Error('BUG: places for series were promised and are not there.');
    this.#resizeColumns();
  }

  #resizeColumns(): void {
    const { capacity } = this.table;
    const [state, owner, cell] = [new Uint8Array(capacity), new Int32Array(capacity), new Uint32Array(capacity)];
    state.set(this.#state.subarray(0, capacity));
    owner.set(this.#owner.subarray(0, capacity));
    cell.set(this.#cell.subarray(0, capacity));
    this.#state = state;
    this.#owner = owner;
    this.#cell = cell;
  }

  #open({ low, mid, high }: Identity, state: number, owner: number): number {
    const slot = this.table.add(low, mid, high, this.period);
    this.#state[slot] = state;
    this.#owner[slot] = owner;
    this.#cell[slot] = 0;
    this.#options.metrics.at(this.#metricOf(slot)).slots += 1;
    return slot;
  }

  #close(slot: number): void {
    const metric = this.#options.metrics.at(this.#metricOf(slot));
    metric.slots -= 1;
    if (isMerged(this.stateOf(slot))) metric.merged -= 1;
    const cell = this.cellOf(slot);
    if (cell !== 0) this.#cells.free(cell);
    this.#cell[slot] = 0;
    this.#state[slot] = 0;
    this.table.remove(slot);
  }

  #metricOf(slot: number): number {
    const owner = this.ownerOf(slot);
    return this.#state[slot] === MEMBER ? this.ownerOf(owner) : owner;
  }

  #countPlace(metricNumber: number, places: number): void {
    const metric = this.#options.metrics.at(metricNumber);
    metric.series += places;
    metric.owner.series += places;
    this.kept += places;
  }

  /** Gives back what a flood has left. */
  #shrink(): void {
    const { table } = this;
    const movedTo = new Map<number, number>();
    const isShrunk = table.shrink((from, to) => {
      movedTo.set(from, to);
      this.#state[to] = this.#state[from] ?? 0;
      this.#owner[to] = this.#owner[from] ?? 0;
      this.#cell[to] = this.#cell[from] ?? 0;
    });
    if (isShrunk) {
      for (let slot = 0; slot < table.end; slot++) {
        if (this.#state[slot] === MEMBER) this.#owner[slot] = movedTo.get(this.ownerOf(slot)) ?? this.ownerOf(slot);
      }
      this.#resizeColumns();
    }
    if (this.#cells.isSparse) this.#moveCells();
  }

  #moveCells(): void {
    const old = this.#cells;
    this.#cells = new CellStore(this.#cellBytes);
    for (let slot = 0; slot < this.table.end; slot++) {
      const cell = this.cellOf(slot);
      if (cell === 0) continue;
      const start = old.startOf(cell);
      this.#cell[slot] = this.#cells.put(0, old.bytesOf(cell), start, start + old.lengthOf(cell));
    }
  }
}

/** Of any metric: a limit of one series may be for a metric of a few resources. */
const LEAST_MERGED = 16;
const FIRST_PERIOD = 2;
const ENDED = 1;

function tableBytes(slots: number): number {
  return seriesTableBytes(slots) + slots * COLUMN_BYTES;
}
