/** Bytes of memory for each id that there is room for, besides its share of the buckets. */
const BYTES_EACH = 20;
/** There are at least as many buckets as ids, and less than twice as many, 4 bytes each. */
const MAX_BUCKET_BYTES = 8;
const ID_BYTES = 16;

/**
 * Ids of traces as numbers, without an object or a string for any of them.
 *
 *   buckets  [ 0 | 3 | 0 | 1 | ... ]        the number + 1 of the first id of each bucket, 0 for none
 *   ids      [ 16 bytes | 16 bytes | ... ]  by number
 *   chain    [ 0 | 0 | 2 | ... ]            the number + 1 of the next in the same bucket; of a free number the next free
 *
 * Invariant: a number that `add` gave is that id's until `remove`, or until all get others, whatever else comes and goes;
 * numbers are less than `capacity`. The seed keeps senders from choosing ids that meet in one bucket.
 */
export class TraceIds {
  #words = new Uint32Array(0);
  #chain = new Uint32Array(0);
  #buckets = new Uint32Array(1);
  #free = 0;
  #unused = 0;
  #size = 0;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#chain.length;
  }

  get bytes(): number {
    return this.capacity * BYTES_EACH + this.#buckets.length * 4;
  }

  /** The number of the id at `at`, or -1. */
  find(bytes: Uint8Array, at: number): number {
    const a = word(bytes, at);
    const b = word(bytes, at + 4);
    const c = word(bytes, at + 8);
    const d = word(bytes, at + 12);
    const words = this.#words;
    let next = this.#buckets[this.#bucketOf(a, b, c, d)] ?? 0;
    while (next > 0) {
      const from = (next - 1) * 4;
      if (words[from] === a && words[from + 1] === b && words[from + 2] === c && words[from + 3] === d) return next - 1;
      next = this.#chain[next - 1] ?? 0;
    }
    return -1;
  }

  /** For an id that is not there. There is room: `size` is less than `capacity`. */
  add(bytes: Uint8Array, at: number): number {
    const slot = this.#take();
    const words = this.#words;
    for (let i = 0; i < 4; i++) words[slot * 4 + i] = word(bytes, at + i * 4);
    this.#link(slot);
    this.#size += 1;
    return slot;
  }

  remove(slot: number): void {
    const bucket = this.#bucketOfSlot(slot);
    const next = this.#chain[slot] ?? 0;
    let at = this.#buckets[bucket] ?? 0;
    if (at === slot + 1) this.#buckets[bucket] = next;
    else {
      while (at > 0 && this.#chain[at - 1] !== slot + 1) at = this.#chain[at - 1] ?? 0;
      if (at === 0) throw new Error('BUG: removed a trace id that was not there.');
      this.#chain[at - 1] = next;
    }
    this.#chain[slot] = this.#free;
    this.#free = slot + 1;
    this.#size -= 1;
  }

  /** Writes the 16 bytes of an id. */
  copy(slot: number, to: Uint8Array, at: number): void {
    for (let i = 0; i < ID_BYTES; i++) to[at + i] = ((this.#words[slot * 4 + (i >> 2)] ?? 0) >>> ((i & 3) * 8)) & 0xff;
  }

  /**
   * Gives memory back: all ids, whose numbers are the keys in ascending order, get numbers that are 0 and up in this order.
   */
  renumber(numbers: ReadonlyMap<number, number>, capacity: number): void {
    if (numbers.size !== this.#size) throw new Error('BUG: not every trace id has a new number.');
    moveDown(this.#words, numbers, 4);
    this.#free = 0;
    this.#unused = numbers.size;
    this.grow(capacity);
  }

  /** Numbers stay. */
  grow(capacity: number): void {
    this.#words = grown(this.#words, capacity * 4);
    this.#chain = grown(this.#chain, capacity);
    this.#buckets = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, capacity))));
    const isFree = this.#freeSlots();
    for (let slot = 0; slot < this.#unused; slot++) if (!isFree.has(slot)) this.#link(slot);
  }

  #freeSlots(): Set<number> {
    const slots = new Set<number>();
    for (let next = this.#free; next > 0; next = this.#chain[next - 1] ?? 0) slots.add(next - 1);
    return slots;
  }

  #take(): number {
    if (this.#free > 0) {
      const slot = this.#free - 1;
      this.#free = this.#chain[slot] ?? 0;
      return slot;
    }
    if (this.#unused >= this.capacity) throw new Error('BUG: no room for a trace id.');
    return this.#unused++;
  }

  #link(slot: number): void {
    const bucket = this.#bucketOfSlot(slot);
    this.#chain[slot] = this.#buckets[bucket] ?? 0;
    this.#buckets[bucket] = slot + 1;
  }

  #bucketOfSlot(slot: number): number {
    const words = this.#words;
    const from = slot * 4;
    return this.#bucketOf(words[from] ?? 0, words[from + 1] ?? 0, words[from + 2] ?? 0, words[from + 3] ?? 0);
  }

  #bucketOf(a: number, b: number, c: number, d: number): number {
    let hash = this.#seed;
    hash = mixed(hash ^ a);
    hash = mixed(hash ^ b);
    hash = mixed(hash ^ c);
    hash = mixed(hash ^ d);
    return hash & (this.#buckets.length - 1);
  }
}

/** How much `capacity` ids take at most. */
export function traceIdBytes(capacity: number): number {
  return capacity * (BYTES_EACH + MAX_BUCKET_BYTES);
}

/** Twice the room, or the first of it, but never more than `limit`. */
export function nextCapacity(capacity: number, limit: number): number {
  return Math.min(limit, Math.max(1024, capacity * 2));
}

/** Entries of `each` elements go to lower places: from the keys, in ascending order, to the values. */
export function moveDown(array: Uint32Array | Float64Array, places: ReadonlyMap<number, number>, each: number): void {
  for (const [from, to] of places) array.copyWithin(to * each, from * each, (from + 1) * each);
}

export function grown<A extends Uint8Array | Uint32Array | Float32Array | Float64Array>(array: A, length: number): A;
export function grown(
  array: Uint8Array | Uint32Array | Float32Array | Float64Array,
  length: number,
): Uint8Array | Uint32Array | Float32Array | Float64Array {
  const larger = emptyLike(array, length);
  // Of length 0 it gives everything back.
  larger.set(array.subarray(0, length));
  return larger;
}

function emptyLike(
  array: Uint8Array | Uint32Array | Float32Array | Float64Array,
  length: number,
): Uint8Array | Uint32Array | Float32Array | Float64Array {
  if (array instanceof Uint32Array) return new Uint32Array(length);
  if (array instanceof Float64Array) return new Float64Array(length);
  if (array instanceof Float32Array) return new Float32Array(length);
  return new Uint8Array(length);
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

/** One round of Murmur3's finalizer. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
