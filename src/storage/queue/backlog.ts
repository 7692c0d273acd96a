import type { Clock } from '../../core/clock.ts';
import { sleep } from '../../core/clock.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { NotOurs, type Disk, type DiskFile } from '../disk.ts';
import { hasCode } from '../private-directory.ts';
import { mustPlace, type Entry } from './entry.ts';
import { HEAD_BYTES, RECORD_BYTES, segmentFile, type RecordHead, type Totals } from './format.ts';
import type { QueueMetrics } from './metrics.ts';
import type { Quarantine } from './quarantine.ts';
import { readAround } from './read-around.ts';
import type { ChunkPool, ReadChunk } from './read-chunk.ts';
import { RecordWalk, type Finds } from './record-walk.ts';
import type { Segment } from './segment.ts';

export interface BacklogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: QueueMetrics;
  readonly quarantine: Quarantine;
  readonly pool: ChunkPool;
  /** In order. */
  readonly segments: readonly Segment[];
  /** A record was read; `body` is a view of the chunk. It is held from now on. */
  readonly onRead: (segment: Segment, head: RecordHead, offset: number, body: Buffer, chunk: ReadChunk) => void;
  /** Cannot be read back; it has left the queue. */
  readonly onLost: (segment: Segment, lost: Totals) => void;
}

interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly records: number;
}

/** A disk that gives nothing is asked again this often, and what it has not given for so long is lost. */
const AGAIN_AFTER_MS = 500;
const PATIENCE_MS = 5 * 60_000;

/**
 * Reads back what rests on disk, in order. What is damaged is passed over; a disk that gives nothing at all, or cannot
 * open a file, is waited for, minutes for each piece, because its records may come back with it.
 * Invariant: every record that rests stands at or behind the cursor.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #stop = new AbortController();
  #number = 0;
  #offset = HEAD_BYTES;
  #index = 0;
  #lostAt: number | undefined;
  /** What the next read must be long enough for. */
  #needs = 0;
  /** Moved while a read is under way: what that read finds is not what is next. */
  #moved = false;
  #loading: Promise<boolean> | undefined;
  /** Since when the disk gives nothing of what is next. */
  #silentSinceMs: number | undefined;
  #file: { readonly of: Segment; readonly file: DiskFile } | undefined;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Bytes that the next read takes in memory. */
  get nextBytes(): number {
    return Math.max(this.#options.pool.chunkBytes, this.#needs);
  }

  /** Whether the record stands before everything that rests. */
  isBefore(segment: Segment, index: number): boolean {
    return segment.number < this.#number || (segment.number === this.#number && index < this.#index);
  }

  /** The entry rests again: it will be read, in its order. */
  goBackTo(entry: Entry): void {
    const segment = mustPlace(entry);
    if (!this.isBefore(segment, entry.index)) return;
    this.#moveTo(segment.number, entry.offset, entry.index);
    this.#moved = this.#loading !== undefined;
  }

  /** Reads the next piece and reports what is in it; false when there is none, or the disk does not give it. Never rejects. */
  load(): Promise<boolean> {
    if (this.#stop.signal.aborted) return Promise.resolve(false);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
      this.#moved = false;
      if (this.#file?.of.gone === true) void this.#closeFile();
    });
    return this.#loading;
  }

  /** Its file was deleted, and takes room for as long as it is open. */
  letGo(segment: Segment): void {
    if (this.#file?.of === segment && this.#loading === undefined) void this.#closeFile();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loading;
    await this.#closeFile();
  }

  async #load(): Promise<boolean> {
    const { segments } = this.#options;
    const segment = segments.find(
      ({ number, resting, gone }) => !gone && number >= this.#number && resting.requests > 0,
    );
    if (segment === undefined) {
      this.#silentSinceMs = undefined;
      return false;
    }
    if (segment.number !== this.#number) this.#moveTo(segment.number, HEAD_BYTES, 0);
    const file = await this.#open(segment);
    return file !== undefined && this.#loadPiece(segment, file);
  }

  async #loadPiece(segment: Segment, file: DiskFile): Promise<boolean> {
    const { pool, metrics } = this.#options;
    const start = this.#offset;
    const end = segment.end;
    const length = Math.max(0, Math.min(this.nextBytes, end - start));
    const chunk = pool.take(length);
    const piece = chunk.bytes.subarray(0, length);
    const readable = await readAround(file, piece, start, (ms) => sleep(this.#options.clock, ms, this.#stop.signal));
    if (readable === 'none' && (await this.#waits(segment, 'nothing of it can be read'))) {
      pool.giveBack(chunk);
      return false;
    }
    this.#silentSinceMs = undefined;
    metrics.readBytes.value += length;
    const stretches: Stretch[] = [];
    if (!this.#moved && !segment.gone && !this.#stop.signal.aborted) this.#walk(segment, end, piece, chunk, stretches);
    if (chunk.records === 0) pool.giveBack(chunk);
    for (const stretch of stretches) await this.#options.quarantine.copy(file, segmentFile(segment), stretch);
    return true;
  }

  /** Waits a little for a disk that gives nothing; false when it was waited for long enough. */
  async #waits(segment: Segment, error: string): Promise<boolean> {
    const { clock, log } = this.#options;
    const nowMs = clock.monotonic();
    if (this.#silentSinceMs === undefined) {
      log.error('The queue on disk cannot be read; it is tried again.', { file: segmentFile(segment), error });
    }
    this.#silentSinceMs ??= nowMs;
    const patient = nowMs - this.#silentSinceMs < PATIENCE_MS;
    await sleep(clock, AGAIN_AFTER_MS, this.#stop.signal);
    return patient || this.#stop.signal.aborted;
  }

  #walk(segment: Segment, end: number, piece: Buffer, chunk: ReadChunk, stretches: Stretch[]): void {
    const start = { salt: segment.salt, offset: this.#offset, index: this.#index, end, lostAt: this.#lostAt };
    const walk = new RecordWalk(start);
    walk.feed(piece, this.#finds(segment, chunk, stretches));
    this.#offset = walk.offset;
    this.#index = walk.index;
    this.#lostAt = walk.lostAt;
    this.#needs = walk.finished ? 0 : walk.needs;
    // All of it was walked, and nothing was added meanwhile, so what rests still could not be found.
    if (walk.finished && walk.offset >= segment.end) this.#lose(segment);
  }

  #finds(segment: Segment, chunk: ReadChunk, stretches: Stretch[]): Finds {
    const { onRead, onLost } = this.#options;
    return {
      wants: (index) => !segment.done.has(index) && !segment.held.has(index),
      record: (head, offset, body) => onRead(segment, head, offset, body, chunk),
      damaged: ({ index, items, length }, offset) => {
        stretches.push({ from: offset, to: offset + RECORD_BYTES + length, records: 1 });
        segment.finish(index, items, length);
        onLost(segment, { requests: 1, items, bytes: length });
      },
      gap: (from, to, first, next = segment.records) => {
        let records = 0;
        for (let at = first; at < next; at++) if (!segment.done.has(at) && !segment.held.has(at)) records += 1;
        if (records > 0) stretches.push({ from, to, records });
      },
    };
  }

  #lose(segment: Segment): void {
    const lost = segment.finishResting();
    if (lost.requests > 0) this.#options.onLost(segment, lost);
  }

  async #open(segment: Segment): Promise<DiskFile | undefined> {
    if (this.#file?.of === segment) return this.#file.file;
    await this.#closeFile();
    try {
      const file = await this.#options.disk.open(segmentFile(segment), 'read');
      this.#file = { of: segment, file };
      this.#silentSinceMs = undefined;
      return file;
    } catch (error) {
      if (!isHopeless(error)) {
        const waits = await this.#waits(segment, errorMessage(error));
        // Too many open files, for example, says nothing of this one.
        if (waits || !hasCode(error, 'EIO')) return undefined;
      }
      this.#silentSinceMs = undefined;
      this.#giveUp(segment, error);
      return undefined;
    }
  }

  #giveUp(segment: Segment, error: unknown): void {
    if (segment.gone || segment.resting.requests === 0) return;
    const { metrics, log } = this.#options;
    log.error('A segment of the queue on disk cannot be read; what is in it is lost.', {
      file: segmentFile(segment),
      error: errorMessage(error),
    });
    metrics.damagedRecords.value += segment.resting.requests;
    metrics.damagedBytes.value += segment.resting.bytes;
    this.#lose(segment);
  }

  #moveTo(number: number, offset: number, index: number): void {
    this.#number = number;
    this.#offset = offset;
    this.#index = index;
    this.#lostAt = undefined;
    this.#needs = 0;
    this.#silentSinceMs = undefined;
  }

  async #closeFile(): Promise<void> {
    const open = this.#file;
    this.#file = undefined;
    await open?.file.close().catch(() => undefined);
  }
}

function isHopeless(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || error instanceof NotOurs;
}
