import { compareBits56, MutableBits56 } from '../../otlp/sampling/bits56.ts';
import { adjustedCount, MIN_PROBABILITY, probabilityOf, thresholdOf } from '../../otlp/sampling/threshold.ts';
import { newTally, type SamplingTally } from '../sampling/books.ts';
import { PRIORITY, shareOf, type Flows } from './flows.ts';
import {
  CAME_WITH_THRESHOLD,
  DROP,
  HAS_RANDOMNESS,
  HAS_TRACE,
  KEEP_AS_IS,
  KEEP_CHANGED,
  MALFORMED,
  NO_RANDOMNESS,
  UNUSUAL,
  type Sightings,
} from './sightings.ts';
import type { Tally, TallyKeeper } from './tally.ts';
import type { TraceMemory } from './trace-memory.ts';

/** Places of traces that are fetched at once: what does not push each other out of the processor's first cache. */
const FETCHED = 64;

export interface DecideOptions {
  readonly flows: Flows;
  readonly keeper: TallyKeeper;
  readonly sightings: Sightings;
  /** Whole traces are decided about. */
  readonly wholeTraces: boolean;
}

/** What became of a batch. */
export interface Decided {
  readonly counts: SamplingTally;
  kept: number;
  /** Items that are kept with another threshold than they came with. */
  changed: number;
}

/**
 * Decides about what was seen of a batch. The threshold of an item is that of its flow, or the lowest one of its trace;
 * it is kept when its randomness is not below.
 *
 * An item that came with a threshold was sampled before. A share of what came is kept of these as of all others, so it
 * leaves with the threshold of both shares together; then its adjusted count is right, and the target is held.
 */
export class Decide {
  readonly #flows: Flows;
  readonly #keeper: TallyKeeper;
  readonly #sightings: Sightings;
  readonly #wholeTraces: boolean;
  readonly #randomness = new MutableBits56();
  readonly #arrived = new MutableBits56();
  readonly #threshold = new MutableBits56();

  constructor({ flows, keeper, sightings, wholeTraces }: DecideOptions) {
    this.#flows = flows;
    this.#keeper = keeper;
    this.#sightings = sightings;
    this.#wholeTraces = wholeTraces;
  }

  /** Fills the outcomes and the thresholds that items leave with. Traces are remembered in `memory`. */
  run(tally: Tally, memory: TraceMemory | undefined): Decided {
    this.#askFlows();
    if (memory !== undefined) this.#openTraces(memory);
    const decided: Decided = { counts: newTally(), kept: 0, changed: 0 };
    this.#items(tally, decided);
    return decided;
  }

  /** Asks of each item what is asked of its flow. */
  #askFlows(): void {
    const { count, flow, asked } = this.#sightings;
    const { threshold } = this.#flows;
    for (let index = 0; index < count; index++) asked[index] = threshold[flow[index] ?? 0] ?? 0;
  }

  /**
   * Places of traces are seldom in the processor's cache: they are fetched some at a time, and looked at when they are there.
   * The number only keeps the fetching from being left out.
   */
  #openTraces(memory: TraceMemory): number {
    const { count, bits, idHigh, idLow, place, asked } = this.#sightings;
    const wholeTraces = this.#wholeTraces;
    let fetched = 0;
    memory.beginBatch();
    for (let from = 0; from < count; from += FETCHED) {
      const to = Math.min(count, from + FETCHED);
      for (let index = from; index < to; index++) fetched ^= memory.fetch(idHigh[index] ?? 0, idLow[index] ?? 0);
      for (let index = from; index < to; index++) {
        const hasTrace = ((bits[index] ?? 0) & HAS_TRACE) !== 0;
        const at = hasTrace ? memory.open(idHigh[index] ?? 0, idLow[index] ?? 0, asked[index] ?? 0) : -1;
        place[index] = at;
        if (wholeTraces && at >= 0) asked[index] = memory.thresholdAt(at);
      }
    }
    if (wholeTraces && memory.wasLowered) this.#askTraces(memory);
    return fetched;
  }

  /** Asks of each item what is asked of its trace. */
  #askTraces(memory: TraceMemory): void {
    const { count, place, asked } = this.#sightings;
    for (let index = 0; index < count; index++) {
      const at = place[index] ?? -1;
      if (at >= 0) asked[index] = memory.thresholdAt(at);
    }
  }

  #items(tally: Tally, decided: Decided): void {
    const { count, flow, bits, asked, amount, idHigh, idLow, outcome } = this.#sightings;
    let { spent, spentFirst } = tally;
    for (let index = 0; index < count; index++) {
      const threshold = asked[index] ?? 0;
      const ofItem = shareOf(threshold) * (amount[index] ?? 0);
      spent += ofItem;
      if (((flow[index] ?? 0) & 1) === PRIORITY) spentFirst += ofItem;
      outcome[index] = DROP;
      if (((bits[index] ?? 0) & UNUSUAL) !== 0) this.#unusual(index, threshold, decided);
      else {
        const randomness = ((idHigh[index] ?? 0) << 8) | ((idLow[index] ?? 0) >>> 24);
        if (randomness >>> 0 >= threshold >>> 0) this.#usual(index, threshold, decided);
      }
    }
    tally.spent = spent;
    tally.spentFirst = spentFirst;
  }

  /** An item that is kept by its trace id, under the threshold that is asked. */
  #usual(index: number, threshold: number, decided: Decided): void {
    const sightings = this.#sightings;
    this.#keep(index, decided, 1 / shareOf(threshold));
    sightings.outcome[index] = threshold === 0 ? KEEP_AS_IS : KEEP_CHANGED;
    if (threshold === 0) return;
    decided.changed += 1;
    sightings.thresholdHigh[index] = threshold >>> 8;
    sightings.thresholdLow[index] = threshold << 24;
  }

  #keep(index: number, decided: Decided, adjusted: number): void {
    decided.kept += 1;
    decided.counts.adjusted += adjusted;
    this.#keeper.keep(this.#sightings.flow[index] ?? 0, this.#sightings.amount[index] ?? 0);
  }

  /** An item with all 56 bits: it came with some of its own, or with none at all. */
  #unusual(index: number, threshold: number, decided: Decided): void {
    const sightings = this.#sightings;
    const bits = sightings.bits[index] ?? 0;
    if ((bits & MALFORMED) !== 0) decided.counts.malformed += 1;
    if ((bits & NO_RANDOMNESS) !== 0) decided.counts.noRandomness += 1;
    this.#readRandomness(index, bits);
    this.#threshold.high = threshold >>> 8;
    this.#threshold.low = (threshold << 24) >>> 0;
    const stays = this.#combine(index, shareOf(threshold), decided.counts) || (bits & MALFORMED) !== 0;
    if (compareBits56(this.#randomness, this.#threshold) < 0) return;
    this.#keep(index, decided, adjustedCount(this.#threshold));
    sightings.outcome[index] = stays ? KEEP_AS_IS : KEEP_CHANGED;
    if (stays) return;
    decided.changed += 1;
    sightings.thresholdHigh[index] = this.#threshold.high;
    sightings.thresholdLow[index] = this.#threshold.low;
  }

  #readRandomness(index: number, bits: number): void {
    const isGiven = (bits & (HAS_RANDOMNESS | NO_RANDOMNESS)) !== 0;
    const { randomnessHigh, randomnessLow, idHigh, idLow } = this.#sightings;
    this.#randomness.high = (isGiven ? randomnessHigh[index] : (idHigh[index] ?? 0) & 0xffffff) ?? 0;
    this.#randomness.low = ((isGiven ? randomnessLow[index] : idLow[index]) ?? 0) >>> 0;
  }

  /** Makes of the threshold what it is with the one that the item came with; true when it says that already. */
  #combine(index: number, share: number, counts: SamplingTally): boolean {
    const sightings = this.#sightings;
    if (((sightings.bits[index] ?? 0) & CAME_WITH_THRESHOLD) === 0) return share === 1;
    const arrived = this.#arrived;
    arrived.high = sightings.thresholdHigh[index] ?? 0;
    arrived.low = sightings.thresholdLow[index] ?? 0;
    if (compareBits56(this.#randomness, arrived) < 0) {
      // It says that it should not be here: it says nothing, then.
      counts.inconsistent += 1;
      return false;
    }
    if (share < 1) this.#threshold.set(thresholdOf(Math.max(MIN_PROBABILITY, share * probabilityOf(arrived))));
    // Also where rounding has gone the other way.
    if (share === 1 || compareBits56(this.#threshold, arrived) < 0) this.#threshold.set(arrived);
    return compareBits56(this.#threshold, arrived) === 0;
  }
}
