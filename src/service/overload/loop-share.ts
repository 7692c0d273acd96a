/** Of the time of the event loop: above the first refused connections rest longer and longer, below the second ever shorter. */
const BUSY = 0.9;
const EASY = 0.75;
const FIRST_REST_MS = 50;
/** The shortest time after which a client is told to come back. */
const MAX_REST_MS = 1000;

/**
 * How long refused connections rest. While the loop has time to spare a refusal costs nothing that anybody misses; when
 * it has none, each takes from what was accepted.
 */
export class LoopShare {
  restMs = 0;
  readonly #utilization: () => number;

  /** `utilization`: share of the time that the loop was busy since it was last asked. */
  constructor(utilization: () => number) {
    this.#utilization = utilization;
  }

  look(): void {
    const share = this.#utilization();
    if (share > BUSY) this.restMs = Math.min(MAX_REST_MS, Math.max(FIRST_REST_MS, this.restMs * 2));
    else if (share < EASY) this.restMs = this.restMs <= FIRST_REST_MS ? 0 : this.restMs / 2;
  }
}
