import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import type { Place } from '../../otlp/place.ts';

/**
 * Spans are looked at once, when they come, and not kept for the policies: a policy reads what is gathered of a trace.
 *
 *   span ──► conditions (one bit of the trace each, set once one of its spans fulfils it) ──┐
 *       └──► sums of the trace: spans, bytes, first start, last end ────────────────────────┴──► decide
 */

/** Of one span. Pure, allocates nothing; not asked again for a trace that has fulfilled it. */
export type SpanCondition = (span: Place) => boolean;

/** What policies may know of a trace. Valid until the call that got it returns. */
export interface TraceSummary {
  /** 16 bytes at `traceIdAt`. */
  readonly bytes: Uint8Array;
  readonly traceIdAt: number;
  readonly spans: number;
  /** Of its spans on the wire, without what is around them. */
  readonly spanBytes: number;
  /** Nanoseconds since the epoch as doubles, exact to 256 ns: enough for durations in milliseconds. 0 without spans. */
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
   * Of a sampled trace: the smallest probability with which traces like it are kept, as a rejection threshold to be
   * written as `th`; undefined where that is not known (a rate limit decided), or where nothing was left to chance.
   */
  readonly threshold: Bits56 | undefined;
}

/** All policies of one sampler, compiled. Has state (rate limits, composite): one for each instance. */
export interface Policies {
  readonly conditions: readonly SpanCondition[];
  /** Names as configured, for metrics. */
  readonly names: readonly string[];
  /** Never throws. `nowMs` is monotonic. Decisions come in the order in which traces are decided. */
  decide(trace: TraceSummary, nowMs: number): PolicyDecision;
}
