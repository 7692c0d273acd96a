import type { ProcessorContext } from '../../core/component.ts';
import type { Count, Labels, MetricSpec } from '../../core/meter.ts';

const LABELS = ['processor', 'pipeline', 'signal'] as const;

const ADJUSTED: MetricSpec = {
  name: 'remora_sampling_adjusted_items',
  help: 'Sum of the adjusted counts of what was kept: an unbiased estimate of the items that there were before sampling.',
  kind: 'counter',
  labels: LABELS,
};
const MALFORMED: MetricSpec = {
  name: 'remora_sampling_malformed_items',
  help: 'Items whose tracestate, or sampling attributes, could not be read; they were left as they are.',
  kind: 'counter',
  labels: LABELS,
};
const NO_RANDOMNESS: MetricSpec = {
  name: 'remora_sampling_missing_randomness_items',
  help: 'Items without anything to decide by: no trace id, or one of zeros or of another length than 16 bytes.',
  kind: 'counter',
  labels: LABELS,
};
const INCONSISTENT: MetricSpec = {
  name: 'remora_sampling_inconsistent_items',
  help: 'Items that came with a threshold which says that they should have been dropped before.',
  kind: 'counter',
  labels: LABELS,
};
const ASKED: MetricSpec = {
  name: 'remora_sampling_ratio_asked',
  help: 'Share of the items that the sampler wants to keep now, by key; the key is empty where there is one rule.',
  kind: 'gauge',
  labels: [...LABELS, 'key'],
};
const GOT: MetricSpec = {
  name: 'remora_sampling_ratio_got',
  help: 'Share of the items that was kept over the last minute, by key; absent when none came.',
  kind: 'gauge',
  labels: [...LABELS, 'key'],
};

/** What every sampler declares. */
export const SAMPLING_METRICS: readonly MetricSpec[] = [ADJUSTED, MALFORMED, NO_RANDOMNESS, INCONSISTENT, ASKED, GOT];

/** What is asked of one key and what became of it; undefined: not known, and not shown. */
export interface KeyRatio {
  /** Bounded by the sampler: the top ones, the rest as `_other`. Empty where there is one rule. */
  readonly key: string;
  readonly asked: number | undefined;
  readonly got: number | undefined;
}

/** What the decisions about one batch add up to. */
export interface SamplingTally {
  adjusted: number;
  malformed: number;
  noRandomness: number;
  inconsistent: number;
}

export function newTally(): SamplingTally {
  return { adjusted: 0, malformed: 0, noRandomness: 0, inconsistent: 0 };
}

/** What all samplers count, and in the same words. Nothing is booked before the next one accepted what was kept. */
export class SamplingBooks {
  readonly #adjusted: Count;
  readonly #malformed: Count;
  readonly #noRandomness: Count;
  readonly #inconsistent: Count;

  /** `ratios` is asked when somebody looks. */
  constructor(
    context: Pick<ProcessorContext, 'id' | 'pipeline' | 'signal' | 'meter'>,
    ratios: () => readonly KeyRatio[],
  ) {
    const { id: processor, pipeline, signal, meter } = context;
    const labels: Labels = { processor, pipeline, signal };
    this.#adjusted = meter.counter(ADJUSTED, labels);
    this.#malformed = meter.counter(MALFORMED, labels);
    this.#noRandomness = meter.counter(NO_RANDOMNESS, labels);
    this.#inconsistent = meter.counter(INCONSISTENT, labels);
    meter.gaugeSeries(ASKED, labels, () => seriesOf(ratios(), ({ asked }) => asked));
    meter.gaugeSeries(GOT, labels, () => seriesOf(ratios(), ({ got }) => got));
  }

  book(tally: SamplingTally): void {
    this.#adjusted.value += tally.adjusted;
    this.#malformed.value += tally.malformed;
    this.#noRandomness.value += tally.noRandomness;
    this.#inconsistent.value += tally.inconsistent;
  }
}

function seriesOf(
  ratios: readonly KeyRatio[],
  valueOf: (ratio: KeyRatio) => number | undefined,
): (readonly [Labels, number])[] {
  return ratios.flatMap((ratio) => {
    const value = valueOf(ratio);
    return value === undefined ? [] : [[{ key: ratio.key }, value] as const];
  });
}
