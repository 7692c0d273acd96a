/** Refusals in a second that cost a loop without time to spare more than it should give: at 0.15 ms each, 4 %. */
const TOO_MANY = 250;
/** So few that connections need not rest as long. */
const FEW = 120;
/** Of the time of the event loop. */
const BUSY = 0.9;
const EASY = 0.75;
const FIRST_REST_MS = 50;
const MAX_GROWTH = 4;
const DECAY = 0.7;
/** The shortest time after which a client is told to come back. */
const MAX_REST_MS = 1000;

/**
 * How long connections rest that were refused, so that refusing takes little from what was accepted: longer while there
 * are too many refusals and the loop has no time to spare, less once one of both is over.
 */
export class RefusalPace {
  restMs = 0;
  readonly #utilization: () => number;

  /** `utilization`: share of the time that the loop was busy since it was last asked. */
  constructor(utilization: () => number) {
    this.#utilization = utilization;
  }

  /** `perSecond`: refusals since the last look. */
  look(perSecond: number): void {
    const busy = this.#utilization();
    if (busy > BUSY && perSecond > TOO_MANY) {
      const growth = Math.min(MAX_GROWTH, perSecond / TOO_MANY);
      this.restMs = Math.min(MAX_REST_MS, Math.max(FIRST_REST_MS, this.restMs) * growth);
    } else if (busy < EASY || perSecond < FEW) {
      this.restMs = this.restMs < FIRST_REST_MS ? 0 : this.restMs * DECAY;
    }
  }
}
