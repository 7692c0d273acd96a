import { retainedBytes } from '../../core/batch.ts';
import { freeBytes, keepBytes } from '../../core/reuse.ts';
import { mustBatch, type Entry } from './entry.ts';
import { Line } from './line.ts';
import type { ChunkPool, ReadChunk } from './read-chunk.ts';
import type { Segment } from './segment.ts';

export interface WindowOptions {
  readonly memoryBytes: number;
  readonly freshFirst: boolean;
  readonly pool: ChunkPool;
  /** Memory let go of an entry; it rests on disk. */
  readonly onRest: (entry: Entry) => void;
}

/** With `freshFirst` the backlog has this share of memory, and every this many-th lease. */
const BACKLOG_SHARE = 4;

/**
 * What is in memory: entries just written, entries read back, and those that are leased.
 *
 * Invariants: `#fresh` and `#backlog` sum the memory of the entries of each kind, leased ones too; a chunk counts as a
 * whole from its first entry to its last. Without `freshFirst` both kinds stand in one line, in order.
 */
export class Window {
  readonly leased = new Set<Entry>();
  readonly #options: WindowOptions;
  readonly #freshLine = new Line();
  readonly #backlogLine: Line;
  #fresh = 0;
  #backlog = 0;
  #leasesOfFresh = 0;

  constructor(options: WindowOptions) {
    this.#options = options;
    this.#backlogLine = options.freshFirst ? new Line() : this.#freshLine;
  }

  get bytes(): number {
    return this.#fresh + this.#backlog;
  }

  /** Entries that can be leased. */
  get length(): number {
    return this.#freshLine.length + (this.#options.freshFirst ? this.#backlogLine.length : 0);
  }

  get backlogLength(): number {
    return this.#backlogLine.length;
  }

  /** The oldest that can be leased. */
  get oldest(): Entry | undefined {
    const fresh = this.#freshLine.first;
    const backlog = this.#backlogLine.first;
    return fresh === undefined || (backlog !== undefined && backlog.order < fresh.order) ? backlog : fresh;
  }

  /** Whether `bytes` more may be read. One piece is always allowed, or nothing would move. */
  mayRead(bytes: number): boolean {
    const { memoryBytes, freshFirst } = this.#options;
    if (freshFirst) return this.#backlog === 0 || this.#backlog + bytes <= memoryBytes / BACKLOG_SHARE;
    return this.bytes === 0 || this.bytes + bytes <= memoryBytes;
  }

  /** Keeps what was just written, if there is room; with `freshFirst` at the cost of the oldest that is in memory. */
  tryKeep(entry: Entry, restingRequests: number): boolean {
    const { memoryBytes, freshFirst } = this.#options;
    const bytes = retainedBytes(mustBatch(entry));
    if (!freshFirst) {
      // Behind something that rests it would only wait in memory.
      if (restingRequests > 0 || this.bytes + bytes > memoryBytes) return false;
    } else {
      const limit = memoryBytes - memoryBytes / BACKLOG_SHARE;
      while (this.#fresh + bytes > limit) {
        const oldest = this.#freshLine.shift();
        if (oldest === undefined) return false;
        this.#letRest(oldest);
      }
    }
    entry.retained = bytes;
    entry.fresh = true;
    this.#fresh += bytes;
    this.put(entry);
    return true;
  }

  /** An entry of a chunk that was read. */
  keepRead(entry: Entry, chunk: ReadChunk): void {
    entry.chunk = chunk;
    entry.fresh = false;
    chunk.records += 1;
    chunk.held += 1;
    if (chunk.held === 1) this.#backlog += chunk.bytes.byteLength;
    this.put(entry);
  }

  put(entry: Entry): void {
    entry.state = 'ready';
    (entry.fresh ? this.#freshLine : this.#backlogLine).insert(entry);
  }

  /** Whether a later one stands in the line that it belongs to, so that nothing which rests comes before it. */
  isWithin(entry: Entry): boolean {
    if (entry.fresh && this.#options.freshFirst) return true;
    const { last } = entry.fresh ? this.#freshLine : this.#backlogLine;
    return last !== undefined && entry.order < last.order;
  }

  remove(entry: Entry): void {
    (entry.fresh ? this.#freshLine : this.#backlogLine).remove(entry);
  }

  /** All of the segment that waits leaves the lines and memory, and rests. */
  forget(segment: Segment): void {
    for (const line of new Set([this.#freshLine, this.#backlogLine])) {
      for (const entry of line.takeOf(segment)) {
        this.release(entry);
        entry.state = 'gone';
        segment.rest(entry.index, entry.items, entry.bytes);
      }
    }
  }

  /** Takes the next one out of its line; `release` or `put` follows. */
  tryLease(): Entry | undefined {
    const entry = this.#nextLine().shift();
    if (entry === undefined) return undefined;
    this.#leasesOfFresh = entry.fresh ? this.#leasesOfFresh + 1 : 0;
    entry.state = 'leased';
    entry.lent = true;
    this.leased.add(entry);
    return entry;
  }

  /** Memory of an entry that is in no line is not counted any more. */
  release(entry: Entry): void {
    if (entry.chunk === undefined) {
      if (entry.fresh) this.#fresh -= entry.retained;
      entry.retained = 0;
      return;
    }
    entry.chunk.held -= 1;
    if (entry.chunk.held === 0) this.#backlog -= entry.chunk.bytes.byteLength;
  }

  /** Lets go of the memory of an entry that is on disk and in no line. */
  letGo(entry: Entry): void {
    this.release(entry);
    const batch = mustBatch(entry);
    // Whoever had it leased may still read it.
    if (entry.lent) keepBytes(batch);
    else freeBytes(batch);
    entry.batch = undefined;
    entry.chunk = undefined;
  }

  /** Lets memory go, what is needed last first; returns the bytes. */
  shed(bytes: number): number {
    const idle = this.#options.pool.shed();
    const before = this.bytes;
    const { freshFirst } = this.#options;
    while (idle + before - this.bytes < bytes) {
      const entry = freshFirst ? (this.#backlogLine.pop() ?? this.#freshLine.shift()) : this.#freshLine.pop();
      if (entry === undefined) break;
      this.#letRest(entry);
    }
    const freed = idle + before - this.bytes;
    // What came back to the pool just now.
    this.#options.pool.shed();
    return freed;
  }

  #letRest(entry: Entry): void {
    this.letGo(entry);
    entry.state = 'resting';
    this.#options.onRest(entry);
  }

  #nextLine(): Line {
    if (!this.#options.freshFirst || this.#freshLine.length === 0) return this.#backlogLine;
    const backlogIsDue = this.#leasesOfFresh >= BACKLOG_SHARE - 1 && this.#backlogLine.length > 0;
    return backlogIsDue ? this.#backlogLine : this.#freshLine;
  }
}
