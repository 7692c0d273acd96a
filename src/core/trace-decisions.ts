/**
 * What a sampler did with a trace.
 * - pending: some of its spans are held, the decision comes.
 * - unknown: none of its spans were seen, or that is too long ago.
 */
export type TraceFate = 'kept' | 'dropped' | 'pending' | 'unknown';

/** Of one sampler in one pipeline: its decisions, for what belongs to the same traces. Trace ids are 16 bytes at `at`. */
export interface TraceDecisions {
  fateOf(bytes: Uint8Array, at: number): TraceFate;
  /** `decided` is called after each decision from now on; the bytes are valid until it returns. It must not throw. */
  onDecision(decided: (bytes: Uint8Array, at: number, kept: boolean) => void): void;
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
