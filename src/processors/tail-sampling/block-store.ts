/** Small, because the last block of each trace is half empty; two machine lines. */
export const BLOCK_BYTES = 128;
const SEGMENT_BLOCKS = 2048;
const SEGMENT_BYTES = BLOCK_BYTES * SEGMENT_BLOCKS;
/** Memory is asked for in steps of so much. */
export const STEP_BYTES = SEGMENT_BYTES + 4 * SEGMENT_BLOCKS;
const SEGMENT_SHIFT = 11;
const BLOCK_SHIFT = 7;
/** Of a record: what it refers to, and its length. */
const HEADER_BYTES = 8;
const ALIGNMENT = 8;
/** Empty segments that stay for what comes, as a share of all. */
const SPARE = 1 / 8;
const NONE = 0xffffffff;
/** Places in a block, with the one behind its last byte, in a power of two. */
const POSITIONS = 2 * BLOCK_BYTES;

/** A run of records in blocks that follow each other by `next`; a plain value, copied in and out of tables. */
export interface Chain {
  first: number;
  last: number;
  /** Bytes used of the last block, a multiple of 8. */
  end: number;
  /** What all of its records refer to; MIXED where they differ, or nobody remembers. */
  reference: number;
}

export const MIXED = 0xfffffffe;

export function makeChain(): Chain {
  return { first: NONE, last: NONE, end: BLOCK_BYTES, reference: NONE };
}

export function clearChain(chain: Chain): void {
  chain.first = NONE;
  chain.last = NONE;
  chain.end = BLOCK_BYTES;
  chain.reference = NONE;
}

interface Segment {
  readonly index: number;
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly next: Uint32Array;
  /** Index of the first free block inside the segment; SEGMENT_BLOCKS for none. */
  free: number;
  freeCount: number;
}

/**
 * Memory of the buffer's own, in which spans lie one behind the other, trace by trace:
 *
 *   segment  256 KiB, 2,048 blocks                       numbers of blocks: segment << 11 | block
 *   block    128 bytes; `next` of the segment tells which follows it
 *   record   [ reference 4 | length 4 | content ... | padding to 8 ]   goes on in the next block where one ends
 *
 * Blocks are taken and given back in runs, so that most of a span lies in one piece, and is copied as one. Invariants: a
 * header never crosses the end of a block; each block is free, or part of one chain; a segment without a used block is
 * given back to the system, except for a few.
 */
export class BlockStore {
  readonly #segments: (Segment | undefined)[] = [];
  /** Segments with free blocks and blocks in use, besides the current one. */
  readonly #open: Segment[] = [];
  /** Segments that are free as a whole, besides the current one: used last, so that they can be given back. */
  readonly #empty: Segment[] = [];
  #current: Segment | undefined;
  #usedBlocks = 0;
  #segmentCount = 0;
  #emptySegments = 0;

  /** Of blocks in use. */
  get usedBytes(): number {
    return this.#usedBlocks * BLOCK_BYTES;
  }

  /** Of all segments there are. */
  get allocatedBytes(): number {
    return this.#segmentCount * STEP_BYTES;
  }

  /** Of segments with a block in use: no less is taken until some of these are free as a whole. */
  get pinnedBytes(): number {
    return (this.#segmentCount - this.#emptySegments) * STEP_BYTES;
  }

  /** Gives back the empty segments that stay otherwise. */
  trim(): void {
    for (const segment of this.#segments) if (segment?.freeCount === SEGMENT_BLOCKS) this.#drop(segment);
  }

  /** Appends a record: `source[start, end)` under `reference`. */
  append(chain: Chain, reference: number, source: Buffer, start: number, end: number): void {
    if (chain.first === NONE) chain.reference = reference;
    else if (chain.reference !== reference) chain.reference = MIXED;
    if (chain.end === BLOCK_BYTES) this.#extend(chain);
    const header = this.#mustSegment(chain.last);
    const at = wordAt(chain.last, chain.end);
    header.words[at] = reference;
    header.words[at + 1] = end - start;
    chain.end += HEADER_BYTES;
    for (let from = start; from < end;) from += this.#copyIn(chain, source, from, end);
    chain.end = Math.ceil(chain.end / ALIGNMENT) * ALIGNMENT;
  }

  /** Copies as much as lies in one piece; returns how much that was. */
  #copyIn(chain: Chain, source: Buffer, from: number, end: number): number {
    if (chain.end === BLOCK_BYTES) this.#extend(chain);
    const segment = this.#mustSegment(chain.last);
    const to = byteAt(chain.last, chain.end);
    let room = BLOCK_BYTES - chain.end;
    let { last } = chain;
    // While the next free block is the one that lies behind.
    while (room < end - from && segment === this.#current && segment.free === (last & (SEGMENT_BLOCKS - 1)) + 1) {
      if (segment.free === SEGMENT_BLOCKS) break;
      this.#extend(chain);
      last = chain.last;
      room += BLOCK_BYTES;
    }
    const length = Math.min(room, end - from);
    source.copy(segment.bytes, to, from, from + length);
    chain.end = BLOCK_BYTES - (room - length);
    return length;
  }

  #extend(chain: Chain): void {
    const block = this.#take();
    if (chain.first === NONE) chain.first = block;
    else this.#mustSegment(chain.last).next[chain.last & (SEGMENT_BLOCKS - 1)] = block;
    chain.last = block;
    chain.end = 0;
  }

  #take(): number {
    let current = this.#current;
    if (current === undefined || current.freeCount === 0) {
      current = this.#open.pop() ?? this.#empty.pop() ?? this.#newSegment();
      this.#current = current;
    }
    if (current.freeCount === SEGMENT_BLOCKS) this.#emptySegments -= 1;
    const block = current.free;
    current.free = current.next[block] ?? SEGMENT_BLOCKS;
    current.freeCount -= 1;
    this.#usedBlocks += 1;
    return (current.index << SEGMENT_SHIFT) | block;
  }

  #newSegment(): Segment {
    const bytes = Buffer.allocUnsafeSlow(SEGMENT_BYTES);
    const gap = this.#segments.indexOf(undefined);
    const segment: Segment = {
      index: gap < 0 ? this.#segments.length : gap,
      bytes,
      words: new Uint32Array(bytes.buffer),
      next: Uint32Array.from({ length: SEGMENT_BLOCKS }, (_, block) => block + 1),
      free: 0,
      freeCount: SEGMENT_BLOCKS,
    };
    this.#segments[segment.index] = segment;
    this.#segmentCount += 1;
    this.#emptySegments += 1;
    return segment;
  }

  /** Gives all blocks of a chain back; `chain` itself is left as it is, and must not be used again. */
  free(chain: Chain): void {
    if (chain.first === NONE) return;
    let from = chain.first;
    for (;;) {
      const segment = this.#mustSegment(from);
      const to = this.#endOfRun(segment, from, chain.last);
      const following = segment.next[to & (SEGMENT_BLOCKS - 1)] ?? 0;
      this.#freeRun(segment, from, to);
      if (to === chain.last) return;
      from = following;
    }
  }

  /** The last of the blocks from `from` on that are in the same segment; counts them as free. */
  #endOfRun(segment: Segment, from: number, last: number): number {
    let to = from;
    let count = 1;
    while (to !== last) {
      const next = segment.next[to & (SEGMENT_BLOCKS - 1)] ?? 0;
      if (next >>> SEGMENT_SHIFT !== segment.index) break;
      // Inside a segment free blocks are linked by their index alone.
      segment.next[to & (SEGMENT_BLOCKS - 1)] = next & (SEGMENT_BLOCKS - 1);
      to = next;
      count += 1;
    }
    this.#usedBlocks -= count;
    if (segment.freeCount === 0 && segment !== this.#current) this.#open.push(segment);
    segment.freeCount += count;
    return to;
  }

  #freeRun(segment: Segment, from: number, to: number): void {
    segment.next[to & (SEGMENT_BLOCKS - 1)] = segment.free;
    segment.free = from & (SEGMENT_BLOCKS - 1);
    if (segment.freeCount < SEGMENT_BLOCKS) return;
    this.#emptySegments += 1;
    if (segment !== this.#current) {
      this.#open.splice(this.#open.indexOf(segment), 1);
      this.#empty.push(segment);
    }
    if (this.#emptySegments > Math.max(1, this.#segmentCount * SPARE)) this.#drop(segment);
  }

  #drop(segment: Segment): void {
    if (segment === this.#current) this.#current = undefined;
    else this.#empty.splice(this.#empty.indexOf(segment), 1);
    this.#segments[segment.index] = undefined;
    this.#segmentCount -= 1;
    this.#emptySegments -= 1;
  }

  /** Where a record is read: at its first, or behind another. */
  readonly reader = {
    block: NONE,
    at: 0,
    reference: 0,
    length: 0,
  };

  /** Stands before the first record of `chain`. */
  rewind(chain: Chain): void {
    this.reader.block = chain.first;
    this.reader.at = 0;
    this.reader.length = 0;
  }

  /** Goes to the next record of `chain`: `reader.reference` and `length`; false behind the last. */
  next(chain: Chain): boolean {
    const { reader } = this;
    if (chain.first === NONE) return false;
    this.#skip(reader.length, chain.last);
    if (reader.block === chain.last && reader.at >= chain.end) return false;
    const { words } = this.#mustSegment(reader.block);
    const at = wordAt(reader.block, reader.at);
    reader.reference = words[at] ?? 0;
    reader.length = words[at + 1] ?? 0;
    reader.at += HEADER_BYTES;
    return true;
  }

  /** Over the rest of a record and its padding, and into the next block at the end of one. */
  #skip(length: number, last: number): void {
    const { reader } = this;
    let at = Math.ceil((reader.at + length) / ALIGNMENT) * ALIGNMENT;
    let { block } = reader;
    while (at > BLOCK_BYTES || (at === BLOCK_BYTES && block !== last)) {
      block = this.#nextOf(block);
      at -= BLOCK_BYTES;
    }
    reader.block = block;
    reader.at = at;
  }

  /** Where the content of the record that `reader` stands on begins, for `copyOut`. */
  position(): number {
    return this.reader.block * POSITIONS + this.reader.at;
  }

  /** Copies `length` bytes from `position` on to `target[to]`. */
  copyOut(position: number, length: number, target: Buffer, to: number): void {
    let block = Math.floor(position / POSITIONS);
    let at = position % POSITIONS;
    for (let left = length, pos = to; left > 0;) {
      if (at === BLOCK_BYTES) {
        block = this.#nextOf(block);
        at = 0;
      }
      const segment = this.#mustSegment(block);
      const from = byteAt(block, at);
      let room = BLOCK_BYTES - at;
      while (room < left && segment.next[block & (SEGMENT_BLOCKS - 1)] === block + 1) {
        if (((block + 1) & (SEGMENT_BLOCKS - 1)) === 0) break;
        block += 1;
        room += BLOCK_BYTES;
      }
      const count = Math.min(room, left);
      segment.bytes.copy(target, pos, from, from + count);
      pos += count;
      left -= count;
      at = BLOCK_BYTES;
    }
  }

  #nextOf(block: number): number {
    return this.#mustSegment(block).next[block & (SEGMENT_BLOCKS - 1)] ?? NONE;
  }

  #mustSegment(block: number): Segment {
    const segment = this.#segments[block >>> SEGMENT_SHIFT];
    if (segment === undefined) throw new Error('BUG: a block of a segment that is not there.');
    return segment;
  }
}

function byteAt(block: number, at: number): number {
  return ((block & (SEGMENT_BLOCKS - 1)) << BLOCK_SHIFT) + at;
}

function wordAt(block: number, at: number): number {
  return byteAt(block, at) >>> 2;
}
