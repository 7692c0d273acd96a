/**
 * What a sampler did with a trace.
 * - pending: some of its spans are held, the decision comes.
 * - unknown: none of its spans were seen, or that is too long ago.
 */
export type TraceFate = 'kept' | 'dropped' | 'pending' | 'unknown';

/** Called when a trace was decided. The bytes are valid until it returns. Must not throw. */
export type OnDecision = (bytes: Uint8Array, at: number, kept: boolean) => void;

/** Of one sampler in one pipeline: its decisions, for what belongs to the same traces. Trace ids are 16 bytes at `at`. */
export interface TraceDecisions {
  /**
   * How long after its first span a trace is decided at the latest, in milliseconds: 0 where spans are decided as they
   * come. Absent: not known.
   */
  readonly decisionWaitMs?: number;
  /** Of an id of zeros: unknown. */
  fateOf(bytes: Uint8Array, at: number): TraceFate;
  /** `decided` is called after each decision from now on, once `fateOf` answers accordingly. */
  onDecision(decided: OnDecision): void;
  /**
   * The service stops and no further spans come: what is pending is decided now, and told before this returns. Absent
   * where nothing ever is pending.
   */
  decidePending?(): void;
}

/** Where samplers are found by the id of their configuration; a sampler in several pipelines is there several times. */
export interface DecisionDirectory {
  /** Called by a sampler when it is created. */
  offer(samplerId: string, decisions: TraceDecisions): void;
  /** Complete once every component was created: ask in `start`, not before. */
  find(samplerId: string): readonly TraceDecisions[];
}

export class DecisionBook implements DecisionDirectory {
  readonly #offered = new Map<string, TraceDecisions[]>();

  offer(samplerId: string, decisions: TraceDecisions): void {
    const known = this.#offered.get(samplerId);
    if (known === undefined) this.#offered.set(samplerId, [decisions]);
    else known.push(decisions);
  }

  find(samplerId: string): readonly TraceDecisions[] {
    return this.#offered.get(samplerId) ?? [];
  }
}
