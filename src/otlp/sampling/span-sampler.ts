import type { Batch } from '../../core/batch.ts';
import { rewriteRequest, type ItemCounts, type RequestEdit, type Rewritten, type ScopeEdit } from '../edit.ts';
import { SCOPE_X } from '../fields.ts';
import type { Place } from '../place.ts';
import type { RangeCopier } from '../range-copier.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import { Cursor, LEN } from '../wire.ts';
import { ItemView } from './item-view.ts';
import { PlainSampler, type PlainRule } from './plain-sampler.ts';
import { writeTraceState } from './trace-state-field.ts';
import { TraceState } from './tracestate.ts';

/** True keeps the span, with what was set in `state`. Both arguments are reused: valid until it returns. */
export type SpanDecision = (span: ItemView, state: TraceState) => boolean;

/**
 * Keeps or drops each span of a request and writes the tracestate of those kept, on the wire. A span that is kept is
 * copied once, together with its neighbours where their tracestates stay; a chunk of which all stays as it is is shared.
 */
export class SpanSampler {
  readonly #span: ItemView;
  readonly #plain: PlainSampler | undefined;
  readonly #state = new TraceState();
  readonly #items = new Cursor();
  readonly #edit: RequestEdit;
  #decide: SpanDecision = () => true;
  /** Length of the last result against its request: what room is made for next. */
  #share = 1;

  /**
   * `keys` of attributes that `decide` wants to have looked for. `plain` decides in its place about spans without a
   * tracestate and without one of these attributes, and must come to the same.
   */
  constructor(keys: readonly string[] = [], plain?: PlainRule) {
    this.#span = new ItemView('traces', keys);
    this.#plain = plain && new PlainSampler(keys, plain);
    this.#edit = { scopeBytes: this.#scope, expectedShare: () => this.#share, spare: new SpareBuffers() };
  }

  /** Has no effect on the batch. Throws payload_malformed. `decide` must not use a sampler itself. */
  run(batch: Batch, decide: SpanDecision): Rewritten {
    this.#decide = decide;
    try {
      const result = rewriteRequest(batch, this.#edit);
      if (batch.bytes > 0) this.#share = (result.batch?.bytes ?? 0) / batch.bytes;
      return result;
    } finally {
      this.#span.release();
      this.#state.release();
      this.#plain?.release();
      this.#items.reset(EMPTY, 0, 0);
    }
  }

  readonly #scope: ScopeEdit = (place, at, copier, counts) => {
    const { bytes, end } = at;
    for (let pos = at.start; pos < end;) {
      if (this.#plain !== undefined) pos = this.#plain.run(bytes, pos, end, copier, counts);
      if (pos < end) pos = this.#one(place, pos, end, copier, counts);
    }
  };

  /** Any field of a ScopeX; returns where it ends. */
  #one(place: Place, pos: number, end: number, copier: RangeCopier, counts: ItemCounts): number {
    const at = this.#items.reset(place.bytes, pos, end);
    at.next();
    if (at.field !== SCOPE_X.items || at.wireType !== LEN) return at.end;
    place.itemStart = at.start;
    place.itemEnd = at.end;
    if (this.#keeps(place, at, copier)) counts.kept += 1;
    else {
      counts.dropped += 1;
      copier.cut(at.tagStart, at.end);
    }
    return at.end;
  }

  #keeps(place: Place, at: Cursor, copier: RangeCopier): boolean {
    const span = this.#span.read(place);
    const state = this.#state.read(place.bytes, span.traceStateStart, span.traceStateEnd);
    if (!this.#decide(span, state)) return false;
    if (state.changed) writeTraceState(copier, at, state, span.traceStateTagStart, span.traceStateEnd);
    return true;
  }
}

const EMPTY = new Uint8Array(0);
