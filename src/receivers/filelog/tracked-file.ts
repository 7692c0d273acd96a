import type { FileStats, Inode, OpenFile, Watch } from '../../core/file-system.ts';
import type { GzipContent } from './archives/gzip-content.ts';
import { markOf, type ByteRange, type FileRecord, type Mark } from './identity.ts';
import type { Piece, PieceOwner } from './joining/piece.ts';
import { Settlement, type Range } from './settlement.ts';

const EMPTY = new Uint8Array(0);

/**
 * One open file.
 *
 *   0 ........ acked ........ offset ........ size
 *     settled        in flight      unread
 *
 * Invariants: the descriptor stays open until the file is closed on purpose, whatever happens to its names; the
 * `ranges` of the settlement are the bytes between `acked` and `offset`.
 */
export class TrackedFile implements PieceOwner {
  /** The name that it goes by: the last one under which it matched. */
  path: string;
  /** Where that name leads, through links. */
  realPath: string;
  readonly openedAs: string;
  readonly content: OpenFile;
  readonly key: string;
  readonly dev: number;
  readonly ino: Inode;
  readonly birthMs: number;
  follower: Watch | undefined;
  /** Set where the content is compressed: offsets are places in what it holds. */
  archive: GzipContent | undefined;

  /** The first byte that was not read into a range. */
  offset = 0;
  /** The bytes before `offset`, at most TAIL_BYTES. */
  tail: Uint8Array = EMPTY;
  /** The first bytes of the file, as many as were seen, up to the fingerprint size. */
  head: Uint8Array = EMPTY;
  /** Size when it was last looked at. */
  size = 0;
  /** What begins at `offset` is the rest of a record that was cut at max_log_size. */
  afterCut = false;
  records = 0;
  /** Size at which what is left at the end could not be taken, such as half a unit of UTF-16: it waits for more. */
  unfinishedSize = -1;

  /** Of the content that it has. */
  settlement = new Settlement(0, EMPTY, false, 0);
  #headMark: Mark = markOf(EMPTY);
  #headMarked = 0;
  /** Grows when the file is read again from the start. */
  epoch = 0;
  /** Lines of it, or of its predecessor, wait for further ones. */
  holdsLines = false;
  /** Monotonic time when lines that wait for further ones are written without them. */
  heldDueMs = Number.POSITIVE_INFINITY;
  /** The epoch of the content that held lines were read from. */
  heldEpoch = 0;
  /** The file that had this one's name before, as long as this one was not read: lines of it may go on here. */
  predecessor: TrackedFile | undefined;
  successor: TrackedFile | undefined;

  /** A path that matches leads to this file. False after it was rotated away or removed. */
  matched = true;
  /** Batches of it were refused; nothing more is read until they are taken. */
  paused = false;
  /** Bytes that were seen and not read, and were cut off together with some that were read. */
  cutBytes = 0;
  /** Size at which the last turn came to the end; -1 when it did not. */
  restedSize = -1;
  /** Monotonic times. */
  lastTurnMs = Number.NEGATIVE_INFINITY;
  grewMs = 0;
  unmatchedMs = 0;
  openedMs = 0;
  /** It is still to be deleted, so it does not give way to others when it was read. */
  keepsPlace = false;
  /** Nobody will write to it again: the next turn writes the lines that wait. */
  isOver = false;
  /** A turn is reading it at this moment, so its descriptor must stay. */
  inTurn = false;
  /** The look at the disk that found it last, and what it found. */
  look = 0;
  stats: FileStats;
  closed = false;
  #lastRecord: FileRecord | undefined;
  #recordTail: Uint8Array | undefined;

  constructor(path: string, realPath: string, content: OpenFile, stats: FileStats) {
    this.path = path;
    this.realPath = realPath;
    this.openedAs = path;
    this.content = content;
    this.stats = stats;
    this.key = stats.key;
    this.dev = stats.dev;
    this.ino = stats.ino;
    this.birthMs = stats.birthMs;
    this.size = stats.size;
  }

  /** The last turn came to the end: since then the file may have been replaced and grown past the offset. */
  get rested(): boolean {
    return this.restedSize >= 0;
  }

  goBy(path: string, realPath: string): void {
    this.path = path;
    this.realPath = realPath;
  }

  get acked(): number {
    return this.settlement.acked;
  }

  get ranges(): readonly Range[] {
    return this.settlement.ranges;
  }

  get held(): Set<Piece> {
    return this.settlement.held;
  }

  get toRestore(): readonly ByteRange[] {
    return this.settlement.toRestore;
  }

  set toRestore(ranges: readonly ByteRange[]) {
    this.settlement.toRestore = ranges;
  }

  get unreadBytes(): number {
    return Math.max(0, this.size - this.acked);
  }

  /** Where reading starts. Only before the first read, or when the content was replaced. */
  startAt(offset: number, tail: Uint8Array, afterCut = false, records = 0): void {
    this.offset = offset;
    this.tail = tail;
    this.afterCut = afterCut;
    this.records = records;
    this.settlement = new Settlement(offset, tail, afterCut, records);
    this.epoch += 1;
  }

  /** Reading goes on where the record says; `tail` are the bytes before it. */
  goOn(record: FileRecord, tail: Uint8Array): void {
    this.startAt(record.offset, tail, record.afterCut, record.records);
    this.toRestore = (record.pending ?? []).filter(([start, end]) => start < end && end <= record.offset);
  }

  /** The content is not what was read: it was truncated or rewritten in place. */
  restart(): void {
    this.head = EMPTY;
    this.#headMarked = -1;
    this.size = 0;
    this.startAt(0, EMPTY);
  }

  /** What a restart needs to go on after the acknowledged bytes; the same object while nothing changed. */
  record(): FileRecord {
    const last = this.#lastRecord;
    const isCurrent =
      last?.path === this.path &&
      last.size === this.size &&
      last.rotated === !this.matched &&
      this.#recordTail === this.settlement.tail &&
      last.pending === undefined &&
      this.held.size + this.toRestore.length === 0 &&
      this.#headMarked === this.head.length;
    if (last !== undefined && isCurrent) return last;
    this.#recordTail = this.settlement.tail;
    this.#lastRecord = this.#makeRecord();
    return this.#lastRecord;
  }

  /** What goes on after the bytes that were read, acknowledged or not. */
  readRecord(): FileRecord {
    const { offset, tail, afterCut, records } = this;
    return { ...this.#makeRecord(), offset, tail: markOf(tail), afterCut, records, pending: undefined };
  }

  #makeRecord(): FileRecord {
    if (this.#headMarked !== this.head.length) {
      this.#headMark = markOf(this.head);
      this.#headMarked = this.head.length;
    }
    const { settlement } = this;
    const pending = settlement.pending();
    return {
      path: this.path,
      ...(this.realPath === this.path ? {} : { realPath: this.realPath }),
      dev: this.dev,
      ino: this.ino,
      birthMs: this.birthMs,
      offset: settlement.acked,
      head: this.#headMark,
      tail: markOf(settlement.tail),
      afterCut: settlement.afterCut,
      records: settlement.records,
      size: this.size,
      rotated: !this.matched,
      ...(pending === undefined ? {} : { pending }),
    };
  }

  /** No path that matches leads to it from now on. */
  unmatch(nowMs: number): void {
    this.matched = false;
    this.unmatchedMs = nowMs;
  }

  /** Reads content at a place of it, as `OpenFile.readAt`; resolves with the bytes read, fewer than `length` where it ends. */
  readAt(into: Uint8Array, length: number, position: number, freshAt?: number): Promise<number> {
    return this.archive?.readAt(into, length, position) ?? this.content.readAt(into, length, position, freshAt);
  }

  currentStats(): FileStats {
    return this.content.stat();
  }

  currentSize(): number {
    return this.content.stat().size;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.follower?.close();
    this.content.close();
  }
}
