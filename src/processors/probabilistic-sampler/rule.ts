import { compareBits56, MutableBits56 } from '../../otlp/sampling/bits56.ts';
import type { SamplingState } from '../../otlp/sampling/sampling-state.ts';
import {
  KEEP_NONE,
  MIN_PROBABILITY,
  probabilityOf,
  thresholdOf,
  type Threshold,
} from '../../otlp/sampling/threshold.ts';
import type { ProbabilisticSamplerConfig } from './config.ts';

/** What a mode and a percentage come to. */
export interface Rule {
  readonly mode: 'never' | ProbabilisticSamplerConfig['mode'];
  /** The share that is asked for, of what was not sampled before. */
  readonly share: number;
  /** For an item that was not sampled before. */
  readonly threshold: Threshold;
  /** For an item that may have a threshold. Allocates only when that differs from the one before. */
  thresholdFor(state: SamplingState): Threshold;
}

type RuleConfig = Pick<ProbabilisticSamplerConfig, 'mode' | 'sampling_percentage' | 'sampling_precision'>;

/** Source: Collector, processor/probabilisticsamplerprocessor/sampler_mode.go. */
export function makeRule({ mode, sampling_percentage, sampling_precision }: RuleConfig): Rule {
  // The Collector holds the percentage as a float of 32 bits.
  const percentage = Math.min(100, Math.fround(sampling_percentage));
  if (percentage === 0) return fixed('never', KEEP_NONE);
  switch (mode) {
    case 'hash_seed':
      return hashSeed(percentage);
    case 'equalizing':
      return equalizing(thresholdOf(percentage / 100, sampling_precision));
    case 'proportional':
      return proportional(percentage / 100, sampling_precision);
  }
}

function fixed(mode: Rule['mode'], threshold: Threshold): Rule {
  return { mode, share: probabilityOf(threshold), threshold, thresholdFor: () => threshold };
}

/** Buckets of the hash, and how many of them a percent is, in floats of 32 bits and rounded down. */
const BUCKETS = 2 ** 14;
const BUCKETS_PER_PERCENT = Math.fround(BUCKETS / 100);

function hashSeed(percentage: number): Rule {
  const accepted = Math.trunc(Math.fround(percentage * BUCKETS_PER_PERCENT));
  if (accepted === 0) return fixed('never', KEEP_NONE);
  return fixed('hash_seed', { high: (BUCKETS - accepted) * 2 ** 10, low: 0 });
}

function equalizing(threshold: Threshold): Rule {
  return {
    ...fixed('equalizing', threshold),
    thresholdFor: (state) =>
      state.hasThreshold && compareBits56(state.threshold, threshold) > 0 ? state.threshold : threshold,
  };
}

function proportional(share: number, precision: number): Rule {
  const threshold = thresholdOf(share, precision);
  const before = new MutableBits56();
  let product = threshold;
  return {
    mode: 'proportional',
    share,
    threshold,
    thresholdFor(state) {
      if (!state.hasThreshold) return threshold;
      if (compareBits56(state.threshold, before) === 0) return product;
      before.set(state.threshold);
      const probability = probabilityOf(before) * share;
      return (product = probability < MIN_PROBABILITY ? KEEP_NONE : thresholdOf(probability, precision));
    },
  };
}
