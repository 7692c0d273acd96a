import { compareBits56, MutableBits56, type Bits56 } from '../../otlp/sampling/bits56.ts';
import { FIRST_KEY, type LogDecision } from '../../otlp/sampling/log-sampler.ts';
import type { ItemView } from '../../otlp/sampling/item-view.ts';
import { ALWAYS_KEPT, hashBytes, hashOfSeed, Randomness, TRACE_ID_BYTES } from '../../otlp/sampling/randomness.ts';
import type { SamplingState } from '../../otlp/sampling/sampling-state.ts';
import type { PlainRule } from '../../otlp/sampling/plain-sampler.ts';
import type { SpanDecision } from '../../otlp/sampling/span-sampler.ts';
import { adjustedCount, isKept, KEEP_ALL, KEEP_NONE, type Threshold } from '../../otlp/sampling/threshold.ts';
import { newTally, type SamplingTally } from '../sampling/books.ts';
import { logPriority, spanPriority, SPAN_PRIORITY } from '../sampling/priority.ts';
import { hashAttribute } from './attribute-hash.ts';
import type { ProbabilisticSamplerConfig } from './config.ts';
import { makeRule, type Rule } from './rule.ts';

/** What an item was judged by, in the Collector's words; the last stands for the name of `from_attribute`. */
export const POLICIES = [
  'trace_id_hash',
  'trace_id_w3c',
  'sampling_randomness',
  'missing_randomness',
  'sampling_priority',
  'from_attribute',
] as const;
const TRACE_ID_HASH = 0;
const TRACE_ID_W3C = 1;
const SAMPLING_RANDOMNESS = 2;
const MISSING = 3;
const PRIORITY = 4;
const FROM_ATTRIBUTE = 5;

/** What was decided about the items of one batch. */
export interface HeadTally extends SamplingTally {
  /** Items that hash_seed does not judge, because they were sampled before. */
  inUse: number;
  /** Items by policy: dropped at 2 * policy, kept at 2 * policy + 1. */
  readonly byPolicy: number[];
}

export function newHeadTally(): HeadTally {
  const byPolicy = POLICIES.flatMap(() => [0, 0]);
  return { ...newTally(), inUse: 0, byPolicy };
}

const PRIORITY_KEY = 0;
/** Of logs, after those of their state. */
const HASHED_KEY = FIRST_KEY;
const LOG_PRIORITY_KEY = FIRST_KEY + 1;

/**
 * Decides as the Collector's probabilistic_sampler does, step by step: the randomness of the item, whether it can be
 * judged, the threshold of the mode, or of a priority, and what is written into the item. Allocates nothing per item.
 * Source: Collector, processor/probabilisticsamplerprocessor, commonShouldSampleLogic.
 */
export class Judge {
  readonly rule: Rule;
  /** Attributes that it wants to have looked for. */
  readonly keys: readonly string[];
  /** What was decided since `begin`. */
  tally = newHeadTally();
  readonly #config: ProbabilisticSamplerConfig;
  readonly #hashes: boolean;
  readonly #onTrouble: Threshold;
  readonly #seedHash: number;
  readonly #hashed = new Randomness();
  /** Of the item that is judged. */
  #randomness: Bits56 = ALWAYS_KEPT;
  readonly #weighed = new MutableBits56();
  #weight = 1;
  readonly #ownWeight: number;

  constructor(config: ProbabilisticSamplerConfig, signal: 'traces' | 'logs') {
    this.#config = config;
    this.rule = makeRule(config);
    this.#ownWeight = adjustedCount(this.rule.threshold);
    this.keys = signal === 'traces' ? [SPAN_PRIORITY] : [config.from_attribute, config.sampling_priority];
    this.#hashes = this.rule.mode === 'hash_seed';
    this.#onTrouble = config.fail_closed ? KEEP_NONE : KEEP_ALL;
    this.#seedHash = hashOfSeed(config.hash_seed);
    this.plainSpan = this.rule.mode === 'never' ? undefined : this.#plainRule();
  }

  /** Counts in a new tally from now on. */
  begin(): HeadTally {
    return (this.tally = newHeadTally());
  }

  /** What becomes of a trace of which nothing but the id is known. */
  keepsTrace(bytes: Uint8Array, at: number): boolean {
    const randomness = this.#hashes ? this.#hashTraceId(bytes, at) : this.#hashed.readTraceId(bytes, at);
    return isKept(randomness, this.rule.threshold);
  }

  #plainRule(): PlainRule {
    const policy = this.#hashes ? TRACE_ID_HASH : TRACE_ID_W3C;
    return {
      threshold: this.rule.threshold,
      seedHash: this.#hashes ? this.#seedHash : undefined,
      book: (kept, dropped) => {
        this.#count(policy, this.#ownWeight, kept);
        this.#count(policy, 0, dropped);
      },
    };
  }

  /** The same as `span` comes to, in less time; undefined where that must be asked. */
  readonly plainSpan: PlainRule | undefined;

  readonly span: SpanDecision = (span, state) => {
    const policy = this.#source(span, state, MISSING);
    const isInUse = this.#isInUse(state);
    // Without a trace id the Collector writes the randomness that is always kept.
    if (this.#hashes && !isInUse) state.setRandomness(this.#randomness);
    const priority = span.hasAttribute(PRIORITY_KEY) ? spanPriority(span, PRIORITY_KEY) : undefined;
    return this.#decide(state, policy, isInUse, priority);
  };

  readonly log: LogDecision = (record, state) => {
    const { from_attribute, sampling_priority, sampling_precision } = this.#config;
    const hasKey = from_attribute !== '' && record.hasAttribute(HASHED_KEY);
    const policy = this.#source(record, state, hasKey ? FROM_ATTRIBUTE : MISSING);
    const isInUse = this.#isInUse(state);
    if (this.#hashes && !isInUse && policy !== MISSING) state.setRandomness(this.#randomness);
    const hasPriority = sampling_priority !== '' && record.hasAttribute(LOG_PRIORITY_KEY);
    const priority = hasPriority ? logPriority(record, LOG_PRIORITY_KEY, sampling_precision) : undefined;
    return this.#decide(state, policy, isInUse, priority);
  };

  #decide(state: SamplingState, policy: number, isInUse: boolean, priority: Threshold | undefined): boolean {
    const canJudge = this.#canJudge(state, policy, isInUse);
    const threshold = priority ?? (canJudge ? this.rule.thresholdFor(state) : this.#onTrouble);
    const kept = isKept(this.#randomness, threshold);
    if (kept && !isInUse) state.raiseThreshold(threshold);
    this.#count(priority === undefined ? policy : PRIORITY, kept ? this.#weightOf(state) : 0, 1);
    return kept;
  }

  /** Reads the randomness of the item; returns the policy. */
  #source(item: ItemView, state: SamplingState, withoutTraceId: number): number {
    if (this.rule.mode === 'never') return this.#use(ALWAYS_KEPT, PRIORITY);
    if (this.#hashes) return this.#hashSource(item, withoutTraceId);
    if (state.hasRandomness) return this.#use(state.randomness, SAMPLING_RANDOMNESS);
    const isReadable = state.status !== 'malformed' && item.traceIdAt >= 0;
    if (!isReadable) return this.#use(ALWAYS_KEPT, MISSING);
    return this.#use(this.#hashed.readTraceId(item.bytes, item.traceIdAt), TRACE_ID_W3C);
  }

  #hashSource(item: ItemView, withoutTraceId: number): number {
    const looksAtTraceId = item.signal === 'traces' || this.#config.attribute_source === 'traceID';
    if (looksAtTraceId && item.traceIdAt >= 0) {
      return this.#use(this.#hashTraceId(item.bytes, item.traceIdAt), TRACE_ID_HASH);
    }
    const hash = withoutTraceId === MISSING ? undefined : hashAttribute(this.#seedHash, item, HASHED_KEY);
    return hash === undefined
      ? this.#use(ALWAYS_KEPT, MISSING)
      : this.#use(this.#hashed.readHash(hash), withoutTraceId);
  }

  #hashTraceId(bytes: Uint8Array, at: number): Randomness {
    return this.#hashed.readHash(hashBytes(this.#seedHash, bytes, at, at + TRACE_ID_BYTES));
  }

  #use(randomness: Bits56, policy: number): number {
    this.#randomness = randomness;
    return policy;
  }

  /** hash_seed has no say about what was sampled before. */
  #isInUse(state: SamplingState): boolean {
    return this.#hashes && (state.hasRandomness || state.hasThreshold);
  }

  #canJudge(state: SamplingState, policy: number, isInUse: boolean): boolean {
    if (state.status === 'malformed') this.tally.malformed += 1;
    else if (isInUse) this.tally.inUse += 1;
    else if (policy === MISSING) this.tally.noRandomness += 1;
    else if (state.hasThreshold && !isKept(this.#randomness, state.threshold)) {
      this.tally.inconsistent += 1;
      state.eraseThreshold();
    } else return true;
    return false;
  }

  /** `weight`: how many items it stands for; 0 when it was dropped. */
  #count(policy: number, weight: number, items: number): void {
    const { tally } = this;
    const index = weight > 0 ? 2 * policy + 1 : 2 * policy;
    tally.byPolicy[index] = (tally.byPolicy[index] ?? 0) + items;
    tally.adjusted += items * weight;
  }

  #weightOf(state: SamplingState): number {
    if (!state.hasThreshold) return 1;
    if (compareBits56(this.#weighed, state.threshold) !== 0) {
      this.#weighed.set(state.threshold);
      this.#weight = adjustedCount(state.threshold);
    }
    return this.#weight;
  }
}
