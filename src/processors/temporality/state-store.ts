import { copyBytes } from '../../otlp/writer.ts';

/** The smallest block. Each second one is twice as large, those between half as large again. */
const LEAST_BYTES = 32;
/** Memory is asked for in pages of about so much. */
const PAGE_BYTES = 16 * 1024;
/** Of a block in use: the length of its record. Of a free one: the next free one of the page, or -1. */
const HEADER_BYTES = 4;
const NONE = -1;
const BLOCK_BITS = 2 ** 26;

/** Says that a record is nowhere yet. */
export const NOWHERE = 0xffffffff;

interface Page {
  readonly bytes: Buffer;
  /** Index of the first free block; -1 for none. */
  free: number;
  used: number;
}

interface SizeClass {
  readonly blockBytes: number;
  readonly perPage: number;
  readonly pages: (Page | undefined)[];
  /** Numbers of the pages with free blocks. */
  readonly open: number[];
}

/**
 * Records of any length, each in one piece, in memory of its own: a million of them are no garbage.
 *
 *   class   blocks of one size: 32, 48, 64, 96, 128, ...     place of a record: class * 2^26 + page * perPage + block
 *   page    [ block | block | ... ]                          16 KiB, or one block where that is longer
 *   block   [ length 4 | record ... | unused ]
 *
 * Invariants: a block is free, in the chain of its page, or has one record. A page without a record is given back to the
 * system. A record that grows shorter stays where it is, so the one that was there before always fits again.
 */
export class StateStore {
  /** The record that `seek` stood on last: valid until the next `put` or `free`. */
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  /** Of all pages. */
  allocatedBytes = 0;
  readonly #classes: SizeClass[] = [];

  /**
   * Puts `source[start, end)` in the place of the record that is at `at`, or NOWHERE. Returns where it is now; NOWHERE, with the
   * old record as it was, when pages would take more than `limitBytes`.
   */
  put(at: number, source: Buffer, start: number, end: number, limitBytes: number): number {
    const length = end - start;
    const fits = at !== NOWHERE && length + HEADER_BYTES <= this.#classOf(at).blockBytes;
    const place = fits ? at : this.#take(length + HEADER_BYTES, limitBytes);
    if (place === NOWHERE) return NOWHERE;
    this.#stand(place);
    this.bytes.writeInt32LE(length, this.start - HEADER_BYTES);
    copyBytes(source, start, end, this.bytes, this.start);
    if (!fits && at !== NOWHERE) this.free(at);
    return place;
  }

  seek(at: number): void {
    this.#stand(at);
    this.end = this.start + this.bytes.readInt32LE(this.start - HEADER_BYTES);
  }

  free(at: number): void {
    const size = this.#classOf(at);
    const block = at % BLOCK_BITS;
    const number = Math.floor(block / size.perPage);
    const page = mustBeThere(size.pages[number]);
    const index = block % size.perPage;
    page.bytes.writeInt32LE(page.free, index * size.blockBytes);
    if (page.free === NONE) size.open.push(number);
    page.free = index;
    page.used -= 1;
    if (page.used > 0) return;
    size.pages[number] = undefined;
    size.open.splice(size.open.indexOf(number), 1);
    this.allocatedBytes -= page.bytes.length;
    this.bytes = NO_BYTES;
  }

  #stand(at: number): void {
    const size = this.#classOf(at);
    const block = at % BLOCK_BITS;
    this.bytes = mustBeThere(size.pages[Math.floor(block / size.perPage)]).bytes;
    this.start = (block % size.perPage) * size.blockBytes + HEADER_BYTES;
  }

  #classOf(at: number): SizeClass {
    return this.#class(Math.floor(at / BLOCK_BITS));
  }

  #class(number: number): SizeClass {
    const known = this.#classes[number];
    if (known !== undefined) return known;
    const blockBytes = blockBytesOf(number);
    const perPage = Math.max(1, Math.floor(PAGE_BYTES / blockBytes));
    return (this.#classes[number] = { blockBytes, perPage, pages: [], open: [] });
  }

  #take(bytes: number, limitBytes: number): number {
    let number = 2 * Math.max(0, 31 - Math.clz32(bytes - 1) - 5);
    while (blockBytesOf(number) < bytes) number += 1;
    const size = this.#class(number);
    const open = size.open.at(-1) ?? this.#newPage(size, limitBytes);
    if (open === NONE) return NOWHERE;
    const page = mustBeThere(size.pages[open]);
    const index = page.free;
    page.free = page.bytes.readInt32LE(index * size.blockBytes);
    page.used += 1;
    if (page.free === NONE) size.open.pop();
    return number * BLOCK_BITS + open * size.perPage + index;
  }

  #newPage(size: SizeClass, limitBytes: number): number {
    const bytes = size.blockBytes * size.perPage;
    if (this.allocatedBytes + bytes > limitBytes) return NONE;
    const page: Page = { bytes: Buffer.allocUnsafeSlow(bytes), free: 0, used: 0 };
    for (let index = 0; index < size.perPage; index++) {
      page.bytes.writeInt32LE(index + 1 < size.perPage ? index + 1 : NONE, index * size.blockBytes);
    }
    const gap = size.pages.indexOf(undefined);
    const number = gap < 0 ? size.pages.length : gap;
    size.pages[number] = page;
    size.open.push(number);
    this.allocatedBytes += bytes;
    return number;
  }
}

const NO_BYTES = Buffer.alloc(0);

function blockBytesOf(number: number): number {
  return (LEAST_BYTES + (number % 2) * (LEAST_BYTES / 2)) * 2 ** (number >> 1);
}

function mustBeThere(page: Page | undefined): Page {
  if (page === undefined) throw new Error('BUG: a record of a page that is not there.');
  return page;
}
