import type { Clock } from './clock.ts';

/**
 * A token bucket with debt: whatever is taken passes while there is no debt, and may leave one that the next has to wait
 * for. So a batch larger than the burst passes as soon as its turn comes, nothing waits for ever, and in any window of t
 * seconds no more than rate * t + burst and the batch that ends it go through.
 *
 * Invariant: the level is the time since `#evenAtMs` in tokens, negative while that moment lies ahead. There is nothing
 * to refill, so the rate is exact over any time. The level never exceeds the burst.
 *
 *   ─────┼──────────────────┼───────────────────────► time        take(n): #evenAtMs moves n / rate to the right
 *        │ ◄──── level ───► │
 *     #evenAtMs            now                                    debt: #evenAtMs > now
 */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #msPerToken: number;
  readonly #burstMs: number;
  /** When the level was, or will be, zero. */
  #evenAtMs: number;

  /** Starts full. `burstMs` is how long the bucket takes to fill: what was not used for that long may be made up for. */
  constructor(clock: Clock, perSecond: number, burstMs: number) {
    this.#clock = clock;
    this.#msPerToken = 1000 / perSecond;
    this.#burstMs = burstMs;
    this.#evenAtMs = clock.monotonic() - burstMs;
  }

  /** Whole milliseconds until the debt is paid; 0 when something may be taken now. */
  waitMs(): number {
    return Math.max(0, Math.ceil(this.#evenAtMs - this.#clock.monotonic()));
  }

  /** True when nothing was taken that time has not made up for. */
  get isFull(): boolean {
    return this.#evenAtMs <= this.#clock.monotonic() - this.#burstMs;
  }

  /** Always succeeds; what is not there becomes debt. */
  take(tokens: number): void {
    this.#evenAtMs = Math.max(this.#evenAtMs, this.#clock.monotonic() - this.#burstMs) + tokens * this.#msPerToken;
  }

  /** Undoes a `take`. */
  giveBack(tokens: number): void {
    this.#evenAtMs -= tokens * this.#msPerToken;
  }
}
