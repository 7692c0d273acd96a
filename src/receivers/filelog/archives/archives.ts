import type { Clock } from '../../../core/clock.ts';
import { errorMessage } from '../../../core/errors.ts';
import { identityKey, type FileSystem } from '../../../core/file-system.ts';
import type { Logger } from '../../../core/logger.ts';
import type { FoundFile } from '../discovery/finder.ts';
import type { FileRecord } from '../identity.ts';
import { openFile } from '../opening.ts';
import type { TrackedFile } from '../tracked-file.ts';
import { GzipContent } from './gzip-content.ts';
import { findPlace, type Originals } from './original.ts';

export interface ArchivesOptions {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly log: Logger;
  readonly fingerprintBytes: number;
  /** What is there at the very first start is left out. */
  readonly skipsFirst: boolean;
  /** Archives of the checkpoint. */
  readonly known: readonly FileRecord[];
  wake(file: TrackedFile): void;
  onUnreadable(path: string): void;
  onRecordsChanged(): void;
  /** More can be done at once. */
  lookSoon(): void;
}

/** Decompressing takes memory, and gains nothing from being done for many files by turns. */
const MAX_OPEN = 2;
/** A file that changed more recently is still being written. */
const SETTLED_MS = 1000;
const MAX_RECORDS = 10_000;

/**
 * Compressed files: each is read once, from its start to its end, when nobody writes to it any more; again from there when
 * it changes. One that holds what was read before it was compressed goes on where that reading ended.
 *
 * Offsets are places in the decompressed content. Records hold the size and time of the compressed file.
 */
export class Archives {
  readonly #options: ArchivesOptions;
  readonly #open = new Map<string, TrackedFile>();
  readonly #records = new Map<string, FileRecord>();
  #isFirst = true;

  constructor(options: ArchivesOptions) {
    this.#options = options;
    for (const record of options.known) this.#records.set(identityKey(record.dev, record.ino), record);
  }

  records(): FileRecord[] {
    const records = new Map(this.#records);
    for (const [key, file] of this.#open) if (file.acked > 0) records.set(key, { ...file.record(), compressed: true });
    return [...records.values()];
  }

  async reconcile(found: readonly FoundFile[], originals: Originals): Promise<void> {
    for (const file of this.#open.values()) await this.#closeDone(file);
    const skips = this.#isFirst && this.#options.skipsFirst;
    this.#isFirst = false;
    let opened = 0;
    for (const one of found) {
      if (this.#open.has(one.stats.key) || !this.#isNew(one)) continue;
      if (skips) this.#remember(leftOut(one));
      else if (opened < MAX_OPEN && this.#open.size < MAX_OPEN) {
        opened += 1;
        await this.#tryOpen(one, originals);
      } else if (this.#open.size < MAX_OPEN) {
        this.#options.lookSoon();
        break;
      }
    }
    if (this.#records.size > MAX_RECORDS) this.#forget(found);
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await this.#close(file);
  }

  /** There is something in it that was not read, and nobody writes to it. */
  #isNew({ stats }: FoundFile): boolean {
    const record = this.#records.get(stats.key);
    if (record?.size === stats.size && record.modifiedMs === stats.modifiedMs) return false;
    return stats.size > 0 && this.#options.clock.now() - stats.modifiedMs >= SETTLED_MS;
  }

  async #tryOpen({ path, stats }: FoundFile, originals: Originals): Promise<void> {
    let file: TrackedFile;
    try {
      file = openFile(this.#options.fileSystem, path);
    } catch {
      // It is gone, or cannot be read yet: the next look tries again.
      this.#options.onUnreadable(path);
      return;
    }
    file.archive = new GzipContent(file.content);
    this.#open.set(stats.key, file);
    const own = this.#records.get(stats.key);
    const candidates = own === undefined || own.offset === 0 ? originals.records() : [own];
    const { fingerprintBytes } = this.#options;
    const place = await findPlace(file, candidates, fingerprintBytes, (record) => originals.isOpen(record));
    if (place === 'more') this.#options.wake(file);
    else if (place === 'wait') await this.#close(file);
    else await this.#finish(file);
  }

  async #closeDone(file: TrackedFile): Promise<void> {
    if (isRead(file)) await this.#finish(file);
  }

  /** Nothing is left to read of it as it is now. */
  async #finish(file: TrackedFile): Promise<void> {
    const { path, stats } = file;
    const failure = file.archive?.failure;
    this.#remember({ ...file.record(), size: stats.size, modifiedMs: stats.modifiedMs, compressed: true });
    await this.#close(file);
    if (failure === undefined) return;
    this.#options.onUnreadable(path);
    const message =
      'A compressed file is damaged; what comes before the damage was read. It is tried again when it changes.';
    this.#options.log.error(message, { path, reason: errorMessage(failure) });
  }

  async #close(file: TrackedFile): Promise<void> {
    this.#open.delete(file.key);
    await file.archive?.close();
    file.close();
  }

  #remember(record: FileRecord): void {
    this.#records.set(identityKey(record.dev, record.ino), record);
    this.#options.onRecordsChanged();
  }

  /** Records of files that no path leads to. */
  #forget(found: readonly FoundFile[]): void {
    const present = new Set(found.map(({ stats }) => stats.key));
    for (const key of this.#records.keys()) if (!present.has(key)) this.#records.delete(key);
  }
}

function isRead(file: TrackedFile): boolean {
  return file.rested && file.ranges.length === 0 && !file.paused && !file.holdsLines && !file.inTurn;
}

/** As if it had been read, without a place in what it holds. */
function leftOut({ path, stats }: FoundFile): FileRecord {
  const { dev, ino, birthMs, size, modifiedMs } = stats;
  const none = { bytes: 0, hash: '' };
  const nothing = { offset: 0, head: none, tail: none, afterCut: false, records: 0 };
  return { path, dev, ino, birthMs, size, modifiedMs, ...nothing, compressed: true };
}

/** Whether the file is compressed, by the configuration and its name. */
export function isArchive(path: string, compression: '' | 'gzip' | 'auto'): boolean {
  return compression === 'gzip' || (compression === 'auto' && path.toLowerCase().endsWith('.gz'));
}
