import { NEWLINE, type PageScanner } from './page-scanner.ts';

/** What an entry stands for. */
export const SAMPLE = 0;
export const METADATA = 1;

/** The cell of a series that relabelling drops; no entry, and no point's `NO_ENTRY` either. */
export const DROPPED = -2;

const EMPTY_PLACE = -1;

/** Bytes that hold keys: a page, or the keys of another table. */
type KeyBytes = Pick<PageScanner, 'bytes' | 'words' | 'pos'>;

/**
 * The lines a target was seen to send, recognised by their raw bytes, as columns of numbers.
 *
 * An entry is a series (its bytes are name and labels, up to but not including the blank before the value) or a HELP, TYPE
 * or UNIT line (its bytes are the whole line with its newline). Pages rarely change their order, so the entry that came
 * next in the last good page is compared first; the hash table is asked only when that fails. Recognising a known line
 * allocates nothing. Entries are never removed: a table with too many dead ones is replaced as a whole.
 */
export class EntryTable {
  count = 0;
  kinds = new Uint8Array(256);
  /** Index of the family an entry belongs to. */
  families = new Int32Array(256);
  /** Where the value goes: the entry itself, the entry that has the same identity, or DROPPED. */
  cells = new Int32Array(256);
  values = new Float64Array(256);
  /** Explicit timestamp in milliseconds, NaN when the line had none. */
  stamps = new Float64Array(256);
  /**
   * When the counting of an entry began, in ms, NaN when unknown; only of pages that say so beside the value. Undefined
   * until one does.
   */
  created: Float64Array<ArrayBuffer> | undefined;
  /** Number of the page that last held the entry. */
  seen = new Int32Array(256);
  /** Entries of the last good page in its order, and of the page being read. */
  order = new Int32Array(256);
  orderLength = 0;
  nextOrder = new Int32Array(256);
  nextLength = 0;

  #keyStarts = new Int32Array(256);
  #keyLengths = new Int32Array(256);
  #hashes = new Int32Array(256);
  #places = new Int32Array(256);
  /** Open addressing: 0 is free, otherwise entry + 1. */
  #slots = new Int32Array(512);
  #keys = Buffer.allocUnsafeSlow(16_384);
  #keyWords = wordsOf(this.#keys);
  #keyBytes = 0;
  /** Where in `order` the next line is expected. */
  #expected = 0;

  beginPage(): void {
    this.#expected = 0;
    this.nextLength = 0;
  }

  /** The page was good: its order is what the next one is expected to have. */
  endPage(): void {
    const { order } = this;
    this.order = this.nextOrder;
    this.orderLength = this.nextLength;
    this.nextOrder = order;
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
    if (this.#expected >= this.orderLength) return -1;
    const entry = this.order[this.#expected] ?? 0;
    const length = this.#keyLengths[entry] ?? 0;
    if (page.pos + length >= page.end + (this.kinds[entry] ?? 0)) return -1;
    if (!this.#equals(page, entry, length) || !this.#endsHere(page, entry, length)) return -1;
    this.#expected += 1;
    page.pos += length;
    return entry;
  }

  /** Page order that goes on behind an entry found out of turn. */
  expectAfter(entry: number): void {
    const place = entry < this.count ? (this.#places[entry] ?? EMPTY_PLACE) : EMPTY_PLACE;
    if (place !== EMPTY_PLACE) this.#expected = place + 1;
  }

  /** The entry whose bytes are `[start, end)` of the page, or -1. */
  find(page: KeyBytes, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    const hash = hashBytes(page.bytes, start, end);
    const from = page.pos;
    page.pos = start;
    let found = -1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) break;
      if (this.#hashes[entry] !== hash || this.#keyLengths[entry] !== end - start) continue;
      if (!this.#equals(page, entry, end - start)) continue;
      found = entry;
      break;
    }
    page.pos = from;
    return found;
  }

  /** The entry whose bytes are the first `length` of `key`, the expected one or another; -1 when there is none. */
  recognise(key: KeyBytes, length: number): number {
    const expected = this.#expected < this.orderLength ? (this.order[this.#expected] ?? 0) : -1;
    if (expected >= 0 && this.#keyLengths[expected] === length && this.#equals(key, expected, length)) {
      this.#expected += 1;
      return expected;
    }
    const entry = this.find(key, 0, length);
    if (entry >= 0) this.expectAfter(entry);
    return entry;
  }

  /** Adds the bytes `[start, end)` of the page, which no entry has. */
  add(page: Pick<KeyBytes, 'bytes'>, start: number, end: number, kind: number, family: number): number {
    const entry = this.count;
    if (entry === this.kinds.length) this.#growEntries();
    if ((entry + 1) * 2 > this.#slots.length) this.#growSlots();
    this.count += 1;
    this.kinds[entry] = kind;
    this.families[entry] = family;
    this.cells[entry] = entry;
    this.stamps[entry] = Number.NaN;
    this.#places[entry] = EMPTY_PLACE;
    this.#keyStarts[entry] = this.#keyBytes;
    this.#keyLengths[entry] = end - start;
    this.#hashes[entry] = hashBytes(page.bytes, start, end);
    this.#storeKey(page.bytes, start, end);
    this.#insert(entry);
    return entry;
  }

  /** Series of the last good page here that `old` did not hold in its own, page `lastGood`. */
  countNew(old: EntryTable, lastGood: number): number {
    const keys = { bytes: this.#keys, words: this.#keyWords, pos: 0 };
    let added = 0;
    for (let at = 0; at < this.orderLength; at++) {
      const entry = this.order[at] ?? 0;
      if (this.kinds[entry] !== SAMPLE || this.cells[entry] !== entry) continue;
      const start = this.#keyStarts[entry] ?? 0;
      const known = old.find(keys, start, start + (this.#keyLengths[entry] ?? 0));
      if (known < 0 || old.seen[old.cells[known] ?? 0] !== lastGood) added += 1;
    }
    return added;
  }

  /** Notes that the page being read holds this entry next. */
  append(entry: number): void {
    if (this.nextLength === this.nextOrder.length) this.nextOrder = grownInt32(this.nextOrder);
    this.nextOrder[this.nextLength++] = entry;
  }

  /** Keeps when the counting of an entry began; NaN when its page does not say. */
  setCreated(entry: number, ms: number): void {
    if (this.created === undefined && Number.isNaN(ms)) return;
    this.created ??= new Float64Array(this.kinds.length).fill(Number.NaN);
    this.created[entry] = ms;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#keys.length + this.kinds.length * 49 + this.#slots.length * 4 + this.nextOrder.length * 8;
  }

  #equals(page: KeyBytes, entry: number, length: number): boolean {
    const { words, bytes, pos } = page;
    const start = this.#keyStarts[entry] ?? 0;
    const keyWords = this.#keyWords;
    let at = 0;
    for (; at + 4 <= length; at += 4) {
      if (words.getInt32(pos + at, true) !== keyWords.getInt32(start + at, true)) return false;
    }
    for (; at < length; at++) if (bytes[pos + at] !== this.#keys[start + at]) return false;
    return true;
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

  #storeKey(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#keyBytes + end - start;
    if (needed > this.#keys.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#keys.length * 2, needed));
      this.#keys.copy(grown, 0, 0, this.#keyBytes);
      this.#keys = grown;
      this.#keyWords = wordsOf(grown);
    }
    const keys = this.#keys;
    for (let at = start, to = this.#keyBytes; at < end; at++, to++) keys[to] = bytes[at] ?? 0;
    this.#keyBytes = needed;
  }

  #insert(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[entry] ?? 0) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let entry = 0; entry < this.count; entry++) this.#insert(entry);
  }

  #growEntries(): void {
    const kinds = new Uint8Array(this.kinds.length * 2);
    kinds.set(this.kinds);
    this.kinds = kinds;
    this.families = grownInt32(this.families);
    this.cells = grownInt32(this.cells);
    this.seen = grownInt32(this.seen);
    this.#keyStarts = grownInt32(this.#keyStarts);
    this.#keyLengths = grownInt32(this.#keyLengths);
    this.#hashes = grownInt32(this.#hashes);
    this.#places = grownInt32(this.#places);
    this.values = grownFloat64(this.values);
    this.stamps = grownFloat64(this.stamps);
    if (this.created !== undefined) this.created = grownFloat64(this.created);
  }
}

function grownInt32(column: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(column.length * 2);
  grown.set(column);
  return grown;
}

function grownFloat64(column: Float64Array): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(column.length * 2);
  grown.set(column);
  return grown;
}

function wordsOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** FNV-1a, 32 bits. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  // The low bits choose the place; fold the high ones in.
  return hash ^ (hash >>> 15);
}
