import type { Batch } from '../../core/batch.ts';
import { rewriteRequest, type ItemEdit, type RequestEdit, type Rewritten } from '../edit.ts';
import { SCOPE_X } from '../fields.ts';
import type { RangeCopier } from '../range-copier.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import type { Cursor } from '../wire.ts';
import { ItemView } from './item-view.ts';
import { LOG_STATE_KEYS, LogState, RANDOMNESS, THRESHOLD } from './log-state.ts';

/** True keeps the record, with what was set in `state`. Both arguments are reused: valid until it returns. */
export type LogDecision = (record: ItemView, state: LogState) => boolean;

/** Index in an ItemView of the first of the keys that were asked for. */
export const FIRST_KEY = LOG_STATE_KEYS.length;

/**
 * Keeps or drops each log record of a request and writes the sampling attributes of those kept, on the wire. A record
 * that is kept is copied once; a chunk of which all stays as it is is shared.
 */
export class LogSampler {
  readonly #record: ItemView;
  readonly #state = new LogState();
  readonly #edit: RequestEdit;
  #decide: LogDecision = () => true;
  /** Length of the last result against its request: what room is made for next. */
  #share = 1;

  /** `keys` of attributes that `decide` wants to have looked for; the first has index FIRST_KEY. */
  constructor(keys: readonly string[] = []) {
    this.#record = new ItemView('logs', [...LOG_STATE_KEYS, ...keys]);
    this.#edit = { itemBytes: this.#sample, expectedShare: () => this.#share, spare: new SpareBuffers() };
  }

  /** Has no effect on the batch. Throws payload_malformed. `decide` must not use a sampler itself. */
  run(batch: Batch, decide: LogDecision): Rewritten {
    this.#decide = decide;
    try {
      const result = rewriteRequest(batch, this.#edit);
      if (batch.bytes > 0) this.#share = (result.batch?.bytes ?? 0) / batch.bytes;
      return result;
    } finally {
      this.#record.release();
      this.#state.release();
    }
  }

  readonly #sample: ItemEdit = (place, at, copier) => {
    const record = this.#record.read(place);
    const state = this.#state.read(record);
    if (!this.#decide(record, state)) return false;
    if (state.touched(THRESHOLD) || state.touched(RANDOMNESS)) this.#write(at, copier);
    return true;
  };

  #write(at: Cursor, copier: RangeCopier): void {
    const added = this.#addedBytes(THRESHOLD) + this.#addedBytes(RANDOMNESS);
    const head = copier.cut(at.tagStart, at.start);
    head.header(SCOPE_X.items, at.end - at.start + added);
    // New ones come first, so that the rest of the record goes over in one copy.
    for (const index of [THRESHOLD, RANDOMNESS]) {
      if (this.#state.touched(index) && !this.#record.hasAttribute(index)) this.#state.write(index, head);
    }
    const { attributeTagStarts: starts } = this.#record;
    const inOrder = (starts[THRESHOLD] ?? 0) < (starts[RANDOMNESS] ?? 0) ? IN_ORDER : REVERSED;
    for (const index of inOrder) this.#replace(index, copier);
  }

  #replace(index: number, copier: RangeCopier): void {
    if (!this.#state.touched(index) || !this.#record.hasAttribute(index)) return;
    const writer = copier.cut(this.#record.attributeTagStarts[index] ?? 0, this.#record.attributeEnds[index] ?? 0);
    this.#state.write(index, writer);
  }

  #addedBytes(index: number): number {
    if (!this.#state.touched(index)) return 0;
    const record = this.#record;
    const removed = record.hasAttribute(index)
      ? (record.attributeEnds[index] ?? 0) - (record.attributeTagStarts[index] ?? 0)
      : 0;
    return this.#state.encodedBytes(index) - removed;
  }
}

const IN_ORDER = [THRESHOLD, RANDOMNESS] as const;
const REVERSED = [RANDOMNESS, THRESHOLD] as const;
