import type { Clock, Timer } from '../../src/core/clock.ts';

/** A process that stood still for longer than this did so for this long. */
const LONGEST_TURN_MS = 5;

/**
 * Time that passes many times as fast as real time while this process runs, and hardly at all while it stands still: what
 * gives up after ten seconds does so after half of one, but not because the machine gave others its CPU meanwhile.
 */
export class HurriedClock implements Clock {
  readonly #factor: number;
  #passedMs = 0;
  #lookedMs = performance.now();

  constructor(factor: number) {
    this.#factor = factor;
    setInterval(() => this.#look(), 1).unref();
  }

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    this.#look();
    return this.#passedMs;
  }

  timer(afterMs: number, fire: () => void): Timer {
    const dueMs = this.monotonic() + afterMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = dueMs - this.monotonic();
      handle = setTimeout(() => (this.monotonic() < dueMs ? arm() : fire()), Math.max(0, leftMs / this.#factor));
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }

  #look(): void {
    const nowMs = performance.now();
    this.#passedMs += this.#factor * Math.min(nowMs - this.#lookedMs, LONGEST_TURN_MS);
    this.#lookedMs = nowMs;
  }
}
