import type { Clock, Timer } from '../../../core/clock.ts';
import type { Delivery } from '../delivery.ts';
import type { TrackedFile } from '../tracked-file.ts';
import type { ChunkReader, Flush } from './chunk-reader.ts';

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly delivery: Delivery;
  readonly reader: ChunkReader;
  /** A file that was read to its end is read again no sooner than this after. */
  readonly pollMs: number;
  /** A partial last line is taken as it is this long after it last grew; 0 never. */
  readonly flushMs: number;
  /** Its content is another one; called before it is forgotten what was read. */
  onReplaced(file: TrackedFile): void;
  /** Bytes that were seen and not read are gone. */
  onLost(file: TrackedFile, bytes: number): void;
  onError(file: TrackedFile, error: unknown): void;
}

/**
 * Gives files their turns: one chunk each, round and round, one read at a time into the reader's one buffer.
 *
 *   wake -> ready (FIFO) -> turn -> more: ready again | end: quiet until woken, not before pollMs
 *
 * Invariants: at most one turn runs; a paused file has none; when the delivery window is full nobody has.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #ready = new Set<TrackedFile>();
  /** Read to the end a moment ago and woken since. */
  readonly #later = new Set<TrackedFile>();
  /** Files that end in a partial line, or of which lines are held back. */
  readonly #waiting = new Set<TrackedFile>();
  #laterTimer: Timer | undefined;
  #waitingTimer: Timer | undefined;
  #waitingDueMs = 0;
  #pump: Promise<void> | undefined;
  #cancelled = false;
  #draining = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Files with bytes to read that wait for their turn. */
  get readySize(): number {
    return this.#ready.size;
  }

  wake(file: TrackedFile): void {
    if (this.#draining || file.closed || file.paused) return;
    const { clock, pollMs } = this.#options;
    const dueMs = file.lastTurnMs + pollMs - clock.monotonic();
    if (dueMs <= 0) this.#enqueue(file);
    else {
      this.#later.add(file);
      this.#laterTimer ??= clock.timer(dueMs, () => this.#wakeLater());
    }
  }

  /** Reads each file to the end that it has now, partial lines included. Later wakes are ignored. */
  async drain(files: Iterable<TrackedFile>): Promise<void> {
    this.#draining = true;
    this.#laterTimer?.cancel();
    this.#waitingTimer?.cancel();
    await this.#pump;
    for (const file of files) await this.#drainFile(file);
  }

  async #drainFile(file: TrackedFile): Promise<void> {
    const { delivery } = this.#options;
    if (file.predecessor?.closed === false) await this.#drainFile(file.predecessor);
    // What is written from now on is for the next run, or a busy writer would keep this one for ever.
    const limit = endOf(file);
    let isCut = limit < file.offset;
    for (let more = true; more && !this.#cancelled && (isCut || file.offset < limit || file.toRestore.length > 0);) {
      isCut = false;
      if (file.paused) await delivery.idle();
      await delivery.room();
      if (isPaused(file)) return;
      more = await this.#turn(file, drainFlush(file));
    }
    if (!this.#cancelled && !file.closed && !file.paused && file.holdsLines) {
      await this.#turn(file, drainFlush(file));
    }
  }

  /** Ends a drain; nothing more is read. */
  cancel(): void {
    this.#cancelled = true;
  }

  #enqueue(file: TrackedFile): void {
    this.#ready.add(file);
    this.#pump ??= this.#run().finally(() => (this.#pump = undefined));
  }

  async #run(): Promise<void> {
    for (let file = first(this.#ready); file !== undefined && !this.#draining; file = first(this.#ready)) {
      await this.#options.delivery.room();
      this.#ready.delete(file);
      if (file.closed || file.paused) continue;
      if (await this.#turn(file, 'nothing')) this.#ready.add(file);
    }
    this.#options.reader.shrink();
  }

  /** True when the file has more to read right now. */
  async #turn(file: TrackedFile, flush: Flush): Promise<boolean> {
    const { clock, reader, delivery } = this.#options;
    file.inTurn = true;
    try {
      if (file.predecessor !== undefined && !this.#mayBegin(file, file.predecessor)) return false;
      const sizeBefore = file.size;
      const taken = flush === 'nothing' ? this.#dueFlush(file) : flush;
      const turn = await reader.turn(file, taken);
      if (turn.status === 'replaced') {
        this.#options.onReplaced(file);
        file.restart();
        return true;
      }
      if (turn.lostBytes > 0) this.#options.onLost(file, turn.lostBytes);
      if (file.size > sizeBefore) file.grewMs = clock.monotonic();
      if (turn.range !== undefined) delivery.offer(file, turn.range);
      if (!turn.atEnd) return true;
      file.lastTurnMs = clock.monotonic();
      if (taken !== 'nothing' && file.size > file.offset) file.unfinishedSize = file.size;
      this.#noteWaiting(file);
      if (file.successor !== undefined) this.wake(file.successor);
      return false;
    } catch (error) {
      file.lastTurnMs = clock.monotonic();
      this.#options.onError(file, error);
      // What cannot be read must not keep back what can.
      const { successor } = file;
      if (successor?.predecessor === file) reader.adopt(file, successor);
      if (successor !== undefined) this.wake(successor);
      return false;
    } finally {
      file.inTurn = false;
      file.isOver = false;
    }
  }

  /**
   * A record may begin at the end of one file and go on at the start of the one that took its name. So the first is read
   * to its end before the second is begun, once the writer has gone over to that, or to one that is newer still.
   */
  #mayBegin(file: TrackedFile, predecessor: TrackedFile): boolean {
    const { reader } = this.#options;
    if (reader.holdsBack && !predecessor.closed) {
      if (this.#draining) {
        if (!isDrained(predecessor)) return false;
      } else if (file.currentSize() === 0 && file.successor === undefined) return false;
      else if (predecessor.restedSize !== predecessor.currentSize()) {
        if (!predecessor.paused) this.#enqueue(predecessor);
        return false;
      }
    }
    reader.adopt(predecessor, file);
    return true;
  }

  #dueFlush(file: TrackedFile): Flush {
    const { flushMs, clock } = this.#options;
    if (file.isOver) return 'everything';
    const isDue = flushMs > 0 && this.#waiting.has(file) && clock.monotonic() >= file.grewMs + flushMs;
    return isDue ? 'last line' : 'nothing';
  }

  #noteWaiting(file: TrackedFile): void {
    const dueMs = this.#waitsUntilMs(file);
    if (dueMs === Number.POSITIVE_INFINITY) this.#waiting.delete(file);
    else {
      this.#waiting.add(file);
      this.#armWaiting(dueMs);
    }
  }

  /** When a partial last line, or lines that are held back, are taken as they are. Monotonic; Infinity for never. */
  #waitsUntilMs(file: TrackedFile): number {
    const { flushMs } = this.#options;
    const hasPartial = flushMs > 0 && file.size > file.offset && file.size !== file.unfinishedSize;
    return Math.min(file.heldDueMs, hasPartial ? file.grewMs + flushMs : Number.POSITIVE_INFINITY);
  }

  #armWaiting(dueMs: number): void {
    if (this.#waitingTimer !== undefined && dueMs >= this.#waitingDueMs) return;
    const { clock } = this.#options;
    this.#waitingTimer?.cancel();
    this.#waitingDueMs = dueMs;
    this.#waitingTimer = clock.timer(Math.max(0, dueMs - clock.monotonic()), () => this.#wakeWaiting());
  }

  #wakeWaiting(): void {
    this.#waitingTimer = undefined;
    if (this.#draining) return;
    let nextMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#options.clock.monotonic();
    for (const file of this.#waiting) {
      const dueMs = this.#waitsUntilMs(file);
      if (file.closed || dueMs === Number.POSITIVE_INFINITY) this.#waiting.delete(file);
      else if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
      else if (!file.paused) this.#enqueue(file);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#armWaiting(nextMs);
  }

  #wakeLater(): void {
    this.#laterTimer = undefined;
    if (this.#draining) return;
    const files = [...this.#later];
    this.#later.clear();
    for (const file of files) this.wake(file);
  }
}

/** Lines that wait may go on in the file that took the name, when that is read next. */
function drainFlush({ successor }: TrackedFile): Flush {
  return successor?.closed === false && successor.size > 0 ? 'last line' : 'everything';
}

/** False for a file that the next run has to go on with before its successor is begun. */
function isDrained({ paused, toRestore, predecessor }: TrackedFile): boolean {
  return !paused && toRestore.length === 0 && predecessor === undefined;
}

/** Read through a function, because the verdict of an earlier batch changes it behind an await. */
function isPaused(file: TrackedFile): boolean {
  return file.paused;
}

/** Where it ends now: the turn that was under way when it was last looked at may not have seen that it was truncated. */
function endOf(file: TrackedFile): number {
  return file.closed || file.archive !== undefined ? file.size : file.currentSize();
}

function first(files: ReadonlySet<TrackedFile>): TrackedFile | undefined {
  for (const file of files) return file;
  return undefined;
}
