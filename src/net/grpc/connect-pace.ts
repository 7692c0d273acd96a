import { sleep, type Clock } from '../../core/clock.ts';
import { backoffMs, type BackoffOptions } from '../../core/retry.ts';
import type { Random } from '../../core/random.ts';

/** From half of the interval to one and a half: never at once, never together with others. */
const BACKOFF: BackoffOptions = { initialMs: 250, maxMs: 2000, multiplier: 1.6, randomizationFactor: 0.5 };
/** A connection that lived this long was a good one, and the next may be made at once. */
const GOOD_MS = 10_000;

/**
 * Spaces the connections to one address. grpc-js waits after connections that failed, but not after those that were
 * made and broke: to an upstream that greets and hangs up it connects a thousand times a second.
 */
export class ConnectPace {
  readonly #clock: Clock;
  readonly #random: Random;
  /** Connections in a row that did not live long. */
  #brief = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Settles when the next connection may be made; false as soon as `abort` fires. */
  async turn(abort: AbortSignal): Promise<boolean> {
    const sinceMs = this.#clock.monotonic() - this.#lastMs;
    this.#brief = sinceMs < GOOD_MS ? this.#brief + 1 : 0;
    const waitMs = this.#brief === 0 ? 0 : backoffMs(BACKOFF, this.#brief, this.#random) - sinceMs;
    if (waitMs > 0 && !(await sleep(this.#clock, waitMs, abort))) return false;
    this.#lastMs = this.#clock.monotonic();
    return !abort.aborted;
  }
}
