import type { Batch } from '../../core/batch.ts';
import { rewriteRequest, type ItemEdit, type RequestEdit, type Rewritten } from '../edit.ts';
import { SCOPE_X, SPAN } from '../fields.ts';
import type { RangeCopier } from '../range-copier.ts';
import type { Cursor } from '../wire.ts';
import { varintSize } from '../writer.ts';
import { SpanView } from './span-view.ts';
import { TraceState } from './tracestate.ts';

/** True keeps the span, with what was set in `state`. Both arguments are reused: valid until it returns. */
export type SpanDecision = (span: SpanView, state: TraceState) => boolean;

/**
 * Keeps or drops each span of a request and writes the tracestate of those kept, on the wire. A span that is kept is
 * copied once, together with its neighbours where their tracestates stay; a chunk of which all stays as it is is shared.
 */
export class SpanSampler {
  readonly #span: SpanView;
  readonly #state = new TraceState();
  readonly #edit: RequestEdit;
  #decide: SpanDecision = () => true;
  /** Length of the last result against its request: what room is made for next. */
  #share = 1;

  /** `attribute`: a key that `decide` wants to have looked for, see SpanView. */
  constructor(attribute?: string) {
    this.#span = new SpanView(attribute);
    this.#edit = { itemBytes: this.#sample, expectedShare: () => this.#share };
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
    this.#write(at, copier);
    return true;
  };

  #write(at: Cursor, copier: RangeCopier): void {
    const { traceStateTagStart: oldStart, traceStateEnd: oldEnd } = this.#span;
    const textBytes = this.#state.encodedBytes();
    const fieldBytes = 1 + varintSize(textBytes) + textBytes;
    const removedBytes = oldStart < 0 ? 0 : oldEnd - oldStart;
    const head = copier.cut(at.tagStart, at.start);
    head.header(SCOPE_X.items, at.end - at.start - removedBytes + fieldBytes);
    // Where there was none, it comes first, so that the rest of the span goes over in one copy.
    const place = oldStart < 0 ? head : copier.cut(oldStart, oldEnd);
    place.header(SPAN.traceState, textBytes);
    this.#state.write(place);
  }
}
