/** Averages over about this long. */
const WINDOW_MS = 10_000;

/**
 * How fast something empties, as an exponentially weighted average that also falls while nothing leaves.
 * Invariant: `#weighted` is the sum of the amounts noted, each weighted by exp(-age / window), as of `#atMs`.
 */
export class DrainRate {
  #weighted = 0;
  #sinceMs: number | undefined;
  #atMs = 0;

  note(amount: number, nowMs: number): void {
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#atMs = nowMs;
    }
    this.#weighted = this.#weighted * Math.exp((this.#atMs - nowMs) / WINDOW_MS) + amount;
    this.#atMs = nowMs;
  }

  /** Undefined until something left. */
  perSecond(nowMs: number): number | undefined {
    if (this.#sinceMs === undefined) return undefined;
    const weighted = this.#weighted * Math.exp((this.#atMs - nowMs) / WINDOW_MS);
    // The weights of the time observed so far add up to less than a whole window; under a second says nothing yet.
    const observedMs = Math.max(1000, nowMs - this.#sinceMs);
    return (weighted * 1000) / (WINDOW_MS * (1 - Math.exp(-observedMs / WINDOW_MS)));
  }
}
