import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import type { OnDecision, TraceDecisions, TraceFate } from '../../core/trace-decisions.ts';
import { DecisionCache } from './decision-cache.ts';
import type { TraceIds } from './trace-ids.ts';

/** What was decided about a trace, as far as it matters to spans that come late. */
export interface PastDecision {
  readonly isKept: boolean;
  readonly decidedMs: number;
  readonly threshold: Bits56 | undefined;
  /** See PolicyDecision. */
  readonly probability: number | undefined;
}

export interface DecisionsOptions {
  readonly keptLimit: number;
  readonly droppedLimit: number;
  readonly seed: number;
  readonly waitMs: number;
  /** Traces that are not decided yet. */
  readonly pending: TraceIds;
  /** Decides about all of them. */
  readonly decidePending: () => void;
}

/** What was decided, for late spans and for whoever follows this sampler. */
export class Decisions implements TraceDecisions {
  readonly decisionWaitMs: number;
  readonly decidePending: () => void;
  readonly #kept: DecisionCache;
  readonly #dropped: DecisionCache;
  readonly #pending: TraceIds;
  readonly #followers: OnDecision[] = [];

  constructor({ keptLimit, droppedLimit, seed, waitMs, pending, decidePending }: DecisionsOptions) {
    this.#kept = new DecisionCache(keptLimit, seed);
    this.#dropped = new DecisionCache(droppedLimit, seed);
    this.#pending = pending;
    this.decisionWaitMs = waitMs;
    this.decidePending = decidePending;
  }

  get kept(): number {
    return this.#kept.size;
  }

  get dropped(): number {
    return this.#dropped.size;
  }

  fateOf(bytes: Uint8Array, at: number): TraceFate {
    if (isAllZero(bytes, at)) return 'unknown';
    if (this.#pending.find(bytes, at) >= 0) return 'pending';
    if (this.#kept.find(bytes, at) >= 0) return 'kept';
    return this.#dropped.find(bytes, at) >= 0 ? 'dropped' : 'unknown';
  }

  onDecision(decided: OnDecision): void {
    this.#followers.push(decided);
  }

  /** Of a trace that is no longer pending. */
  add(bytes: Uint8Array, at: number, decision: PastDecision): void {
    (decision.isKept ? this.#kept : this.#dropped).add(bytes, at, decision);
    for (const decided of this.#followers) decided(bytes, at, decision.isKept);
  }

  /** Makes it the newest again; undefined when it is not known any more. */
  find(bytes: Uint8Array, at: number): PastDecision | undefined {
    return this.#kept.use(bytes, at, true) ?? this.#dropped.use(bytes, at, false);
  }
}

function isAllZero(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 16; i++) if (bytes[at + i] !== 0) return false;
  return true;
}
