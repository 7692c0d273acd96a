import type { Bits56 } from './bits56.ts';
import type { Threshold } from './threshold.ts';

/** What an item says of its sampling, and what is written into it when it is kept: a tracestate, or two attributes. */
export interface SamplingState {
  /** absent: it says nothing; plain: it could be read; malformed: it is left as it is, and setting has no effect. */
  readonly status: 'absent' | 'plain' | 'malformed';
  readonly hasThreshold: boolean;
  /** Meaningful when `hasThreshold`. */
  readonly threshold: Threshold;
  readonly hasRandomness: boolean;
  /** Meaningful when `hasRandomness`. */
  readonly randomness: Bits56;
  /**
   * Sets the threshold, unless there is a greater one: a sampler further on cannot keep more than was kept before it.
   * False when it was not set.
   */
  raiseThreshold(threshold: Threshold): boolean;
  /** For a threshold that cannot be true, or is no longer known. */
  eraseThreshold(): void;
  setRandomness(randomness: Bits56): void;
}
