import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import { QUEUE_BYTES_EACH, SlotQueue } from './slot-queue.ts';
import { grown, nextCapacity, traceIdBytes, TraceIds } from './trace-ids.ts';

/** Of one decided trace: its id, its place in the order, when it was decided, its threshold and probability. */
const BYTES_EACH = traceIdBytes(1) + QUEUE_BYTES_EACH + 8 + 8 + 8;

/** What is remembered of a decided trace. */
export interface CachedDecision {
  readonly decidedMs: number;
  readonly threshold: Bits56 | undefined;
  readonly probability: number | undefined;
}

/**
 * The ids of traces that were decided in one way, the last `limit` of them by use. Grows as it fills, about 60 bytes for
 * each.
 */
export class DecisionCache {
  readonly #ids: TraceIds;
  readonly #order = new SlotQueue();
  readonly #limit: number;
  #decidedMs = new Float64Array(0);
  /** 0 for none. */
  #probabilities = new Float64Array(0);
  /** The upper bits + 1, 0 for none; the lower bits. */
  #thresholds = new Uint32Array(0);

  constructor(limit: number, seed: number) {
    this.#limit = limit;
    this.#ids = new TraceIds(seed);
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Negative when it is not there. */
  find(bytes: Uint8Array, at: number): number {
    return this.#ids.size === 0 ? -1 : this.#ids.find(bytes, at);
  }

  /** What is remembered, which is the newest again; undefined when it is not there. */
  use(bytes: Uint8Array, at: number, isKept: boolean): (CachedDecision & { readonly isKept: boolean }) | undefined {
    const entry = this.find(bytes, at);
    if (entry < 0) return undefined;
    this.#order.remove(entry);
    this.#order.append(entry);
    const decidedMs = this.#decidedMs[entry] ?? 0;
    const probability = this.#probabilities[entry] ?? 0;
    const high = this.#thresholds[entry * 2] ?? 0;
    const threshold = high === 0 ? undefined : { high: high - 1, low: this.#thresholds[entry * 2 + 1] ?? 0 };
    return { isKept, decidedMs, threshold, probability: probability === 0 ? undefined : probability };
  }

  /** The oldest goes where there is no room. */
  add(bytes: Uint8Array, at: number, { decidedMs, threshold, probability }: CachedDecision): void {
    if (this.#limit === 0) return;
    let entry = this.find(bytes, at);
    if (entry < 0) {
      if (this.#ids.size >= this.#ids.capacity) this.#makeRoom();
      entry = this.#ids.add(bytes, at);
      this.#order.append(entry);
    }
    this.#decidedMs[entry] = decidedMs;
    this.#probabilities[entry] = probability ?? 0;
    this.#thresholds[entry * 2] = threshold === undefined ? 0 : threshold.high + 1;
    this.#thresholds[entry * 2 + 1] = threshold?.low ?? 0;
  }

  #makeRoom(): void {
    const { capacity } = this.#ids;
    if (capacity >= this.#limit) {
      const oldest = this.#order.first;
      this.#order.remove(oldest);
      this.#ids.remove(oldest);
      return;
    }
    const next = nextCapacity(capacity, this.#limit);
    this.#ids.grow(next);
    this.#order.grow(next);
    this.#decidedMs = grown(this.#decidedMs, next);
    this.#probabilities = grown(this.#probabilities, next);
    this.#thresholds = grown(this.#thresholds, next * 2);
  }
}

/** How much a full one takes. */
export function decisionCacheBytes(limit: number): number {
  return limit * BYTES_EACH;
}
