import { sleep, type Clock } from '../../core/clock.ts';
import { backoffMs } from '../../core/retry.ts';
import type { Random } from '../../core/random.ts';

export interface PaceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** From half of the interval to one and a half: never at once, never together with others. */
const SPREAD = { multiplier: 1.6, randomizationFactor: 0.5 };
/** A connection that lived this long was a good one, and the next may be made at once. */
const GOOD_MS = 10_000;

/**
 * Spaces the connections to one address. grpc-js waits after connections that failed, but not after those that were
 * made and broke: to an upstream that greets and hangs up it connects a thousand times a second.
 */
export class ConnectPace {
  readonly #options: PaceOptions;
  /** Connections in a row that did not live long. */
  #brief = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Settles when the next connection may be made; false as soon as `abort` fires. */
  async turn(abort: AbortSignal): Promise<boolean> {
    const { clock, random, initialMs, maxMs } = this.#options;
    const sinceMs = clock.monotonic() - this.#lastMs;
    this.#brief = sinceMs < GOOD_MS ? this.#brief + 1 : 0;
    const waitMs = this.#brief === 0 ? 0 : backoffMs({ initialMs, maxMs, ...SPREAD }, this.#brief, random) - sinceMs;
    if (waitMs > 0 && !(await sleep(clock, waitMs, abort))) return false;
    this.#lastMs = clock.monotonic();
    return !abort.aborted;
  }
}
