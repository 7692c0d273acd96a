import { dirname } from 'node:path';
import { identityKey, type FileStats } from '../../core/file-system.ts';
import type { Found, FoundFile } from './discovery/finder.ts';
import { isMissing } from './discovery/missing.ts';
import { rotatedSiblings, type RotatedPath } from './discovery/rotated-names.ts';
import { CrashWindow } from './crash-window.ts';
import { reportGone } from './gone-report.ts';
import { isSameInode, placeOf, type FileRecord } from './identity.ts';
import type { FilesOptions } from './files-options.ts';
import { isCopy, readUnder } from './copies.ts';
import { findOriginal, findRenamed, openFile, position, realPathOf, type Positioned } from './opening.ts';
import { Looked } from './looked.ts';
import { canGiveWay, isDone, isLeft, mayStillGrow, parkingOrder } from './parking.ts';
import { Remembered, REMEMBERED_LIMITS, type RememberedLimits } from './remembered.ts';
import { Succession } from './succession.ts';
import type { TrackedFile } from './tracked-file.ts';
import { Troubles } from './troubles.ts';
import { TornContents } from './torn-contents.ts';
import { WaitingFiles } from './waiting.ts';

/**
 * The open files, by identity, kept in step with what is on disk.
 * Invariants: at most one open file per device and inode; a file with unread or unacknowledged bytes is never closed, except
 * to let others have a turn while a path leads to it.
 */
export class Files {
  readonly #options: FilesOptions;
  readonly #open = new Map<string, TrackedFile>();
  readonly crashWindow: CrashWindow;
  readonly #remembered: Remembered;
  readonly #limits: RememberedLimits;
  readonly #waiting = new WaitingFiles();
  /** Files that may be closed in this look, the first to go last. */
  #order: TrackedFile[] | undefined;
  readonly #succession = new Succession();
  readonly #troubles: Troubles;
  /** What was known of contents that turned out to be another one, until the next look has looked for their rest. */
  readonly torn = new TornContents();
  readonly looked: Looked;
  /** Open files that no path leads to. They do not count against `maxOpen`: what is rotated away must be read. */
  #rotatedOpen = 0;
  #look = 0;
  #saidFull = false;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.crashWindow = new CrashWindow(this.#open, options.hasCheckpoint);
    this.#limits = options.limits ?? REMEMBERED_LIMITS;
    this.looked = new Looked(options.bornAfterMs);
    this.#troubles = new Troubles(options.log, 'A file cannot be read; it is tried again with every look.');
    this.#remembered = new Remembered(this.#limits, ({ path }) => options.onForgotten(path));
    for (const record of options.known ?? []) this.#remembered.add(record, 0);
  }

  get size(): number {
    return this.#open.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  all(): IterableIterator<TrackedFile> {
    return this.#open.values();
  }

  isOpen({ dev, ino }: FileRecord): boolean {
    return this.#open.has(identityKey(dev, ino));
  }

  /** What the checkpoint should hold. */
  records(): FileRecord[] {
    return [...this.#remembered.records(), ...Array.from(this.#open.values(), (file) => file.record())];
  }

  /** Brings the open files in step with what was found. `rotated` may lead to further files to read. */
  async reconcile(found: Found, rotated: readonly RotatedPath[]): Promise<void> {
    this.#look += 1;
    const nowMs = this.#options.clock.now();
    this.#order = undefined;
    const wanted = this.#recognize(found.files);
    this.#markUnmatched();
    const missing = this.#missing(found.files);
    await this.#openRenamed(missing);
    // Copies are known by originals that have another content now: in the first look the originals come first.
    if (this.#isFirst) await this.#openWanted(wanted, missing);
    for (const one of rotated) await this.#openRotated(one, [...this.torn.records(), ...missing], missing);
    if (!this.#isFirst) await this.#openWanted(wanted, missing);
    await this.#openCopies();
    for (const file of this.#succession.link()) this.#beginReading(file);
    reportGone(missing, this.#remembered, this.#look, this.#options);
    this.#closeDone();
    this.#troubles.endLook();
    if (this.waiting === 0) this.looked.note(nowMs);
  }

  /** Bytes of the file were acknowledged: it may give way to one that waits. */
  settled(file: TrackedFile): void {
    if (this.#waiting.size > 0 && isDone(file)) this.#options.lookSoon();
  }

  /** Its content was replaced in place; what is known of the old one is still there. */
  replaced(file: TrackedFile): void {
    const bytes = file.cutBytes + file.size - Math.max(file.currentSize(), file.offset);
    file.cutBytes = 0;
    this.torn.add(file.readRecord(), bytes, file.settlement);
    this.#options.lookSoon();
  }

  /** Closes every descriptor. */
  close(): void {
    for (const file of this.#open.values()) file.close();
  }

  get #isFirst(): boolean {
    return this.#look === 1;
  }

  /** Takes note of files that are open, or closed and unchanged; gives back the others. */
  #recognize(files: readonly FoundFile[]): FoundFile[] {
    const wanted: FoundFile[] = [];
    for (const one of files) {
      const file = this.#open.get(one.stats.key);
      if (file !== undefined) this.#seen(file, one);
      else if (!this.#isAsLeft(one.stats) && !this.#isTooOld(one.stats)) wanted.push(one);
    }
    return wanted;
  }

  #seen(file: TrackedFile, { path, stats }: FoundFile): void {
    if (file.look === this.#look) return;
    file.look = this.#look;
    if (file.path !== path) file.goBy(path, realPathOf(this.#options.fileSystem, path));
    file.matched = true;
    if (file.stats === stats) return;
    file.stats = stats;
    this.#noteSize(file, stats.size);
  }

  /** True for a closed file that is still as it was when it was read to its end. */
  #isAsLeft(stats: FileStats): boolean {
    const parked = this.#remembered.see(stats.key);
    // Another file may have the inode of one that was removed.
    if (parked === undefined || !isSameInode(parked.record, stats)) return false;
    const isRepeated = parked.look === this.#look;
    parked.look = this.#look;
    const { record } = parked;
    // What was read in an earlier run may still have to be deleted.
    const isOver = this.#options.deleteAfterRead !== true || parked.since > 0;
    return isRepeated || (isOver && record.offset === stats.size && record.modifiedMs === stats.modifiedMs);
  }

  #isTooOld({ modifiedMs }: FileStats): boolean {
    const { clock, excludeOlderMs } = this.#options;
    // What is read from its end anyway is watched from now on, or it would be read from its beginning later.
    return excludeOlderMs !== undefined && !this.#isFromEnd && clock.now() - modifiedMs > excludeOlderMs;
  }

  /** Files that nothing is known of were there before the start, and only what is new in them is wanted. */
  get #isFromEnd(): boolean {
    const { known, startAt } = this.#options;
    return this.#isFirst && known === undefined && startAt === 'end';
  }

  #noteSize(file: TrackedFile, size: number): void {
    if (size === file.size && size === file.offset) return;
    if (size !== file.size) file.grewMs = this.#options.clock.monotonic();
    this.#noteLost(file, size);
    file.size = size;
    this.#options.wake(file);
  }

  /** What was seen beyond the offset and is cut off now. When the offset is cut off as well, there may be a copy. */
  #noteLost(file: TrackedFile, size: number): void {
    const bytes = file.size - Math.max(size, file.offset);
    if (bytes <= 0) return;
    if (size < file.offset) file.cutBytes += bytes;
    else this.#options.onLost(file.path, bytes);
  }

  #markUnmatched(): void {
    this.#rotatedOpen = 0;
    for (const file of this.#open.values()) {
      if (file.look === this.#look) continue;
      this.#rotatedOpen += 1;
      if (file.matched) {
        file.unmatch(this.#options.clock.monotonic());
        this.#options.onRotated(file);
      }
      this.#noteSize(file, file.currentSize());
    }
  }

  #openedRotated(file: TrackedFile): void {
    this.#rotatedOpen += 1;
    file.unmatch(this.#options.clock.monotonic());
  }

  /** Records of closed files that no path leads to since this look; in the first look, any that no path leads to. */
  #missing(files: readonly FoundFile[]): Set<FileRecord> {
    const gone = this.#isFirst ? [...this.#remembered.gone()] : [];
    const vanished = this.#remembered.vanished(this.#look);
    if (!this.#isFirst) return new Set(vanished);
    const byInode = new Map(files.map(({ stats }) => [stats.ino, stats]));
    const isFound = (record: FileRecord): boolean => {
      const stats = byInode.get(record.ino);
      return stats !== undefined && isSameInode(record, stats);
    };
    return new Set([...vanished, ...gone].filter((record) => !isFound(record)));
  }

  /** Goes on with files that were renamed while they were closed, found by identity in their directory. */
  async #openRenamed(missing: Set<FileRecord>): Promise<void> {
    if (missing.size === 0) return;
    const nowMs = this.#options.clock.now();
    const oldestFirst = [...findRenamed(this.#options.fileSystem, [...missing])].sort(
      ([a], [b]) => a.birthMs - b.birthMs,
    );
    for (const [record, { path, stats }] of oldestFirst) {
      missing.delete(record);
      const isQuiet = stats.size === record.offset && record.pending === undefined && !mayStillGrow(stats, nowMs);
      if (record.rotated === true && isQuiet) continue;
      const file = await this.#tryOpen(path, [record], 0);
      if (file === undefined) continue;
      // It goes by the name under which it was read.
      file.goBy(record.path, placeOf(record));
      this.#openedRotated(file);
    }
  }

  /** A file that no pattern matches, from its beginning or from where the one of `originals` was left that it is a copy of. */
  async #openRotated(one: RotatedPath, originals: readonly FileRecord[], missing?: Set<FileRecord>): Promise<void> {
    const { path, name } = one;
    try {
      const stats = this.#options.fileSystem.stat(path);
      if (stats?.kind !== 'file' || this.looked.isOlder(stats)) return;
      if (this.#open.has(stats.key) || this.#remembered.ofInode(stats).length > 0) return;
      // Noted before anything is waited for: what is truncated meanwhile is among the originals of the next look.
      const read = readUnder(name, this.#open.values());
      const original = await findOriginal(this.#options.fileSystem, path, originals);
      if (original === undefined && (missing === undefined || (await isCopy(this.#options.fileSystem, path, read))))
        return;
      const file = await this.#tryOpen(path, original === undefined ? [] : [{ ...original, path }], 0);
      if (file === undefined) return;
      if (original !== undefined) {
        missing?.delete(original);
        this.torn.found(original, file);
      }
      this.#succession.opened(file, name);
      this.#openedRotated(file);
      this.#options.onRotated(file);
    } catch (error) {
      this.#trouble(path, error);
    }
  }

  /** The rest of what was copied and truncated before it was read to its end. */
  async #openCopies(): Promise<void> {
    for (const record of this.torn.records()) {
      const place = placeOf(record);
      const siblings = rotatedSiblings(this.#options.fileSystem, [dirname(place)], (path) => path === place);
      for (const sibling of siblings) await this.#openRotated(sibling, [record]);
      this.torn.delete(record, (path, bytes) => this.#options.onLost(path, bytes));
    }
  }

  async #openWanted(wanted: readonly FoundFile[], missing: Set<FileRecord>): Promise<void> {
    const { maxOpen } = this.#options;
    this.#waiting.renew(wanted, this.#isFromEnd);
    const byPath = new Map(Array.from(this.#isFirst ? missing : [], (record) => [record.path, record]));
    for (const waiting of this.#waiting.values()) {
      const { one, unknownAt } = waiting;
      // Opened meanwhile under another name.
      if (!this.#open.has(one.stats.key)) {
        if (this.#isFull(one.stats)) continue;
        if (this.#open.size - this.#rotatedOpen >= maxOpen && !this.#makeRoom()) return;
        await this.#tryOpen(one.path, this.#candidates(one, byPath), unknownAt);
      }
      this.#waiting.delete(waiting);
    }
  }

  /** So many files match that one more could not be remembered: it is not read, rather than read again and again. */
  #isFull({ key }: FileStats): boolean {
    const known = this.#remembered.presentSize + this.#open.size;
    if (known < this.#limits.present || this.#remembered.has(key)) return false;
    if (!this.#saidFull) {
      const message = 'More files match than can be remembered; the others are not read.';
      this.#options.log.error(message, { limit: this.#limits.present });
    }
    this.#saidFull = true;
    return true;
  }

  /** Records that may be this file: of its inode, or (in the first look) of its path when their inode is nowhere to be seen. */
  #candidates({ path, stats }: FoundFile, byPath: ReadonlyMap<string, FileRecord>): FileRecord[] {
    const same = this.#remembered.ofInode(stats);
    const record = byPath.get(path);
    return same.length > 0 || record === undefined ? same : [record];
  }

  async #tryOpen(path: string, known: readonly FileRecord[], unknownAt: number): Promise<TrackedFile | undefined> {
    const file = this.#openAt(path);
    if (file === undefined) return undefined;
    const used = await this.#position(file, known, unknownAt);
    if (used === undefined) return undefined;
    // Only now: until it is known where it goes on, a checkpoint has what is remembered of it.
    this.#open.set(file.key, file);
    this.#forget(file, used);
    const nowMs = this.#options.clock.monotonic();
    file.look = this.#look;
    this.crashWindow.onOpened(file);
    file.grewMs = nowMs;
    file.openedMs = nowMs;
    file.keepsPlace = this.#options.deleteAfterRead === true;
    for (const name of [path, used.record?.path ?? path]) this.#succession.opened(file, name);
    this.#options.onRecordsChanged();
    return file;
  }

  #beginReading(file: TrackedFile): void {
    file.follower = this.#options.follow(file.openedAs, {
      onChange: () => this.#options.wake(file),
      onRename: () => this.#options.lookSoon(file.path),
    });
    this.#options.wake(file);
  }

  #openAt(path: string): TrackedFile | undefined {
    try {
      const file = openFile(this.#options.fileSystem, path);
      // The name may lead to another file than it did when it was listed.
      if (!this.#open.has(file.key)) return file;
      file.close();
    } catch (error) {
      if (!isMissing(error)) this.#trouble(path, error);
    }
    return undefined;
  }

  /** A file whose content cannot be read now is let go, and tried again with the next look as if it were new. */
  async #position(file: TrackedFile, known: readonly FileRecord[], unknownAt: number): Promise<Positioned | undefined> {
    try {
      return await position(file, known, unknownAt, { fingerprintBytes: this.#options.fingerprintBytes });
    } catch (error) {
      file.close();
      this.#trouble(file.path, error);
      return undefined;
    }
  }

  /** The open file keeps its own record from now on. */
  #forget(file: TrackedFile, { record, intact }: Positioned): void {
    this.#remembered.delete(file.key);
    if (record === undefined) return;
    this.#remembered.delete(identityKey(record.dev, record.ino));
    if (!intact) this.torn.add(record, (record.size ?? 0) - record.offset);
  }

  #closeDone(): void {
    const { clock, maxOpen } = this.#options;
    for (const file of this.#open.values()) {
      if (!isLeft(file, clock.monotonic(), this.#rotatedOpen > maxOpen)) continue;
      if (isDone(file)) this.#closeFile(file, file.currentStats().links === 0 ? undefined : file.record());
      else if (file.holdsLines && file.successor === undefined) {
        file.isOver = true;
        this.#options.wake(file);
      }
    }
  }

  /** Closes a file so that another can be opened; false when every open file has something to do. */
  #makeRoom(): boolean {
    const nowMs = this.#options.clock.monotonic();
    this.#order ??= parkingOrder(this.#open.values(), nowMs);
    for (let file = this.#order.pop(); file !== undefined; file = this.#order.pop()) {
      if (!canGiveWay(file, nowMs)) continue;
      const { size, modifiedMs } = file.currentStats();
      const isAtEnd = file.acked === size;
      this.#closeFile(file, { ...file.record(), size, modifiedMs: isAtEnd ? modifiedMs : undefined });
      return true;
    }
    return false;
  }

  #closeFile(file: TrackedFile, record: FileRecord | undefined): void {
    this.#open.delete(file.key);
    this.crashWindow.onClosing(file);
    if (record !== undefined) this.#remembered.add(record, this.#look);
    this.#succession.closed(file);
    file.close();
    this.#options.onRecordsChanged();
  }

  #trouble(path: string, error: unknown): void {
    this.#options.onUnreadable(path);
    this.#troubles.note(path, error);
  }
}
