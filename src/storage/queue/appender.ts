import type { Clock, Timer } from '../../core/clock.ts';
import { RemoraError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Signal } from '../../core/signal.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { mustBatch, type Entry } from './entry.ts';
import {
  checksumOf,
  encodeHead,
  encodeTrailer,
  HEAD_BYTES,
  putRecordHead,
  RECORD_BYTES,
  segmentFile,
  TRAILER_BYTES,
} from './format.ts';
import type { QueueMetrics } from './metrics.ts';
import { MAX_RECORDS, Segment } from './segment.ts';

/** When what was written is forced to the disk: before it counts as accepted, at least this often, or by the system. */
export type FsyncPolicy = 'always' | 'never' | { readonly everyMs: number };

export interface AppenderOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: Signal;
  readonly segmentBytes: number;
  readonly fsync: FsyncPolicy;
  readonly metrics: QueueMetrics;
  /** The first segment gets this number. */
  readonly firstNumber: number;
  readonly onOpened: (segment: Segment) => void;
  /** It is safe now, at `index` and `offset` of the segment, which has grown by it. */
  readonly onWritten: (entry: Entry, segment: Segment, index: number, offset: number) => void;
  /** Nothing more is written to it. */
  readonly onClosed: (segment: Segment) => void;
  /** Writing failed; what is returned is what the offerers are told. */
  readonly onFailed: (error: unknown) => RemoraError;
}

interface Waiting {
  readonly entry: Entry;
  readonly resolve: () => void;
  readonly reject: (reason: RemoraError) => void;
}

/** One write takes about this much at most, so that the first of it does not wait long for the last. */
const GROUP_BYTES = 4 * 1024 * 1024;
const MAX_PROBE_BYTES = 1024 * 1024;

/**
 * Writes entries to the newest segment. All that arrive while a write is under way go out together in the next: one
 * write of their chunks as they are, one sync.
 *
 * Invariants: one write at a time. `segment.end` is behind the last record that counts; what a failed write left behind
 * it is cut off, and the file is not written again, since after a failed sync nobody knows what of it is on the disk.
 */
export class Appender {
  readonly #options: AppenderOptions;
  #number: number;
  #segment: Segment | undefined;
  #file: DiskFile | undefined;
  /** The name of the open segment is on the disk. */
  #entered = false;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #failure: RemoraError | undefined;
  /** Files whose last bytes do not count and could not be cut off. */
  #torn: { readonly file: DiskFile; readonly end: number }[] = [];
  #failedBytes = 0;
  #unsynced = false;
  #syncDue = false;
  #syncTimer: Timer | undefined;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#number = options.firstNumber;
  }

  get segment(): Segment | undefined {
    return this.#segment;
  }

  /** Resolves when it is as safe as the policy says; rejects when it could not be, and then it is not in the file. */
  append(entry: Entry): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#run();
    });
  }

  /** Starts a new segment when nothing of the open one is left and it is worth it. */
  letGoIfDrained(): void {
    const segment = this.#segment;
    if (segment === undefined || this.#running !== undefined || !this.#isDrained(segment)) return;
    this.#running = this.#release()
      .catch(() => undefined)
      .finally(() => this.#ran());
  }

  /** Tries to write as much as failed last; from then on entries are taken again. Throws while it cannot. */
  async probe(): Promise<void> {
    await this.#running;
    for (let torn = this.#torn[0]; torn !== undefined; torn = this.#torn[0]) {
      await cutOff(torn.file, torn.end);
      this.#torn.shift();
      await closeQuietly(torn.file);
    }
    await this.#openSegment();
    await this.#tryOut(Math.min(this.#failedBytes, MAX_PROBE_BYTES));
    this.#failure = undefined;
  }

  /** Writes what waits, seals the segment and closes it. Nothing may be appended after. */
  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#syncTimer?.cancel();
    this.#failure ??= new RemoraError('shutting_down', 'The queue on disk is closed.');
    const open = [...this.#torn.map(({ file }) => file), ...(this.#file === undefined ? [] : [this.#file])];
    try {
      if (this.#segment !== undefined) await this.#release();
    } finally {
      for (const file of open) await closeQuietly(file);
    }
  }

  #run(): void {
    this.#running ??= this.#writeAll().finally(() => this.#ran());
  }

  #ran(): void {
    this.#running = undefined;
    if (this.#waiting.length > 0 || this.#syncDue) this.#run();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0 || this.#syncDue) {
      let group: readonly Waiting[] = [];
      try {
        if (this.#syncDue) await this.#syncNow();
        if (this.#waiting.length === 0) return;
        const segment = await this.#segmentFor();
        group = this.#takeGroup(segment);
        await this.#write(segment, group);
      } catch (error) {
        await this.#fail(error, group);
        return;
      }
    }
  }

  async #segmentFor(): Promise<Segment> {
    const segment = this.#segment;
    const next = this.#waiting[0]?.entry.bytes ?? 0;
    if (segment !== undefined && segment.records > 0) {
      const full = segment.end + RECORD_BYTES + next > this.#options.segmentBytes || segment.records >= MAX_RECORDS;
      if (full || this.#isDrained(segment)) await this.#release();
    }
    return this.#segment ?? (await this.#openSegment());
  }

  #isDrained(segment: Segment): boolean {
    return segment.live.requests === 0 && segment.end > this.#options.segmentBytes / 2;
  }

  /** The first that waits, and those behind it as long as they fit. */
  #takeGroup(segment: Segment): readonly Waiting[] {
    const room = Math.min(GROUP_BYTES, this.#options.segmentBytes - segment.end);
    let count = 0;
    let bytes = 0;
    for (const { entry } of this.#waiting) {
      bytes += RECORD_BYTES + entry.bytes;
      if (count > 0 && (bytes > room || segment.records + count >= MAX_RECORDS)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(segment: Segment, group: readonly Waiting[]): Promise<void> {
    const { chunks, bytes } = this.#encode(segment, group);
    this.#failedBytes = bytes;
    const file = this.#mustFile();
    await file.writev(chunks, segment.end);
    await this.#makeSafe(file);
    this.#options.metrics.writtenBytes.value += bytes;
    for (const { entry, resolve } of group) {
      const index = segment.records;
      const offset = segment.end;
      segment.records += 1;
      segment.end += RECORD_BYTES + entry.bytes;
      segment.size = segment.end;
      segment.grow(entry.items, entry.bytes);
      this.#options.onWritten(entry, segment, index, offset);
      resolve();
    }
  }

  #encode(segment: Segment, group: readonly Waiting[]): { chunks: Uint8Array[]; bytes: number } {
    const heads = Buffer.allocUnsafe(group.length * RECORD_BYTES);
    const enqueuedMs = this.#options.clock.now();
    segment.firstEnqueuedMs = Math.min(segment.firstEnqueuedMs, enqueuedMs);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    group.forEach(({ entry }, at) => {
      const batch = mustBatch(entry);
      const checksum = checksumOf(batch.chunks, segment.salt);
      const head = { length: batch.bytes, items: batch.items, index: segment.records + at, enqueuedMs, checksum };
      putRecordHead(heads, at * RECORD_BYTES, head, segment.salt);
      chunks.push(heads.subarray(at * RECORD_BYTES, (at + 1) * RECORD_BYTES), ...batch.chunks);
      bytes += RECORD_BYTES + batch.bytes;
    });
    return { chunks, bytes };
  }

  async #makeSafe(file: DiskFile): Promise<void> {
    const { fsync, clock, disk } = this.#options;
    if (fsync === 'never') return;
    if (fsync === 'always') {
      await this.#sync(file);
    } else {
      this.#unsynced = true;
      this.#syncTimer ??= clock.timer(fsync.everyMs, () => this.#syncIsDue());
    }
    if (!this.#entered) await disk.syncDirectory();
    this.#entered = true;
  }

  #syncIsDue(): void {
    this.#syncTimer = undefined;
    this.#syncDue = true;
    this.#run();
  }

  async #syncNow(): Promise<void> {
    this.#syncDue = false;
    if (this.#file !== undefined && this.#unsynced) await this.#sync(this.#file);
  }

  async #sync(file: DiskFile): Promise<void> {
    await file.datasync();
    this.#unsynced = false;
    this.#options.metrics.syncs.value += 1;
  }

  async #openSegment(): Promise<Segment> {
    const { disk, random, signal, clock, onOpened } = this.#options;
    const segment = new Segment({ number: this.#number++, salt: Math.floor(random() * 2 ** 32) });
    const file = await disk.open(segmentFile(segment), 'create');
    try {
      await file.writev(
        [encodeHead({ signal, number: segment.number, salt: segment.salt, createdMs: clock.now() })],
        0,
      );
    } catch (error) {
      await discard(disk, file, segment);
      throw error;
    }
    this.#segment = segment;
    this.#file = file;
    this.#entered = false;
    onOpened(segment);
    return segment;
  }

  async #tryOut(bytes: number): Promise<void> {
    const file = this.#mustFile();
    try {
      await file.writev([Buffer.alloc(bytes)], HEAD_BYTES);
      if (this.#options.fsync !== 'never') await file.datasync();
      await file.truncate(HEAD_BYTES);
    } catch (error) {
      await this.#abandon();
      throw error;
    }
  }

  /** Closes the open segment, with its totals at its end when something of it stays. */
  async #release(): Promise<void> {
    const segment = this.#segment;
    const file = this.#mustFile();
    if (segment === undefined) return;
    if (segment.live.requests > 0) await this.#seal(segment, file);
    this.#close(segment);
    await file.close();
  }

  async #seal(segment: Segment, file: DiskFile): Promise<void> {
    const { end, firstEnqueuedMs } = segment;
    const trailer = encodeTrailer({ ...segment.written, firstEnqueuedMs, end }, segment.salt);
    try {
      await file.writev([trailer], end);
      segment.size = end + TRAILER_BYTES;
    } catch {
      // Without a trailer it is read when the queue is opened; half of one would look like damage.
      await cutOff(file, end).catch(() => undefined);
    }
    if (this.#unsynced) await this.#sync(file);
  }

  async #fail(error: unknown, group: readonly Waiting[]): Promise<void> {
    const reason = this.#options.onFailed(error);
    this.#failure = reason;
    this.#syncDue = false;
    const refused = [...group, ...this.#waiting];
    this.#waiting = [];
    if (this.#segment !== undefined) await this.#abandon();
    for (const { reject } of refused) reject(reason);
  }

  /** The open segment is not to be trusted with more; what it holds stays. */
  async #abandon(): Promise<void> {
    const segment = this.#segment;
    const file = this.#mustFile();
    if (segment === undefined) return;
    this.#close(segment);
    try {
      await cutOff(file, segment.end);
    } catch {
      this.#torn.push({ file, end: segment.end });
      return;
    }
    await closeQuietly(file);
  }

  #close(segment: Segment): void {
    segment.closed = true;
    this.#segment = undefined;
    this.#file = undefined;
    this.#unsynced = false;
    this.#options.onClosed(segment);
  }

  #mustFile(): DiskFile {
    if (this.#file === undefined) throw new Error('BUG: no segment is open.');
    return this.#file;
  }
}

/** Takes what does not count off the end of a file, for good. */
async function cutOff(file: DiskFile, end: number): Promise<void> {
  await file.truncate(end);
  await file.datasync();
}

async function discard(disk: Disk, file: DiskFile, segment: Segment): Promise<void> {
  await closeQuietly(file);
  await disk.unlink(segmentFile(segment)).catch(() => undefined);
}

/** What counts was synced, and a file whose close fails is closed all the same. */
async function closeQuietly(file: DiskFile): Promise<void> {
  await file.close().catch(() => undefined);
}
