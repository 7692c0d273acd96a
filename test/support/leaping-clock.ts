import type { Clock, Timer } from '../../src/core/clock.ts';

interface Waiting {
  readonly dueMs: number;
  readonly fire: () => void;
  handle: NodeJS.Timeout | undefined;
}

/**
 * Real time that can leap: what would have to wait for long, for as long as the machine stands still meanwhile, waits until
 * the test says so. Times that must not pass by themselves are an hour, and then the test leaps that far.
 */
export class LeapingClock implements Clock {
  #leaptMs = 0;
  readonly #waiting = new Set<Waiting>();

  now(): number {
    return Date.now() + this.#leaptMs;
  }

  monotonic(): number {
    return performance.now() + this.#leaptMs;
  }

  timer(afterMs: number, fire: () => void): Timer {
    const waiting: Waiting = { dueMs: this.monotonic() + afterMs, fire, handle: undefined };
    this.#waiting.add(waiting);
    this.#arm(waiting);
    return {
      cancel: () => {
        clearTimeout(waiting.handle);
        this.#waiting.delete(waiting);
      },
    };
  }

  leap(ms: number): void {
    this.#leaptMs += ms;
    for (const waiting of this.#waiting) {
      clearTimeout(waiting.handle);
      this.#arm(waiting);
    }
  }

  #arm(waiting: Waiting): void {
    const afterMs = Math.max(0, waiting.dueMs - this.monotonic());
    waiting.handle = setTimeout(() => {
      this.#waiting.delete(waiting);
      waiting.fire();
    }, afterMs);
  }
}
