/** Bytes for each slot, beside its places in the index: its key, and when it was seen. */
const BYTES_EACH = 12 + 4;
const MIN_CAPACITY = 256;
const FREE = -1;

/**
 * Small numbers (slots) for what is known by 96 bits (`series-hash.ts`), in arrays: a million of them are no garbage. What
 * else is known of a series stands in arrays of its owner, by slot.
 *
 *   #index   [ -1 | 7 | 2 | -1 | ... ]               linear probing; at most two thirds of the places are taken
 *   #keys    [ low mid high | low mid high | ... ]   by slot; of a free one `low` is the next free one, or -1
 *   #seen    [ 3 | 0 | 4 | ... ]                     by slot: the period in which it was seen last; 0 for a free one
 *
 * Invariants: a slot that `add` gave is that series' until `remove`, or until `shrink` says where it went; slots are less
 * than `end`, which is never more than `capacity`. It grows when its owner says so, who knows what that costs.
 *
 *     let slot = table.find(low, mid, high);
 *     if (slot < 0 && (table.hasRoom || mayGrow(seriesTableBytes(table.nextCapacity)) && table.grow()))
 *       slot = table.add(low, mid, high, period);
 */
export class SeriesTable {
  readonly #maxSlots: number;
  #index: Int32Array = NO_INDEX;
  #mask = NO_INDEX.length - 1;
  #keys = new Int32Array(0);
  #seen = new Uint32Array(0);
  #size = 0;
  #end = 0;
  #free = FREE;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#seen.length;
  }

  /** One more than the largest slot that was ever given since the last `shrink`. */
  get end(): number {
    return this.#end;
  }

  get hasRoom(): boolean {
    return this.#size < this.capacity;
  }

  /** What `grow` would make of the capacity: the same when there is no more. */
  get nextCapacity(): number {
    return Math.min(this.#maxSlots, Math.max(MIN_CAPACITY, this.capacity * 2));
  }

  /** The slot of a series, or -1. */
  find(low: number, mid: number, high: number): number {
    const index = this.#index;
    const keys = this.#keys;
    for (let at = low & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = index[at] ?? FREE;
      if (slot === FREE) return -1;
      const key = slot * 3;
      if (keys[key] === low && keys[key + 1] === mid && keys[key + 2] === high) return slot;
    }
  }

  /** A slot for a series that `find` does not know. There is room. `period` is more than 0. */
  add(low: number, mid: number, high: number, period: number): number {
    const slot = this.#take();
    const key = slot * 3;
    this.#keys[key] = low;
    this.#keys[key + 1] = mid;
    this.#keys[key + 2] = high;
    this.#seen[slot] = period;
    this.#size += 1;
    this.#link(slot);
    return slot;
  }

  /** Of a slot that is in use. */
  touch(slot: number, period: number): void {
    this.#seen[slot] = period;
  }

  /** The period of the last `touch`; 0 for a slot that is free. */
  seenIn(slot: number): number {
    return this.#seen[slot] ?? 0;
  }

  remove(slot: number): void {
    this.#unlink(slot);
    this.#keys[slot * 3] = this.#free;
    this.#free = slot;
    this.#seen[slot] = 0;
    this.#size -= 1;
  }

  /** Twice the room, as far as the bound lets it; false when there is no more. Slots stay. */
  grow(): boolean {
    const capacity = this.nextCapacity;
    if (capacity === this.capacity) return false;
    this.#resize(capacity);
    return true;
  }

  /**
   * Gives back memory when less than a quarter of it is used, for example after a flood. Slots at the end move to free
   * ones: the owner moves what it has of `from` to `to`, in the order of the calls, and then may cut its arrays to
   * `capacity`. False when nothing changed.
   */
  shrink(moved: (from: number, to: number) => void): boolean {
    if (this.capacity <= MIN_CAPACITY || this.#size * 4 >= this.capacity) return false;
    let to = 0;
    for (let from = this.#end - 1; ; from--) {
      while (this.seenIn(to) > 0) to += 1;
      while (from > to && this.seenIn(from) === 0) from -= 1;
      if (from <= to) break;
      this.#keys.copyWithin(to * 3, from * 3, from * 3 + 3);
      this.#seen[to] = this.seenIn(from);
      this.#seen[from] = 0;
      moved(from, to);
    }
    this.#end = this.#size;
    this.#free = FREE;
    this.#resize(Math.min(this.#maxSlots, Math.max(MIN_CAPACITY, this.#size * 2)));
    return true;
  }

  #take(): number {
    const slot = this.#free;
    if (slot !== FREE) {
      this.#free = this.#keys[slot * 3] ?? FREE;
      return slot;
    }
    if (this.#end >= this.capacity) throw new Error('BUG: no room for a series.');
    return this.#end++;
  }

  #resize(capacity: number): void {
    const keys = new Int32Array(capacity * 3);
    keys.set(this.#keys.subarray(0, this.#end * 3));
    const seen = new Uint32Array(capacity);
    seen.set(this.#seen.subarray(0, this.#end));
    this.#keys = keys;
    this.#seen = seen;
    const places = placesFor(capacity);
    this.#index = new Int32Array(places).fill(FREE);
    this.#mask = places - 1;
    for (let slot = 0; slot < this.#end; slot++) if (this.seenIn(slot) > 0) this.#link(slot);
  }

  #link(slot: number): void {
    let at = (this.#keys[slot * 3] ?? 0) & this.#mask;
    while (this.#index[at] !== FREE) at = (at + 1) & this.#mask;
    this.#index[at] = slot;
  }

  /** What stands behind it and would no longer be found moves up, so that no place is lost to what is gone. */
  #unlink(slot: number): void {
    const index = this.#index;
    const mask = this.#mask;
    let hole = (this.#keys[slot * 3] ?? 0) & mask;
    while (index[hole] !== slot) {
      if (index[hole] === FREE) throw new Error('BUG: removed a series that was not there.');
      hole = (hole + 1) & mask;
    }
    for (let at = (hole + 1) & mask; index[at] !== FREE; at = (at + 1) & mask) {
      const home = (this.#keys[(index[at] ?? 0) * 3] ?? 0) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      index[hole] = index[at] ?? FREE;
      hole = at;
    }
    index[hole] = FREE;
  }
}

const NO_INDEX = new Int32Array(2).fill(FREE);

/** What a table with room for `capacity` series takes. */
export function seriesTableBytes(capacity: number): number {
  const places = placesFor(capacity);
  return capacity * BYTES_EACH + places * 4;
}

function placesFor(capacity: number): number {
  return capacity === 0 ? 0 : 2 ** Math.ceil(Math.log2(capacity * 1.5));
}
