import { fstatSync, statSync, type Stats } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Found } from './discovery/finder.ts';
import { isMissing } from './discovery/finder.ts';
import type { Follow } from './discovery/follower.ts';
import { identityKey, isSameInode, type FileRecord } from './identity.ts';
import { findRenamed, openFile, position, type Unknown } from './opening.ts';
import type { TrackedFile } from './tracked-file.ts';

export interface FilesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly follow: Follow;
  readonly fingerprintBytes: number;
  readonly maxOpen: number;
  readonly startAt: Unknown;
  /** What the checkpoint knows; undefined when there is none. */
  readonly known: readonly FileRecord[] | undefined;
  /** The file may have more to read. */
  wake(file: TrackedFile): void;
  onRotated(file: TrackedFile): void;
  onUnreadable(path: string): void;
  /** What `records` gives changed, although nothing was acknowledged. */
  onRecordsChanged(): void;
  /** A name event or a notice: look at the directories soon. */
  lookSoon(): void;
}

/** A file that no path matches is kept this long after it last grew, in case its writer still holds it. */
const REMOVED_LINGER_MS = 5_000;
const RENAMED_LINGER_MS = 60_000;
/** Filesystems take their times from a clock that ticks a few hundred times a second. */
const BIRTH_SLACK_MS = 100;
/** Files that are closed but remembered, in the checkpoint too. */
const MAX_REMEMBERED = 1000;

/**
 * The open files, by identity, kept in step with what is on disk.
 * Invariants: at most one open file per device and inode; a file with unread or unacknowledged bytes is never closed.
 */
export class Files {
  readonly #options: FilesOptions;
  readonly #open = new Map<string, TrackedFile>();
  /** Closed files by identity, oldest first. */
  readonly #remembered = new Map<string, FileRecord>();
  readonly #troubled = new Set<string>();
  readonly #startedMs: number;
  #first = true;
  /** Files that match and wait for a descriptor. */
  waiting = 0;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#startedMs = options.clock.now();
    for (const record of options.known ?? []) this.#remember(record);
  }

  get size(): number {
    return this.#open.size;
  }

  all(): IterableIterator<TrackedFile> {
    return this.#open.values();
  }

  /** What the checkpoint should hold. */
  records(): FileRecord[] {
    return [...this.#remembered.values(), ...Array.from(this.#open.values(), (file) => file.record())];
  }

  /** Brings the open files in step with what was found. `rotated` are further paths that may lead to files to read. */
  async reconcile(found: Found, rotated: readonly string[]): Promise<void> {
    const seen = new Set<string>();
    const unknown: [string, Stats][] = [];
    for (const [path, stats] of found.files) {
      const key = identityKey(stats.dev, stats.ino);
      if (seen.has(key)) continue;
      seen.add(key);
      const file = this.#open.get(key);
      if (file === undefined) unknown.push([path, stats]);
      else this.#seen(file, path, stats);
    }
    this.#markUnmatched(seen);
    if (this.#first) await this.#openRenamed(found);
    for (const path of rotated) await this.#openRotated(path);
    const at = this.#first && this.#options.known === undefined ? this.#options.startAt : 'beginning';
    this.waiting = 0;
    for (const [path, stats] of unknown) await this.#openFound(path, stats, at, found);
    this.#first = false;
    this.#closeDone();
  }

  /** Closes every descriptor. */
  close(): void {
    for (const file of this.#open.values()) file.close();
  }

  #seen(file: TrackedFile, path: string, stats: Stats): void {
    file.path = path;
    if (!file.matched) file.matched = true;
    this.#noteSize(file, stats.size);
  }

  #noteSize(file: TrackedFile, size: number): void {
    if (size === file.size && size === file.offset) return;
    if (size !== file.size) file.grewMs = this.#options.clock.monotonic();
    file.size = size;
    this.#options.wake(file);
  }

  #markUnmatched(seen: ReadonlySet<string>): void {
    for (const [key, file] of this.#open) {
      if (seen.has(key)) continue;
      if (file.matched) {
        file.matched = false;
        file.unmatchedMs = this.#options.clock.monotonic();
        this.#options.onRotated(file);
      }
      this.#noteSize(file, fstatSync(file.fd).size);
    }
  }

  /** At start: files of the checkpoint that were renamed while nobody looked, found by identity in their directory. */
  async #openRenamed(found: Found): Promise<void> {
    const stats = [...found.files.values()];
    const missing = [...this.#remembered.values()].filter((record) => !stats.some((s) => isSameInode(record, s)));
    for (const [record, path] of findRenamed(missing)) {
      const file = await this.#tryOpen(path, [record], 'beginning');
      if (file === undefined) continue;
      file.matched = false;
      file.unmatchedMs = this.#options.clock.monotonic();
    }
  }

  async #openRotated(path: string): Promise<void> {
    try {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined || !stats.isFile() || this.#isOlder(stats)) return;
      const key = identityKey(stats.dev, stats.ino);
      if (this.#open.has(key) || this.#remembered.has(key)) return;
      const file = await this.#tryOpen(path, [], 'beginning');
      if (file === undefined) return;
      file.matched = false;
      file.unmatchedMs = this.#options.clock.monotonic();
      this.#options.onRotated(file);
    } catch (error) {
      this.#trouble(path, error);
    }
  }

  /** What was there before the start was seen then, or is none of ours. */
  #isOlder(stats: Stats): boolean {
    return stats.birthtimeMs > 0 && stats.birthtimeMs < this.#startedMs - BIRTH_SLACK_MS;
  }

  async #openFound(path: string, stats: Stats, at: Unknown, found: Found): Promise<void> {
    const key = identityKey(stats.dev, stats.ino);
    // Opened meanwhile under another name.
    if (this.#open.has(key)) return;
    const parked = this.#remembered.get(key);
    if (this.#open.size >= this.#options.maxOpen) {
      if (parked?.offset === stats.size) return;
      if (!this.#park()) {
        this.waiting += 1;
        return;
      }
    }
    await this.#tryOpen(path, this.#candidates(path, stats, found), at);
  }

  /** Records that may be this file: of its inode, or (at start) of its path when their inode is nowhere to be seen. */
  #candidates(path: string, stats: Stats, found: Found): FileRecord[] {
    const all = [...this.#remembered.values()];
    const same = all.filter((record) => isSameInode(record, stats));
    if (same.length > 0 || !this.#first) return same;
    const elsewhere = (record: FileRecord): boolean =>
      [...found.files.values()].some((other) => isSameInode(record, other));
    return all.filter((record) => record.path === path && !elsewhere(record));
  }

  async #tryOpen(path: string, known: readonly FileRecord[], at: Unknown): Promise<TrackedFile | undefined> {
    let file: TrackedFile;
    try {
      file = openFile(path);
    } catch (error) {
      if (!isMissing(error)) this.#trouble(path, error);
      return undefined;
    }
    this.#troubled.delete(path);
    // The name may lead to another file than it did when it was listed.
    if (this.#open.has(file.key)) {
      file.close();
      return undefined;
    }
    this.#open.set(file.key, file);
    const used = await this.#position(file, known, at);
    if (used === 'failed') return undefined;
    if (used !== undefined) this.#remembered.delete(identityKey(used.dev, used.ino));
    this.#remembered.delete(file.key);
    file.grewMs = this.#options.clock.monotonic();
    file.follower = this.#options.follow(path, {
      onChange: () => this.#options.wake(file),
      onRename: () => this.#options.lookSoon(),
    });
    this.#options.onRecordsChanged();
    this.#options.wake(file);
    return file;
  }

  /** A file whose content cannot be read now is let go, and tried again with the next look as if it were new. */
  async #position(file: TrackedFile, known: readonly FileRecord[], at: Unknown) {
    try {
      return await position(file, known, at, { fingerprintBytes: this.#options.fingerprintBytes });
    } catch (error) {
      this.#open.delete(file.key);
      file.close();
      this.#trouble(file.path, error);
      return 'failed';
    }
  }

  #closeDone(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const file of this.#open.values()) {
      if (file.matched || !isDone(file)) continue;
      const idleMs = nowMs - Math.max(file.grewMs, file.unmatchedMs);
      if (idleMs < REMOVED_LINGER_MS) continue;
      const isRemoved = file.linkCount() === 0;
      if (isRemoved || idleMs >= RENAMED_LINGER_MS) this.#closeFile(file, !isRemoved);
    }
  }

  /** Closes the file that has been quiet the longest; false when every open file has something to do. */
  #park(): boolean {
    let quiet: TrackedFile | undefined;
    for (const file of this.#open.values()) {
      if (isDone(file) && (quiet === undefined || file.grewMs < quiet.grewMs)) quiet = file;
    }
    if (quiet !== undefined) this.#closeFile(quiet, true);
    return quiet !== undefined;
  }

  #closeFile(file: TrackedFile, remember: boolean): void {
    this.#open.delete(file.key);
    if (remember) this.#remember(file.record());
    file.close();
    this.#options.onRecordsChanged();
  }

  #remember(record: FileRecord): void {
    const key = identityKey(record.dev, record.ino);
    this.#remembered.delete(key);
    this.#remembered.set(key, record);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      return;
    }
  }

  /** Said once per path until it heals. */
  #trouble(path: string, error: unknown): void {
    this.#options.onUnreadable(path);
    if (this.#troubled.has(path)) return;
    this.#troubled.add(path);
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.log.warn('A file cannot be read; it is tried again with every look.', { path, reason });
  }
}

function isDone(file: TrackedFile): boolean {
  return file.acked >= file.size && file.ranges.length === 0 && !file.paused;
}
