import type { ByteHash } from './byte-hash.ts';
import {
  blankBytes,
  copyBytes,
  equalBytes,
  grownRoom,
  isFull,
  longerFloat64,
  longerInt32,
  longerUint8,
  slotsFor,
} from './columns.ts';
import type { Part } from './family.ts';
import { NEWLINE, type PageScanner } from './page-scanner.ts';

/** What an entry stands for. */
export const SAMPLE = 0;
export const METADATA = 1;

/** The cell of a series that relabelling drops; no entry, and no point's `NONE` either. */
export const DROPPED = -2;

/** Of a table that knows nothing of its target yet. */
const ROOM = 64;
const EMPTY_PLACE = -1;
const MISSING = -1;

/**
 * The lines a target was seen to send, recognised by their raw bytes, as columns of numbers.
 *
 *   keys   | of entry 0 | of entry 1 | ... |
 *           ^starts[0]   ^starts[1]         ^starts[count]
 *
 * An entry is a series (its bytes are name and labels, up to but not including the blank before the value) or a HELP, TYPE
 * or UNIT line (its bytes are the whole line with its newline). Pages rarely change their order, so the entry that came
 * next in the last good page is compared first; the hash table is asked only when that fails. Recognising a known line
 * allocates nothing. Entries are never removed: a table with too many dead ones is replaced as a whole.
 */
export class EntryTable {
  count = 0;
  kinds = new Uint8Array(ROOM);
  /** The part each sample plays on its page. */
  readonly parts: Part[] = [];
  /** Index of the family an entry belongs to. */
  families = new Int32Array(ROOM);
  /** Where the value goes: the entry itself, the entry that has the same identity, or DROPPED. */
  cells = new Int32Array(ROOM);
  values = new Float64Array(ROOM);
  /** Explicit timestamp in milliseconds, NaN when the line had none; undefined until one has. */
  stamps: Float64Array | undefined;
  /**
   * When the counting of an entry began, in ms, NaN when unknown; only of pages that say so beside the value. Undefined
   * until one does.
   */
  created: Float64Array | undefined;
  /** Number of the page that last held the entry. */
  seen = new Int32Array(ROOM);
  /** Entries of the last good page in its order. */
  order = new Int32Array(0);
  orderLength = 0;

  readonly #hash: ByteHash;
  /** Entries of the page being read, in its order, once that is not the order of the last good one any more. */
  #newOrder = new Int32Array(0);
  #newLength = 0;
  #isInOrder = true;
  #starts = new Int32Array(ROOM + 1);
  #hashes = new Int32Array(ROOM);
  #places = new Int32Array(ROOM);
  /** Open addressing: 0 is free, otherwise entry + 1. */
  #slots = new Int32Array(slotsFor(ROOM));
  #keys = blankBytes(ROOM * 64);
  /** Where in `order` the next line is expected. */
  #expected = 0;
  /** What `find` was last asked for. */
  #soughtStart = 0;
  #soughtEnd = 0;
  #soughtHash = 0;

  constructor(hash: ByteHash) {
    this.#hash = hash;
  }

  /** Makes room for `entries` in all, with `keyBytes` together. */
  reserve(entries: number, keyBytes: number): void {
    if (entries > this.kinds.length) this.#growEntries(entries);
    if (isFull(this.#slots, entries)) this.#rehash(entries);
    if (keyBytes > this.#keys.byteLength) this.#growKeys(keyBytes);
  }

  /** Bytes of memory held. */
  get bytes(): number {
    const columns = this.kinds.length * (37 + (this.stamps ? 8 : 0) + (this.created ? 8 : 0));
    const order = (this.order.length + this.#newOrder.length + this.#slots.length) * 4;
    return this.#keys.byteLength + columns + order + this.parts.length * 8;
  }

  get meanKeyBytes(): number {
    return (this.#starts[this.count] ?? 0) / Math.max(1, this.count);
  }

  beginPage(): void {
    this.#expected = 0;
    this.#newLength = 0;
    this.#isInOrder = true;
  }

  /** The page was good: its order is what the next one is expected to have. */
  endPage(): void {
    if (this.#isInOrder && this.#newLength === this.orderLength) return;
    if (!this.#isInOrder) {
      const { order } = this;
      this.order = this.#newOrder;
      this.#newOrder = order;
    }
    this.orderLength = this.#newLength;
    this.#places.fill(EMPTY_PLACE, 0, this.count);
    for (let at = 0; at < this.orderLength; at++) this.#places[this.order[at] ?? 0] = at;
  }

  /** The page was bad: its marks on the entries of the last good one are taken back. */
  abandonPage(lastGood: number): void {
    for (let at = 0; at < this.count; at++) if ((this.seen[at] ?? 0) > lastGood) this.seen[at] = 0;
    for (let at = 0; at < this.orderLength; at++) {
      const cell = this.cells[this.order[at] ?? 0] ?? 0;
      if (cell >= 0) this.seen[cell] = lastGood;
    }
  }

  /** The expected entry if the page holds its bytes at `pos`, which moves behind them; else -1. */
  tryExpected(page: PageScanner): number {
    if (this.#expected >= this.orderLength) return MISSING;
    const entry = this.order[this.#expected] ?? 0;
    const start = this.#starts[entry] ?? 0;
    const length = (this.#starts[entry + 1] ?? 0) - start;
    if (page.pos + length >= page.end + (this.kinds[entry] ?? 0)) return MISSING;
    if (!equalBytes(page.words, page.pos, this.#keys, start, length)) return MISSING;
    if (!this.#endsHere(page, entry, length)) return MISSING;
    this.#expected += 1;
    page.pos += length;
    return entry;
  }

  /** Page order that goes on behind an entry found out of turn. */
  expectAfter(entry: number): void {
    const place = entry < this.count ? (this.#places[entry] ?? EMPTY_PLACE) : EMPTY_PLACE;
    if (place !== EMPTY_PLACE) this.#expected = place + 1;
  }

  /** The entry whose bytes are `[start, end)` of the page, or -1; then `add` adds it. */
  find(page: DataView, start: number, end: number): number {
    this.#soughtStart = start;
    this.#soughtEnd = end;
    this.#soughtHash = this.#hash.of(page, start, end);
    return this.#lookUp(page, start, end - start, this.#soughtHash);
  }

  /** The entry whose bytes are the first `length` of `key`, the expected one or another; -1 when there is none. */
  recognise(key: DataView, length: number): number {
    const expected = this.#expected < this.orderLength ? (this.order[this.#expected] ?? 0) : MISSING;
    if (expected >= 0 && this.#isKey(expected, key, 0, length)) {
      this.#expected += 1;
      return expected;
    }
    const entry = this.find(key, 0, length);
    if (entry >= 0) this.expectAfter(entry);
    return entry;
  }

  /** Adds the bytes that `find` did not find when it was last asked. */
  add(page: DataView, kind: number, family: number): number {
    const entry = this.count;
    if (entry === this.kinds.length) this.#growEntries(grownRoom(entry, 0));
    this.count += 1;
    this.kinds[entry] = kind;
    this.families[entry] = family;
    this.cells[entry] = entry;
    this.#places[entry] = EMPTY_PLACE;
    this.#hashes[entry] = this.#soughtHash;
    this.#storeKey(page, this.#soughtStart, this.#soughtEnd);
    if (isFull(this.#slots, this.count)) this.#rehash(this.count);
    else this.#insert(entry);
    return entry;
  }

  /**
   * Series of the only page that was read into this table, which `old`, of the same hash, did not hold in its last good
   * page. A series is known by any of its lines, and counts once however often it stands on the page.
   */
  countNew(old: EntryTable, lastGood: number): number {
    const isKnown = new Uint8Array(this.count);
    let added = 0;
    for (let entry = 0; entry < this.count; entry++) {
      const cell = this.kinds[entry] === SAMPLE ? (this.cells[entry] ?? DROPPED) : DROPPED;
      if (cell < 0) continue;
      if (cell === entry) added += 1;
      if (isKnown[cell] === 0 && this.#wasHeld(entry, old, lastGood)) {
        isKnown[cell] = 1;
        added -= 1;
      }
    }
    return added;
  }

  #wasHeld(entry: number, old: EntryTable, lastGood: number): boolean {
    const start = this.#starts[entry] ?? 0;
    const length = (this.#starts[entry + 1] ?? 0) - start;
    const known = old.#lookUp(this.#keys, start, length, this.#hashes[entry] ?? 0);
    return known >= 0 && old.seen[old.cells[known] ?? 0] === lastGood;
  }

  /** Notes that the page being read holds this entry next. */
  append(entry: number): void {
    if (this.#isInOrder) {
      if (this.#newLength < this.orderLength && this.order[this.#newLength] === entry) {
        this.#newLength += 1;
        return;
      }
      this.#leaveOrder();
    }
    if (this.#newLength === this.#newOrder.length) {
      this.#newOrder = longerInt32(this.#newOrder, grownRoom(this.#newLength, this.kinds.length));
    }
    this.#newOrder[this.#newLength++] = entry;
  }

  /** Keeps when the counting of an entry began; NaN when its page does not say. */
  setCreated(entry: number, ms: number): void {
    if (this.created === undefined && Number.isNaN(ms)) return;
    this.created ??= new Float64Array(this.kinds.length).fill(Number.NaN);
    this.created[entry] = ms;
  }

  /** Keeps the explicit timestamp of an entry; NaN when its line has none. */
  setStamp(entry: number, ms: number): void {
    if (this.stamps === undefined && Number.isNaN(ms)) return;
    this.stamps ??= new Float64Array(this.kinds.length).fill(Number.NaN);
    this.stamps[entry] = ms;
  }

  #leaveOrder(): void {
    this.#isInOrder = false;
    // A page in text may hold an entry more than once: its order may be longer than the table.
    const needed = Math.max(this.#newLength, this.kinds.length);
    if (this.#newLength > this.#newOrder.length) this.#newOrder = new Int32Array(needed);
    this.#newOrder.set(this.order.subarray(0, this.#newLength));
  }

  #lookUp(words: DataView, start: number, length: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) return MISSING;
      if (this.#hashes[entry] === hash && this.#isKey(entry, words, start, length)) return entry;
    }
  }

  #isKey(entry: number, words: DataView, start: number, length: number): boolean {
    const from = this.#starts[entry] ?? 0;
    if ((this.#starts[entry + 1] ?? 0) - from !== length) return false;
    return equalBytes(words, start, this.#keys, from, length);
  }

  /** A series must end where its bytes end: `up` is not `up_total`, and `up` is not `up {a="b"}`. */
  #endsHere(page: PageScanner, entry: number, length: number): boolean {
    if (this.kinds[entry] === METADATA) return true;
    const last = page.bytes[page.pos + length - 1];
    if (last === 0x7d) return true;
    let at = page.pos + length;
    let next = page.bytes[at] ?? NEWLINE;
    if (next !== 0x20 && next !== 0x09) return false;
    while (next === 0x20 || next === 0x09) next = page.bytes[++at] ?? NEWLINE;
    return next !== 0x7b;
  }

  #storeKey(bytes: DataView, start: number, end: number): void {
    const from = this.#starts[this.count - 1] ?? 0;
    const needed = from + end - start;
    if (needed > this.#keys.byteLength) this.#growKeys(grownRoom(this.#keys.byteLength, needed));
    copyBytes(bytes, start, end, this.#keys, from);
    this.#starts[this.count] = needed;
  }

  #growKeys(length: number): void {
    const keys = blankBytes(length);
    copyBytes(this.#keys, 0, this.#starts[this.count - 1] ?? 0, keys, 0);
    this.#keys = keys;
  }

  #insert(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[entry] ?? 0) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #rehash(expected: number): void {
    this.#slots = new Int32Array(slotsFor(expected));
    for (let entry = 0; entry < this.count; entry++) this.#insert(entry);
  }

  #growEntries(room: number): void {
    this.kinds = longerUint8(this.kinds, room);
    this.families = longerInt32(this.families, room);
    this.cells = longerInt32(this.cells, room);
    this.seen = longerInt32(this.seen, room);
    this.#starts = longerInt32(this.#starts, room + 1);
    this.#hashes = longerInt32(this.#hashes, room);
    this.#places = longerInt32(this.#places, room);
    this.values = longerFloat64(this.values, room);
    if (this.stamps !== undefined) this.stamps = longerFloat64(this.stamps, room, Number.NaN);
    if (this.created !== undefined) this.created = longerFloat64(this.created, room, Number.NaN);
  }
}
