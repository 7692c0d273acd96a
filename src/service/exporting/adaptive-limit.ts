import type { Clock } from '../../core/clock.ts';
import { LatencyBaseline } from './latency-baseline.ts';

export interface AdaptiveLimitOptions {
  readonly clock: Clock;
  /** Attempts in flight: at the start, at least and at most. */
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** Attempts that take more than this many times their baseline are crowded. */
  readonly tolerance: number;
}

/** What is left of the limit when the upstream pushes back. */
const AFTER_PUSHBACK = 0.85;
/** Bounds of what is left of it when attempts are crowded. */
const AFTER_CROWD = { from: 0.5, to: 0.9 };
/** After as many windows in which attempts were crowded it looks again how long they take alone. */
const CROWDED_WINDOWS = 20;
/** Samples that make a window, where as many are in flight. */
const SAMPLES = 10;
/** Weight of the latest sample in the mean round trip, and of the latest window in the variance. */
const RECENT = 0.3;
/** The variance of what is not known yet. */
const UNKNOWN_VARIANCE = 0.5;

/**
 * How many attempts may be in flight: additive increase, multiplicative decrease, one decision for each window of at least
 * one mean round trip. Attempts that began before a window say nothing about it.
 *
 *   answers near their baseline, and the limit was reached   + 1 a window; below the threshold + 1 an answer
 *   answers clearly slower than tolerable                    down to where they would have been near it
 *   pushback or timeout                                      x 0.85, at most once in a mean round trip
 *   crowded for 20 windows                                   from `min`, back to where it was
 *   the circuit closed                                       from `min`, with the limit before the outage as threshold
 *
 * Invariants: min <= `#limit` <= max; `#limit` <= `#threshold`, equal unless it is on its way up to what is known to be
 * well; `#inFlight` counts the attempts of this era, which begins when the circuit closes: attempts from before it still
 * hang on an upstream that was away, and hold nobody up.
 */
export class AdaptiveLimit {
  readonly #options: AdaptiveLimitOptions;
  readonly #baseline = new LatencyBaseline();
  #limit: number;
  #threshold: number;
  /** The threshold before the pushback that is under way. */
  #before: number | undefined;
  #era = 0;
  #inFlight = 0;
  #meanMs = 0;
  #calmUntilMs = 0;
  /** Of the stretch of single attempts inside a window. */
  #variance = UNKNOWN_VARIANCE;
  /** The window. */
  #sinceMs = 0;
  #samples = 0;
  #needed = 1;
  #stretch = 0;
  #squares = 0;
  #isReached = false;
  #isUncrowded = true;
  #crowdedWindows = 0;

  constructor(options: AdaptiveLimitOptions) {
    this.#options = options;
    this.#limit = options.initial;
    this.#threshold = options.max;
    this.#begin();
  }

  /** Attempts that may be in flight now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  get era(): number {
    return this.#era;
  }

  tryTake(): boolean {
    const { limit } = this;
    const isRoom = this.#inFlight < limit;
    if (isRoom) this.#inFlight += 1;
    if (this.#inFlight >= limit) this.#isReached = true;
    return isRoom;
  }

  /** For the probe, which no limit holds up. */
  take(): void {
    this.#inFlight += 1;
  }

  /** The attempt that was taken in `era` is over. */
  release(era: number): void {
    if (era === this.#era) this.#inFlight -= 1;
  }

  /** An attempt of `bytes` was taken by the upstream. */
  answered(tookMs: number, bytes: number): void {
    const aliveMs = this.#options.clock.monotonic() - this.#sinceMs;
    const climbs = this.#isReached && this.#climbs();
    this.#before = undefined;
    this.#meanMs = this.#meanMs === 0 ? tookMs : this.#meanMs + RECENT * (tookMs - this.#meanMs);
    if (tookMs <= aliveMs) this.#sample(tookMs, bytes);
    if (aliveMs >= this.#meanMs && this.#samples >= this.#needed) this.#decide();
    if (!climbs || this.#limit >= this.#threshold) return;
    this.#limit = Math.min(this.#threshold, this.#limit + 1);
    this.#isUncrowded = false;
  }

  /** The upstream refused for now, or did not answer in time. */
  pushedBack(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#before ??= this.#threshold;
    if (nowMs < this.#calmUntilMs) return;
    this.#calmUntilMs = nowMs + this.#meanMs;
    this.#settleAt(this.#limit * AFTER_PUSHBACK);
    this.#begin();
  }

  /** The upstream is back after an outage. */
  restart(): void {
    this.#era += 1;
    this.#inFlight = 0;
    this.#threshold = this.#before ?? this.#threshold;
    this.#before = undefined;
    this.#limit = this.#options.min;
    this.#begin();
  }

  /** Stays at the least until it knows how long an attempt takes that is alone. */
  #climbs(): boolean {
    return this.#limit < this.#threshold && (this.#limit > this.#options.min || this.#baseline.isKnown);
  }

  #sample(tookMs: number, bytes: number): void {
    const stretch = this.#baseline.sample(tookMs, bytes);
    this.#stretch += stretch;
    this.#squares += stretch * stretch;
    this.#samples += 1;
  }

  #decide(): void {
    const { tolerance } = this.#options;
    const near = (1 + tolerance) / 2;
    const stretch = this.#stretch / this.#samples;
    const error = this.#error(stretch);
    this.#baseline.learn(this.#isUncrowded, error);
    if (this.#isReached && stretch > near) this.#crowdedWindows += 1;
    if (this.#isReached && stretch > tolerance + 2 * error) {
      this.#settleAt(this.#limit * Math.min(AFTER_CROWD.to, Math.max(AFTER_CROWD.from, near / stretch)));
    } else if (this.#isReached && stretch <= near && this.#limit >= this.#threshold) this.#settleAt(this.#limit + 1);
    if (this.#crowdedWindows >= CROWDED_WINDOWS) this.#lookAgain();
    this.#begin();
  }

  /** What others had in flight when it looked last may have made the upstream seem slow. */
  #lookAgain(): void {
    this.#crowdedWindows = 0;
    this.#limit = this.#options.min;
  }

  /** The standard error of the window's mean stretch: an upstream whose answers vary is not crowded for that. */
  #error(stretch: number): number {
    const count = this.#samples;
    const doubt = this.#baseline.doubt(count);
    if (count > 1) {
      const variance = Math.max(0, this.#squares - count * stretch * stretch) / (count - 1);
      this.#variance += RECENT * (variance - this.#variance);
    }
    return Math.sqrt(this.#variance * (1 / count + doubt));
  }

  #settleAt(limit: number): void {
    const { min, max } = this.#options;
    this.#limit = this.#threshold = Math.min(max, Math.max(min, limit));
  }

  #begin(): void {
    const { clock, min } = this.#options;
    this.#sinceMs = clock.monotonic();
    this.#samples = 0;
    this.#needed = Math.min(SAMPLES, this.limit);
    this.#stretch = 0;
    this.#squares = 0;
    this.#isReached = this.#inFlight >= this.limit;
    this.#isUncrowded = this.limit <= min && this.#inFlight < min;
  }
}
