import { compareBits56, MutableBits56 } from '../../otlp/sampling/bits56.ts';
import {
  adjustedCount,
  KEEP_ALL,
  MIN_PROBABILITY,
  probabilityOf,
  thresholdOf,
  type Threshold,
} from '../../otlp/sampling/threshold.ts';
import { newTally, type SamplingTally } from '../sampling/books.ts';
import type { Flows } from './flows.ts';
import {
  CAME_WITH_THRESHOLD,
  DROP,
  KEEP_AS_IS,
  KEEP_CHANGED,
  MALFORMED,
  NO_RANDOMNESS,
  type Sightings,
} from './sightings.ts';
import type { Tally, TallyKeeper } from './tally.ts';
import type { TraceMemory } from './trace-memory.ts';

export interface DecideOptions {
  readonly flows: Flows;
  readonly keeper: TallyKeeper;
  readonly sightings: Sightings;
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
  readonly #options: DecideOptions;
  readonly #randomness = new MutableBits56();
  readonly #arrived = new MutableBits56();
  readonly #ofTrace = new MutableBits56();
  /** The last threshold that was worked out for an item that came with one. */
  readonly #combined = { of: new MutableBits56(), share: 0, threshold: KEEP_ALL };

  constructor(options: DecideOptions) {
    this.#options = options;
  }

  /** Fills the outcomes and the thresholds that items leave with. `memory`: whole traces are decided. */
  run(tally: Tally, memory: TraceMemory | undefined): Decided {
    const { sightings, flows } = this.#options;
    if (memory !== undefined) {
      for (let index = 0; index < sightings.count; index++) {
        const place = sightings.place[index] ?? -1;
        if (place >= 0) memory.lower(place, flows.threshold[sightings.flow[index] ?? 0] ?? KEEP_ALL);
      }
    }
    const decided: Decided = { counts: newTally(), kept: 0, changed: 0 };
    for (let index = 0; index < sightings.count; index++) this.#item(index, tally, memory, decided);
    return decided;
  }

  #item(index: number, tally: Tally, memory: TraceMemory | undefined, decided: Decided): void {
    const { sightings, flows } = this.#options;
    const flow = sightings.flow[index] ?? 0;
    const place = memory === undefined ? -1 : (sightings.place[index] ?? -1);
    let threshold = flows.threshold[flow] ?? KEEP_ALL;
    let share = flows.share[flow] ?? 1;
    if (memory !== undefined && place >= 0 && !memory.isThreshold(place, threshold)) {
      threshold = memory.readThreshold(place, this.#ofTrace);
      share = probabilityOf(threshold);
    }
    const amount = sightings.amount[index] ?? 0;
    const bits = sightings.bits[index] ?? 0;
    this.#randomness.high = sightings.randomnessHigh[index] ?? 0;
    this.#randomness.low = sightings.randomnessLow[index] ?? 0;
    tally.spent += share * amount;
    if (bits !== 0) threshold = this.#unusual(index, threshold, share, decided.counts);
    if (compareBits56(this.#randomness, threshold) < 0) sightings.outcome[index] = DROP;
    else this.#keep(index, threshold, decided);
  }

  #keep(index: number, threshold: Threshold, decided: Decided): void {
    const { sightings, keeper } = this.#options;
    const bits = sightings.bits[index] ?? 0;
    decided.kept += 1;
    decided.counts.adjusted += threshold === KEEP_ALL ? 1 : adjustedCount(threshold);
    keeper.keep(sightings.flow[index] ?? 0, sightings.amount[index] ?? 0);
    const cameWith = (bits & CAME_WITH_THRESHOLD) !== 0;
    const stays = cameWith ? compareBits56(this.#arrived, threshold) === 0 : isZero(threshold);
    if (stays || (bits & MALFORMED) !== 0) {
      sightings.outcome[index] = KEEP_AS_IS;
      return;
    }
    decided.changed += 1;
    sightings.outcome[index] = KEEP_CHANGED;
    sightings.thresholdHigh[index] = threshold.high;
    sightings.thresholdLow[index] = threshold.low;
  }

  /** The threshold of an item that is not as most are. */
  #unusual(index: number, threshold: Threshold, share: number, counts: SamplingTally): Threshold {
    const { sightings } = this.#options;
    const bits = sightings.bits[index] ?? 0;
    if ((bits & MALFORMED) !== 0) counts.malformed += 1;
    if ((bits & NO_RANDOMNESS) !== 0) counts.noRandomness += 1;
    if ((bits & CAME_WITH_THRESHOLD) === 0) return threshold;
    const arrived = this.#arrived;
    arrived.high = sightings.thresholdHigh[index] ?? 0;
    arrived.low = sightings.thresholdLow[index] ?? 0;
    if (compareBits56(this.#randomness, arrived) >= 0) return this.#combine(arrived, share);
    // It says that it should not be here: it says nothing, then.
    counts.inconsistent += 1;
    return threshold;
  }

  #combine(arrived: Threshold, share: number): Threshold {
    if (share === 1) return arrived;
    const last = this.#combined;
    if (last.share === share && compareBits56(last.of, arrived) === 0) return last.threshold;
    const combined = thresholdOf(Math.max(MIN_PROBABILITY, share * probabilityOf(arrived)));
    last.of.set(arrived);
    last.share = share;
    last.threshold = compareBits56(combined, arrived) < 0 ? { ...arrived } : combined;
    return last.threshold;
  }
}

function isZero({ high, low }: Threshold): boolean {
  return high === 0 && low === 0;
}
