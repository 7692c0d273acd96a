import type { Clock } from '../../core/clock.ts';

/** After the last turn that was half as late as the limit, data is taken again. */
const CALM_MS = 1000;

/**
 * Says whether the event loop keeps up, from how late its own timer is: `tick` is called by a timer every `everyMs`. One
 * late turn is a pause and over when it is seen; two in a row are too much to do.
 * Invariant: late turns true at the second tick in a row that is later than the limit, and false once none was half as
 * late for a second.
 */
export class LoopWatch {
  isLate = false;
  /** Of the last tick. */
  lagMs = 0;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #maxLagMs: number;
  #dueMs: number;
  #restlessMs = 0;

  /** `maxLagMs` 0: never late. */
  constructor(clock: Clock, everyMs: number, maxLagMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#maxLagMs = maxLagMs;
    this.#dueMs = clock.monotonic() + everyMs;
  }

  tick(): void {
    const nowMs = this.#clock.monotonic();
    const wasOver = this.lagMs > this.#maxLagMs;
    this.lagMs = Math.max(0, nowMs - this.#dueMs);
    this.#dueMs = nowMs + this.#everyMs;
    if (this.#maxLagMs === 0) return;
    if (wasOver && this.lagMs > this.#maxLagMs) this.isLate = true;
    if (this.lagMs > this.#maxLagMs / 2) this.#restlessMs = nowMs;
    else if (nowMs - this.#restlessMs >= CALM_MS) this.isLate = false;
  }
}
