import type { Clock, Timer } from '../../core/clock.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { hasCode } from '../private-directory.ts';
import { doneFile, encodeDone, segmentFile } from './format.ts';
import type { Segment } from './segment.ts';

export interface NotesOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether notes are forced to the disk. */
  readonly sync: boolean;
  /** The files of the segment are deleted: their room is free. */
  readonly onDeleted: (segment: Segment) => void;
}

/** What leaves the queue is noted at the latest after this time, or this many records. */
const NOTE_AFTER_MS = 100;
const NOTE_AFTER_RECORDS = 1000;
const AGAIN_AFTER_MS = 1000;

/**
 * Notes what has left the queue, and deletes the segments of which nothing is left.
 *
 * The repeat window: what was done in the last 100 ms before a crash, or in the last thousand records, is delivered
 * again after it. Notes that cannot be written, because the disk is full, are kept and tried again each second; the
 * window is longer for as long, and bounded by the segments that are not wholly done.
 * Invariant: one turn at a time, so a segment is never noted while it is deleted. Its notes are deleted only once its
 * records are gone for certain; the other way round a crash would bring all of it back.
 */
export class Notes {
  readonly #options: NotesOptions;
  readonly #dirty = new Set<Segment>();
  #records = 0;
  #hurried = false;
  #timer: Timer | undefined;
  #turn: Promise<void> | undefined;
  #closed = false;

  constructor(options: NotesOptions) {
    this.#options = options;
  }

  /** Records of the segment left the queue, or it was closed. */
  note(segment: Segment, records = 1): void {
    if (segment.gone || this.#closed) return;
    this.#dirty.add(segment);
    this.#records += records;
    if (isOver(segment) || this.#records >= NOTE_AFTER_RECORDS) this.#hurry();
    else this.#timer ??= this.#options.clock.timer(NOTE_AFTER_MS, () => this.#timeIsUp());
  }

  /** One turn soon, however often it is asked for. */
  #hurry(): void {
    if (this.#hurried) return;
    this.#hurried = true;
    void this.flush();
  }

  /** Resolves when all that is to note now was tried. Never rejects. */
  async flush(): Promise<void> {
    while (this.#turn !== undefined) await this.#turn;
    this.#hurried = false;
    if (this.#dirty.size === 0 || this.#closed) return;
    this.#turn = this.#writeAll();
    await this.#turn;
    this.#turn = undefined;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    this.#timer?.cancel();
  }

  #timeIsUp(): void {
    this.#timer = undefined;
    void this.flush();
  }

  async #writeAll(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#hurried = false;
    this.#records = 0;
    const segments = [...this.#dirty];
    this.#dirty.clear();
    let failed: unknown;
    for (const segment of segments) {
      try {
        if (isOver(segment)) await this.#delete(segment);
        else if (segment.unnoted.length > 0) await this.#write(segment);
      } catch (error) {
        failed = error;
        this.#dirty.add(segment);
      }
    }
    if (failed === undefined) return;
    this.#options.log.warn('What has left the queue on disk cannot be noted; after a crash it would be sent again.', {
      error: errorMessage(failed),
    });
    if (!this.#closed) this.#timer ??= this.#options.clock.timer(AGAIN_AFTER_MS, () => this.#timeIsUp());
  }

  async #write(segment: Segment): Promise<void> {
    const runs = segment.unnoted;
    segment.unnoted = [];
    try {
      const bytes = encodeDone(runs, segment.salt);
      const file = await this.#open(segment);
      try {
        await file.writev([bytes], segment.doneEnd);
        if (this.#options.sync) await file.datasync();
      } finally {
        await file.close();
      }
      if (segment.doneEnd === 0 && this.#options.sync) await this.#options.disk.syncDirectory();
      segment.doneEnd += bytes.byteLength;
    } catch (error) {
      segment.unnoted = [...runs, ...segment.unnoted];
      throw error;
    }
  }

  async #open(segment: Segment): Promise<DiskFile> {
    const { disk } = this.#options;
    const name = doneFile(segment);
    if (segment.doneEnd > 0) return disk.open(name, 'write');
    try {
      return await disk.open(name, 'create');
    } catch (error) {
      // A first note that failed half-way.
      if (!hasCode(error, 'EEXIST')) throw error;
      return disk.open(name, 'write');
    }
  }

  async #delete(segment: Segment): Promise<void> {
    const { disk, sync, onDeleted } = this.#options;
    await unlinkIfThere(disk, segmentFile(segment));
    if (sync) await disk.syncDirectory();
    segment.gone = true;
    onDeleted(segment);
    await unlinkIfThere(disk, doneFile(segment)).catch(() => undefined);
  }
}

/** Nothing of it is left, and nothing more comes. */
export function isOver(segment: Segment): boolean {
  return segment.closed && segment.live.requests === 0;
}

async function unlinkIfThere(disk: Disk, name: string): Promise<void> {
  try {
    await disk.unlink(name);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
