import { KEEP_ALL, probabilityOf, type Threshold } from '../../../otlp/sampling/threshold.ts';

/**
 * What decides by chance rolls a die: a number from 0 to below 1 that is the same for all that roll it, where a trace
 * is sampled when it is below the probability. One die is the randomness of the trace (1 - R / 2^56), others are hashes
 * of its id, one for each salt. Between two neighbouring probabilities it makes no difference where a die lies:
 *
 *   0 ──────── p1 ─────────────── p2 ────────── 1        face: 0, p1 or p2, which stand for all from there to the next
 *   │ both     │ only p2 samples  │ none
 *
 * So whether a trace is sampled by everything together is asked once for each combination of faces, and the widths of
 * those with which it is sampled add up to the probability, whatever policies are made of.
 */
export class Die {
  /** Where it lies while policies foresee. */
  face = 0;
  readonly #edges: Edge[] = [{ from: 0, threshold: undefined }];

  /** `threshold` keeps as much as `probability` says; only of the randomness of the trace. */
  add(probability: number, threshold?: Threshold): void {
    if (probability <= 0 || probability >= 1) return;
    if (this.#edges.some(({ from }) => from === probability)) return;
    this.#edges.push({ from: probability, threshold });
    this.#edges.sort((a, b) => a.from - b.from);
  }

  get faces(): number {
    return this.#edges.length;
  }

  /** Puts it on one of its faces; gives how likely that is. */
  turn(index: number): number {
    this.face = this.#edges[index]?.from ?? 1;
    return (this.#edges[index + 1]?.from ?? 1) - this.face;
  }

  /** The threshold that keeps what is on the faces before `index`; KEEP_ALL for all of them. */
  thresholdBefore(index: number): Threshold | undefined {
    return index >= this.#edges.length ? KEEP_ALL : this.#edges[index]?.threshold;
  }
}

interface Edge {
  readonly from: number;
  readonly threshold: Threshold | undefined;
}

/** As in PolicyDecision. */
export interface Chance {
  readonly threshold: Threshold | undefined;
  readonly probability: number | undefined;
}

export const CERTAIN: Chance = { threshold: KEEP_ALL, probability: 1 };
const UNKNOWN: Chance = { threshold: undefined, probability: undefined };

/** More combinations of faces are not asked for: nobody writes so many percentages that matter. */
const MAX_COMBINATIONS = 256;

/** How likely it is that `samples` is true as the dice lie; it is undefined when they do not decide it. */
export class Dice {
  readonly randomness = new Die();
  readonly #hashes = new Map<string, Die>();

  hash(salt: string): Die {
    const die = this.#hashes.get(salt) ?? new Die();
    this.#hashes.set(salt, die);
    return die;
  }

  chanceOf(samples: () => boolean | undefined): Chance {
    const hashes = [...this.#hashes.values()];
    const combinations = hashes.reduce((product, die) => product * die.faces, this.randomness.faces);
    if (combinations > MAX_COMBINATIONS) return UNKNOWN;
    let probability = 0;
    /** How many of the first faces of the randomness sample it whatever the others say, and no further; else -1. */
    let kept = 0;
    for (let index = 0; index < this.randomness.faces; index++) {
      const width = this.randomness.turn(index);
      const share = shareSampled(hashes, samples);
      if (share === undefined) return UNKNOWN;
      probability += width * share;
      if (share > 0 && (share < 1 || kept !== index)) kept = -1;
      else if (share === 1) kept += 1;
    }
    const threshold = kept < 1 ? undefined : this.randomness.thresholdBefore(kept);
    return { threshold, probability: threshold === undefined ? probability : probabilityOf(threshold) };
  }
}

function shareSampled(dice: readonly Die[], samples: () => boolean | undefined): number | undefined {
  const [die, ...others] = dice;
  if (die === undefined) {
    const sampled = samples();
    return sampled === undefined ? undefined : Number(sampled);
  }
  let share = 0;
  let isWhole = true;
  for (let index = 0; index < die.faces; index++) {
    const width = die.turn(index);
    const inner = shareSampled(others, samples);
    if (inner === undefined) return undefined;
    share += width * inner;
    isWhole &&= inner === 1;
  }
  return isWhole ? 1 : share;
}
