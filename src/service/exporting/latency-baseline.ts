/** Faster than this nobody is hurt, and what differs is this process's own noise. */
const FASTEST_MS = 50;
/** One sample counts at most as this many times its baseline: single stragglers are no trend. */
const MAX_STRETCH = 10;
/** Sizes up to a power of two share a baseline. */
const CLASSES = 33;
/** A mean this far below the baseline, beyond what chance makes, pulls it down; one above it means crowding. */
const CLEARLY_BELOW = 0.8;
const DOWNWARD_GAIN = 0.3;
/** Weight of the latest uncrowded mean once there were several. */
const UNCROWDED_GAIN = 0.1;
/** Uncrowded means of any class that tell something. */
const ENOUGH = 4;

/**
 * How long requests take that do not stand in each other's way, for each class of size: a larger request takes longer, and
 * that is no sign of anything.
 * It rises by nothing but requests that had the upstream to themselves as far as this sender goes.
 * Invariants: `#baseMs` is 0 for classes not seen yet; `#sumMs` and `#counts` hold the samples since the last `learn`.
 */
export class LatencyBaseline {
  readonly #baseMs = new Float64Array(CLASSES);
  /** Uncrowded means that went into each. */
  readonly #learnt = new Uint32Array(CLASSES);
  readonly #sumMs = new Float64Array(CLASSES);
  readonly #counts = new Uint32Array(CLASSES);
  #uncrowded = 0;
  #doubt = 0;

  /** Whether requests alone were seen often enough to say what is slow. */
  get isKnown(): boolean {
    return this.#uncrowded >= ENOUGH;
  }

  /** The mean over the samples since the last `learn` of one in how many means made their baseline. */
  doubt(samples: number): number {
    return this.#doubt / samples;
  }

  /** How many times its baseline the request took. */
  sample(tookMs: number, bytes: number): number {
    const at = classOf(bytes);
    const baseMs = this.#expectedMs(at);
    const stretch = baseMs === 0 ? 1 : Math.min(MAX_STRETCH, tookMs / Math.max(FASTEST_MS, baseMs));
    this.#doubt += 1 / Math.max(1, this.#learnt[at] ?? 0);
    this.#sumMs[at] = (this.#sumMs[at] ?? 0) + (baseMs === 0 ? tookMs : Math.min(tookMs, MAX_STRETCH * baseMs));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    return stretch;
  }

  /**
   * Takes in the samples since the last call. `isUncrowded`: as few requests were in flight as there can be, so this is
   * what they take. `error` is the standard error of their mean stretch.
   */
  learn(isUncrowded: boolean, error: number): void {
    if (isUncrowded) this.#uncrowded += 1;
    this.#doubt = 0;
    for (let at = 0; at < CLASSES; at++) {
      const count = this.#counts[at] ?? 0;
      if (count === 0) continue;
      this.#learnClass(at, (this.#sumMs[at] ?? 0) / count, isUncrowded, error);
      this.#sumMs[at] = 0;
      this.#counts[at] = 0;
    }
  }

  #learnClass(at: number, meanMs: number, isUncrowded: boolean, error: number): void {
    const baseMs = this.#baseMs[at] ?? 0;
    const learnt = (this.#learnt[at] ?? 0) + 1;
    if (baseMs > 0 && meanMs < baseMs * (CLEARLY_BELOW - 2 * error)) this.#move(at, meanMs, DOWNWARD_GAIN);
    else if (isUncrowded) this.#move(at, meanMs, Math.max(UNCROWDED_GAIN, 1 / learnt));
    else if (this.#expectedMs(at) === 0) this.#baseMs[at] = meanMs;
    if (isUncrowded) this.#learnt[at] = learnt;
  }

  #move(at: number, meanMs: number, gain: number): void {
    const baseMs = this.#baseMs[at] ?? 0;
    this.#baseMs[at] = baseMs + gain * (meanMs - baseMs);
  }

  /** Of a class not seen yet, at most what its size makes of the next smaller one, or what the next larger one takes. */
  #expectedMs(at: number): number {
    const own = this.#baseMs[at] ?? 0;
    if (own > 0) return own;
    for (let smaller = at - 1; smaller >= 0; smaller--) {
      const baseMs = this.#baseMs[smaller] ?? 0;
      if (baseMs > 0) return baseMs * 2 ** (at - smaller);
    }
    for (let larger = at + 1; larger < CLASSES; larger++) {
      const baseMs = this.#baseMs[larger] ?? 0;
      if (baseMs > 0) return baseMs;
    }
    return 0;
  }
}

function classOf(bytes: number): number {
  return 32 - Math.clz32(Math.max(0, bytes));
}
