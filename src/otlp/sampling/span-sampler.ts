import type { Batch } from '../../core/batch.ts';
import { rewriteRequest, type ItemEdit, type RequestEdit, type Rewritten } from '../edit.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import { ItemView } from './item-view.ts';
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
  readonly #state = new TraceState();
  readonly #edit: RequestEdit;
  #decide: SpanDecision = () => true;
  /** Length of the last result against its request: what room is made for next. */
  #share = 1;

  /** `keys` of attributes that `decide` wants to have looked for. */
  constructor(keys: readonly string[] = []) {
    this.#span = new ItemView('traces', keys);
    this.#edit = { itemBytes: this.#sample, expectedShare: () => this.#share, spare: new SpareBuffers() };
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
    }
  }

  readonly #sample: ItemEdit = (place, at, copier) => {
    const span = this.#span.read(place);
    const state = this.#state.read(place.bytes, span.traceStateStart, span.traceStateEnd);
    if (!this.#decide(span, state)) return false;
    if (!state.changed) return true;
    writeTraceState(copier, at, this.#state, span.traceStateTagStart, span.traceStateEnd);
    return true;
  };
}
