import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import type { Place } from '../../otlp/place.ts';

/**
 * Spans are looked at once, when they come, and not kept for the policies: a policy reads what is gathered of a trace.
 *
 *   span ──► conditions (one bit of the trace each, set once one of its spans fulfils it) ──┐
 *       └──► sums of the trace: spans, bytes, first start, last end ────────────────────────┴──► decide
 */

/**
 * Of one span. Changes nothing, allocates nothing; not asked again for a trace that has fulfilled it. What is around the
 * span is looked at once for each `resourceSerial`, so those of one sampler must go on rising as long as it lives.
 */
export type SpanCondition = (span: Place) => boolean;

/** What policies may know of a trace. Valid until the call that got it returns. */
export interface TraceSummary {
  /** 16 bytes at `traceIdAt`. */
  readonly bytes: Uint8Array;
  readonly traceIdAt: number;
  readonly spans: number;
  /** Of its spans on the wire, without what is around them. */
  readonly spanBytes: number;
  /**
   * Nanoseconds since the epoch as doubles, exact to 256 ns: enough for durations in milliseconds. 0 without spans; a
   * span that says 0 does not count.
   */
  readonly firstStartNs: number;
  readonly lastEndNs: number;
  /** From the `rv` of its first span that has one, else from its id. */
  readonly randomness: Bits56;
  /** Whether one of its spans fulfilled `conditions[index]`. */
  met(index: number): boolean;
}

/**
 * - sampled, not_sampled: as the policies say.
 * - dropped: a `drop` policy said so; it counts before everything else.
 */
export interface PolicyDecision {
  readonly outcome: 'sampled' | 'not_sampled' | 'dropped';
  /** Name of the policy that decided; empty when none sampled it. */
  readonly policy: string;
  /**
   * Of a sampled trace: traces like it, whatever their randomness R, are kept exactly when R >= threshold.
   * - KEEP_ALL: nothing was left to chance. A `th` that is there stays true; where there is none it is 0.
   * - more: the larger of this and the `th` that is there is to be written.
   * - undefined: luck of another kind had a say (a hash of the id, a rate limit). A `th` that is there is not true any
   *   more and is to be erased.
   */
  readonly threshold: Bits56 | undefined;
  /**
   * Of a sampled trace: the share of traces like it that is kept, above 0 and at most 1, so that it stands for
   * 1 / probability of what came to this sampler. Exact also where `threshold` is undefined because of a hash;
   * undefined where a rate limit had a say. With a threshold, of spans that come with `th`: those with a larger one
   * stand for 1, others for adjustedCount(threshold) / adjustedCount(th).
   */
  readonly probability: number | undefined;
}

/** What one policy said of the traces that were decided; only grows. */
export interface PolicyTally {
  readonly policy: string;
  readonly traces: Readonly<Record<PolicyDecision['outcome'], number>>;
  readonly spans: Readonly<Record<PolicyDecision['outcome'], number>>;
}

/** All policies of one sampler, compiled. Has state (rate limits, composite): one for each instance. */
export interface Policies {
  readonly conditions: readonly SpanCondition[];
  /** In the order of the configuration, for metrics: each policy says something of each trace that gets to it. */
  readonly tallies: readonly PolicyTally[];
  /** Never throws. `nowMs` is monotonic. Decisions come in the order in which traces are decided. */
  decide(trace: TraceSummary, nowMs: number): PolicyDecision;
}
