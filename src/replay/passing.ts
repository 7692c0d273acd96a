import { RemoraError } from '../core/errors.ts';
import { VirtualClock } from '../core/virtual-clock.ts';

/** Timers that may fire within a second of virtual time. A replay that has more would not come to its end in real time. */
const MAX_TIMERS_A_SECOND = 500_000;

export interface PassingOptions {
  readonly startMs: number;
  /** Virtual time at most. */
  readonly limitMs: number;
  /** Milliseconds after the start, now and then. */
  readonly onProgress?: ((atMs: number) => void) | undefined;
}

/**
 * How virtual time goes on: from one timer to the next, and no further than its bound. Throws `replay_stuck` where it would go
 * beyond, where nothing is left to go on, and where timers follow each other without time passing.
 */
export class Passing {
  readonly clock: VirtualClock;
  readonly #options: PassingOptions;
  /** The second of virtual time that timers fire in, and how many of them have. */
  #second = 0;
  #fired = 0;
  #waitingFor: () => string = () => 'the start';

  constructor(options: PassingOptions) {
    this.#options = options;
    this.clock = new VirtualClock(options.startMs, () => this.#count());
  }

  /** Milliseconds since the start. */
  get atMs(): number {
    return this.clock.now() - this.#options.startMs;
  }

  /** What a replay that comes to no end waits for, from now on. */
  waitsFor(waitingFor: () => string): void {
    this.#waitingFor = waitingFor;
  }

  /** To a time after the start; does nothing when that has passed. */
  async to(atMs: number): Promise<void> {
    const { limitMs, onProgress } = this.#options;
    if (atMs <= this.atMs) return;
    if (atMs > limitMs) throw stuck(`The input goes on at ${seconds(atMs)}, beyond ${boundText(limitMs)}`);
    await this.clock.advance(atMs - this.atMs);
    onProgress?.(atMs);
  }

  /** Until `done` settles. */
  async until(done: Promise<void>): Promise<void> {
    const { limitMs, startMs, onProgress } = this.#options;
    let isOver = false;
    const over = done.finally(() => (isOver = true));
    // Whoever throws below says more than it would.
    over.catch(() => undefined);
    await this.clock.advance(0);
    while (!isOver) {
      const { nextMs } = this.clock;
      const what = this.#waitingFor;
      if (nextMs === undefined) throw stuck(`Nothing is left that could go on, and it waits for ${what()}`);
      if (nextMs - startMs > limitMs) throw stuck(`It still waits for ${what()}, beyond ${boundText(limitMs)}`);
      await this.clock.advance(nextMs - this.clock.now());
      onProgress?.(this.atMs);
    }
    await over;
  }

  #count(): void {
    const second = Math.floor(this.atMs / 1000);
    if (second !== this.#second) this.#fired = 0;
    this.#second = second;
    this.#fired += 1;
    if (this.#fired <= MAX_TIMERS_A_SECOND) return;
    const what = `${MAX_TIMERS_A_SECOND} timers fired within the second of virtual time after ${second}s`;
    throw stuck(
      `${what}: an interval of the configuration is too short to be replayed. It waits for ${this.#waitingFor()}`,
    );
  }
}

function stuck(what: string): RemoraError {
  return new RemoraError('replay_stuck', `${what}.`);
}

function boundText(limitMs: number): string {
  return `the bound of ${seconds(limitMs)} of virtual time`;
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}
