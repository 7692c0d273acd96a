import { dirname, join } from 'node:path';
import { repeat, type Clock, type Timer } from '../../core/clock.ts';
import type { Receiver, ReceiverContext } from '../../core/component.ts';
import { errorMessage } from '../../core/errors.ts';
import { jittered } from '../../core/random.ts';
import { CheckpointWriter, type Checkpointed } from './checkpoint-writer.ts';
import type { FilelogConfig } from './config.ts';
import { deleteReadFiles } from './deletion.ts';
import { Delivery } from './delivery.ts';
import { DirectoryWatch } from '../../storage/directory-watch.ts';
import { Finder, type Found, type FoundFile } from './discovery/finder.ts';
import { loadFollow } from './discovery/follower.ts';
import { makeOrdering } from './discovery/ordering.ts';
import { rotatedSiblings, RotatedNames, type RotatedPath } from './discovery/rotated-names.ts';
import { SkippedLog } from './discovery/skipped.ts';
import { Archives, isArchive } from './archives/archives.ts';
import { Files } from './files.ts';
import { compileGlobs } from './glob.ts';
import { FilelogMetrics } from './metrics.ts';
import { Scheduler } from './reading/scheduler.ts';
import type { TrackedFile } from './tracked-file.ts';
import { Troubles } from './troubles.ts';
import { makeReader } from './encode/make-reader.ts';

/** Directories are looked at this often even when every one of them is watched. */
const LOOK_MS = 800;
const CHECKPOINT_MS = 1000;
/** Looks that events ask for keep this distance, and a multiple of what a look takes. */
const MIN_LOOK_GAP_MS = 2;

/**
 * Tails files.
 *
 *   directory watch, timer -> look -> Files (descriptors, identity) -> Scheduler (turns) -> ChunkReader -> Delivery -> next
 *                                                                            ^------------- wake -------------'
 *
 * Invariants: looks never overlap; the checkpoint holds acknowledged offsets only.
 */
export class FilelogReceiver implements Receiver {
  readonly #config: FilelogConfig;
  readonly #context: ReceiverContext;
  readonly #clock: Clock;
  readonly #metrics: FilelogMetrics;
  readonly #finder: Finder;
  readonly #order: (files: readonly FoundFile[]) => readonly FoundFile[];
  readonly #rotated: RotatedNames;
  readonly #watch: DirectoryWatch;
  readonly #unlistable: Troubles;
  readonly #timers: Timer[] = [];
  #running: Running | undefined;
  #look: Promise<void> | undefined;
  #lookAgain = false;
  #lookTimer: Timer | undefined;
  #hasLooked = false;
  /** The first look of a run that has a checkpoint is still to come. */
  #isGoingOn = false;
  #stopped = false;

  constructor(config: FilelogConfig, context: ReceiverContext) {
    this.#config = config;
    this.#context = context;
    this.#clock = context.clock;
    this.#metrics = new FilelogMetrics(context);
    const skipped = new SkippedLog(context.log);
    const message = 'A directory or file cannot be looked at; it is tried again.';
    this.#unlistable = new Troubles(context.log, message);
    this.#finder = new Finder({
      include: config.include.flatMap((pattern) => compileGlobs(pattern, process.cwd())),
      exclude: config.exclude.flatMap((pattern) => compileGlobs(pattern, process.cwd())),
      clock: context.clock,
      files: context.outside.files,
      onError: (path, error) => {
        this.#metrics.unreadable.value += 1;
        this.#unlistable.note(path, error);
      },
      onSkipped: (path, reason) => skipped.say(path, reason),
    });
    const { ordering_criteria } = config;
    this.#order = ordering_criteria === undefined ? (files) => files : makeOrdering(ordering_criteria, context.clock);
    this.#rotated = new RotatedNames(context.clock, (path) => this.#finder.matches(path));
    this.#watch = new DirectoryWatch({
      files: context.outside.files,
      onEvent: (directory, name) => {
        this.#rotated.onEvent(directory, name);
        if (name !== undefined) this.#lookSoon(join(directory, name));
      },
      onChange: (directory, name) => {
        if (this.#finder.takesTurns) this.#finder.touch(join(directory, name));
      },
    });
  }

  async start(): Promise<void> {
    const { logs } = this.#context.next;
    if (logs === undefined || this.#stopped) return;
    const { clock, random, log } = this.#context;
    const { storage } = this.#config;
    const hasCheckpoint = storage !== undefined;
    const checkpoint = new CheckpointWriter(
      storage === undefined ? undefined : this.#context.storage(storage, ''),
      log,
      this.#metrics,
    );
    const known = await checkpoint.load();
    this.#isGoingOn = known !== undefined;
    const follow =
      this.#context.outside.files.follow ??
      (await loadFollow({
        pollMs: this.#config.poll_interval,
        onPolling: (path, error) =>
          log.warn('A file cannot be watched; it is polled.', { path, reason: errorMessage(error) }),
      }));
    const delivery = new Delivery({
      next: logs,
      clock,
      random,
      log,
      rejectedLines: this.#metrics.rejectedLines,
      onAcked: (file) => {
        checkpoint.touch();
        if (file.archive !== undefined) this.#lookSoon();
        files.settled(file);
      },
      onResumed: (file) => scheduler.wake(file),
    });
    const scheduler: Scheduler = new Scheduler({
      clock,
      delivery,
      reader: makeReader(this.#config, this.#context, this.#metrics),
      pollMs: this.#isTold ? 0 : this.#config.poll_interval,
      flushMs: this.#config.force_flush_period,
      onReplaced: (file) => {
        files.replaced(file);
        checkpoint.touch();
        this.#onReplaced(file);
      },
      onLost: ({ path }, bytes) => this.#onLost(path, bytes),
      onError: (file, error) => this.#onReadError(file, error),
    });
    const files: Files = new Files({
      clock,
      fileSystem: this.#context.outside.files,
      log,
      follow,
      fingerprintBytes: this.#config.fingerprint_size,
      maxOpen: this.#config.max_concurrent_files,
      startAt: this.#config.start_at,
      known: known?.files.filter(({ compressed }) => compressed !== true),
      bornAfterMs: known?.lookedMs ?? clock.now(),
      hasCheckpoint,
      excludeOlderMs: this.#config.exclude_older_than,
      deleteAfterRead: this.#config.delete_after_read,
      wake: (file) => scheduler.wake(file),
      onRotated: () => (this.#metrics.rotations.value += 1),
      onUnreadable: () => (this.#metrics.unreadable.value += 1),
      onRecordsChanged: () => checkpoint.touch(),
      onLost: (path, bytes) => this.#onLost(path, bytes),
      onForgotten: (path) => this.#onForgotten(path),
      lookSoon: (path) => this.#lookSoon(path),
    });
    const archives = new Archives({
      clock,
      fileSystem: this.#context.outside.files,
      log,
      fingerprintBytes: this.#config.fingerprint_size,
      skipsFirst: known === undefined && this.#config.start_at === 'end',
      known: known?.files.filter(({ compressed }) => compressed === true) ?? [],
      wake: (file) => scheduler.wake(file),
      onUnreadable: () => (this.#metrics.unreadable.value += 1),
      onRecordsChanged: () => checkpoint.touch(),
      lookSoon: () => this.#lookSoon(),
    });
    const checkpointed: Checkpointed = {
      get lookedMs() {
        return files.looked.ms;
      },
      records: () => [...files.records(), ...archives.records()],
      crashWindow: files.crashWindow,
      // A crash between a truncation and the look for the copy must find what was known before.
      mustWait: () => files.torn.size > 0 && !this.#stopped,
    };
    this.#running = { files, archives, scheduler, delivery, checkpoint, checkpointed };
    this.#metrics.observe(files, scheduler);
    await this.#lookNow();
    // Even with no file at all, and before anything else: the next start then knows that it is not the first, and leaves out
    // nothing, however soon it comes.
    checkpoint.touch();
    await checkpoint.save(checkpointed);
    const lookMs = (): number =>
      jittered(
        this.#watch.complete ? Math.max(LOOK_MS, this.#config.poll_interval) : this.#config.poll_interval,
        0.1,
        random,
      );
    this.#timers.push(repeat(clock, lookMs, () => this.#lookSoon()));
    const checkpointMs = (): number => CHECKPOINT_MS;
    this.#timers.push(repeat(clock, checkpointMs, () => void this.#save()));
  }

  async stop(deadline: AbortSignal): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#lookTimer?.cancel();
    const running = this.#running;
    if (running === undefined) return;
    const { files, archives, scheduler, delivery } = running;
    const onDeadline = (): void => {
      scheduler.cancel();
      delivery.abort();
    };
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline, { once: true });
    // The checkpoint stands before what the next consumer does not take now, so waiting for it would gain nothing.
    if (this.#config.storage !== undefined) delivery.giveUpOnRefusal();
    await this.#look;
    await this.#lookOnce(running);
    this.#watch.close();
    await scheduler.drain(files.all());
    if (files.torn.size > 0) {
      await this.#lookOnce(running);
      await scheduler.drain(files.all());
    }
    await delivery.idle();
    deadline.removeEventListener('abort', onDeadline);
    await this.#save();
    files.close();
    await archives.close();
  }

  /** Looks at the directories, and at `path` whosever turn it is, now or right after the look that is under way. */
  /** Each change is told of when it happens, as a replay does: no pauses gather them, or time would pass twice. */
  get #isTold(): boolean {
    return this.#context.outside.files.follow !== undefined;
  }

  #lookSoon(path?: string): void {
    if (this.#stopped) return;
    if (path !== undefined) this.#finder.touch(path);
    this.#lookAgain = true;
    // Not in the middle of events that came together: a rename is two of them.
    if (this.#look === undefined && this.#lookTimer === undefined) this.#lookAfter(0);
  }

  #lookAfter(afterMs: number): void {
    this.#lookTimer = this.#clock.timer(afterMs, () => {
      this.#lookTimer = undefined;
      if (this.#lookAgain) void this.#lookNow();
    });
  }

  #lookNow(): Promise<void> {
    this.#look ??= this.#lookLoop().finally(() => (this.#look = undefined));
    return this.#look;
  }

  async #lookLoop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#lookAgain = false;
    const startedMs = this.#clock.monotonic();
    await this.#lookOnce(running);
    if (this.#stopped) return;
    const gapMs = Math.max(MIN_LOOK_GAP_MS, 2 * (this.#clock.monotonic() - startedMs));
    this.#lookAfter(this.#isTold ? 0 : gapMs);
  }

  async #lookOnce({ files, archives }: Running): Promise<void> {
    try {
      const found = this.#finder.find(!this.#watch.complete);
      this.#metrics.skipped = found.skipped;
      if (found.files.length === 0 && !this.#hasLooked) this.#sayNoFiles();
      this.#hasLooked = true;
      this.#unlistable.endLook();
      if (!this.#stopped) this.#watch.update(found.directories);
      const { compression } = this.#config;
      const { archived = [], plain = [] } = Object.groupBy(this.#order(found.files), ({ path }) =>
        isArchive(path, compression) ? 'archived' : 'plain',
      );
      if (compression !== '') await archives.reconcile(archived, files);
      await files.reconcile({ ...found, files: plain }, this.#rotatedPaths(found, files));
    } catch (error) {
      this.#context.log.error('A look at the directories failed; the next one tries again.', {
        reason: errorMessage(error),
      });
    }
  }

  /** At the start also what may have been created and rotated away since the last run looked. */
  #rotatedPaths({ directories }: Found, files: Files): RotatedPath[] {
    const paths = this.#rotated.paths();
    if (!this.#isGoingOn) return paths;
    this.#isGoingOn = false;
    const { files: fileSystem } = this.#context.outside;
    const linked = new Set(files.records().flatMap(({ realPath }) => realPath ?? []));
    return [
      ...paths,
      ...rotatedSiblings(fileSystem, directories, (path) => this.#finder.matches(path)),
      ...rotatedSiblings(fileSystem, new Set(Array.from(linked, dirname)), (path) => linked.has(path)),
    ];
  }

  async #save(): Promise<void> {
    if (this.#running === undefined) return;
    const { checkpoint, checkpointed, files } = this.#running;
    const isSaved = await checkpoint.save(checkpointed);
    if (isSaved && this.#config.delete_after_read) this.#deleteRead(files);
  }

  #deleteRead(files: Files): void {
    const { log } = this.#context;
    deleteReadFiles(files.all(), {
      files: this.#context.outside.files,
      hasCheckpoint: this.#config.storage !== undefined,
      onDeleted: (path) => {
        this.#metrics.deleted.value += 1;
        log.debug('A file was deleted after it was read.', { path });
      },
      onFailed: (path, error) =>
        log.warn('A file that was read cannot be deleted.', { path, reason: errorMessage(error) }),
    });
  }

  /** Nothing is wrong when the application starts later, but a path may be misspelt, or a volume not mounted. */
  #sayNoFiles(): void {
    const { include } = this.#config;
    this.#context.log.info('No file matches yet; files are read when they appear.', { include: include.join(' ') });
  }

  #onReplaced(file: TrackedFile): void {
    this.#metrics.truncations.value += 1;
    this.#context.log.debug('A file was truncated or rewritten in place; it is read from its start.', {
      path: file.path,
    });
  }

  #onReadError(file: TrackedFile, error: unknown): void {
    this.#metrics.unreadable.value += 1;
    this.#context.log.warn('Reading a file failed; it is tried again.', {
      path: file.path,
      reason: errorMessage(error),
    });
  }

  #onLost(path: string, bytes: number): void {
    this.#metrics.lostBytes.value += bytes;
    const advice = 'rotate by rename, or keep the copy beside the file and uncompressed for a while';
    this.#context.log.error('Bytes of a file are gone that were not read.', { path, bytes, advice });
  }

  #onForgotten(path: string): void {
    this.#metrics.forgotten.value += 1;
    if (this.#metrics.forgotten.value > 1) return;
    this.#context.log.warn(
      'So many files came and went that old ones are forgotten; one that comes back is read again.',
      {
        path,
      },
    );
  }
}

interface Running {
  readonly files: Files;
  readonly archives: Archives;
  readonly scheduler: Scheduler;
  readonly delivery: Delivery;
  readonly checkpoint: CheckpointWriter;
  readonly checkpointed: Checkpointed;
}
