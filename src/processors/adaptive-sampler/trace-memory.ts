import type { Random } from '../../core/random.ts';
import { oddFactor } from './byte-hash.ts';

/** Traces that share a hash; the one that was not seen for the longest time makes room. */
const WAYS = 2;

/** Words of a place, and what the last two are. */
const WORDS = 4;
const THRESHOLD = 2;
const SEEN = 3;

const UNDECIDED = 0;
const DROPPED = 1;
const KEPT = 2;

/** A batch's number stands over the two bits of the fate. */
const FATE_BITS = 2;
const FATE_MASK = 3;
const BATCHES = 2 ** (32 - FATE_BITS);

/**
 * What was decided about the last traces: of each the lowest threshold that one of its spans had, and whether one was
 * kept. A table of fixed size, taken when the first trace comes.
 *
 *   hash of the id ──► set of 2 places, of 4 words each: half a line of the processor's cache
 *
 *   │ last 8 bytes of the id │ threshold, upper 32 bits │ number of the batch that it was last seen in, fate │
 *
 * Half of the id is enough to know a trace by: it is random, and where it is not (ids of 8 bytes) it is all there is.
 *
 * Words are signed, since numbers beyond 2^31 would be objects on their way from one function to another: `>>> 0` is
 * where they are compared.
 *
 * Invariant: a place is of one trace until `open` gives it to another one, and never within one batch. A trace that was
 * forgotten is decided anew, with the same outcome under the same threshold, because that depends on its id alone.
 */
export class TraceMemory {
  readonly #sets: number;
  readonly #factorHigh: number;
  readonly #factorLow: number;
  #words = new Int32Array(0);
  #batch = 0;
  #wasLowered = false;

  /** Rounded up to a power of two. Which traces share a set is up to `random`, and to nobody who chooses ids. */
  constructor(maxTraces: number, random: Random) {
    this.#sets = setsFor(maxTraces);
    this.#factorHigh = oddFactor(random);
    this.#factorLow = oddFactor(random);
  }

  static bytesFor(maxTraces: number): number {
    return setsFor(maxTraces) * WAYS * WORDS * 4;
  }

  /** Places that are opened from now on are kept until the next call. */
  beginBatch(): void {
    this.#batch = (this.#batch % (BATCHES - 1)) + 1;
    this.#wasLowered = false;
    if (this.#words.length === 0) this.#words = new Int32Array(this.#sets * WAYS * WORDS);
  }

  /** A threshold that was read since `beginBatch` is not the lowest any more. */
  get wasLowered(): boolean {
    return this.#wasLowered;
  }

  /** The place of the trace with these words at the end of its id, or -1. */
  find(high: number, low: number): number {
    const words = this.#words;
    if (words.length === 0) return -1;
    const first = this.#firstOf(high, low);
    if (words[first + 1] === low && words[first] === high) return first;
    const second = first + WORDS;
    return words[second + 1] === low && words[second] === high ? second : -1;
  }

  /**
   * Reads the place that the trace would have, so that it is on its way to the processor: many such reads wait at the same
   * time, what `open` does would wait for each.
   */
  fetch(high: number, low: number): number {
    return this.#words[this.#firstOf(high, low)] ?? 0;
  }

  /**
   * As `find`, and a new place when it was not known; -1 when there is none because all are of this batch. Lowers the
   * threshold of the trace when that of the span, its upper 32 bits, is lower.
   */
  open(high: number, low: number, threshold: number): number {
    const words = this.#words;
    const first = this.#firstOf(high, low);
    const second = first + WORDS;
    const isFirst = words[first + 1] === low && words[first] === high;
    if (isFirst || (words[second + 1] === low && words[second] === high)) {
      return this.#seeAgain(isFirst ? first : second, threshold);
    }
    const batch = this.#batch;
    // Also right when batches are counted from zero again. What was never used is the oldest: its batch is 0.
    const firstAge = (batch - ((words[first + SEEN] ?? 0) >>> FATE_BITS)) & (BATCHES - 1);
    const secondAge = (batch - ((words[second + SEEN] ?? 0) >>> FATE_BITS)) & (BATCHES - 1);
    const place = firstAge >= secondAge ? first : second;
    if ((firstAge | secondAge) === 0) return -1;
    words[place] = high;
    words[place + 1] = low;
    words[place + THRESHOLD] = threshold;
    words[place + SEEN] = batch << FATE_BITS;
    return place;
  }

  #seeAgain(place: number, threshold: number): number {
    const words = this.#words;
    const seen = words[place + SEEN] ?? 0;
    if (threshold >>> 0 < (words[place + THRESHOLD] ?? 0) >>> 0) {
      words[place + THRESHOLD] = threshold;
      if (seen >>> FATE_BITS === this.#batch) this.#wasLowered = true;
    }
    words[place + SEEN] = (this.#batch << FATE_BITS) | (seen & FATE_MASK);
    return place;
  }

  /** The lowest threshold of the trace so far, its upper 32 bits. */
  thresholdAt(place: number): number {
    return this.#words[place + THRESHOLD] ?? 0;
  }

  /** False when that was known. A trace of which something was kept is kept. */
  decide(place: number, kept: boolean): boolean {
    const seen = this.#words[place + SEEN] ?? 0;
    const fate = kept ? KEPT : DROPPED;
    if (fate <= (seen & FATE_MASK)) return false;
    this.#words[place + SEEN] = (seen & ~FATE_MASK) | fate;
    return true;
  }

  /** Undefined before the first decision. */
  wasKept(place: number): boolean | undefined {
    const fate = (this.#words[place + SEEN] ?? 0) & FATE_MASK;
    return fate === UNDECIDED ? undefined : fate === KEPT;
  }

  #firstOf(high: number, low: number): number {
    const hash = Math.imul(high ^ (low >>> 15), this.#factorHigh) ^ Math.imul(low, this.#factorLow);
    return ((hash ^ (hash >>> 16)) & (this.#sets - 1)) * WAYS * WORDS;
  }
}

function setsFor(maxTraces: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(maxTraces / WAYS)));
}
