import type { Batch } from '../../core/batch.ts';
import type { Lease } from '../../core/queue.ts';
import { mustBatch, type Entry } from './entry.ts';

export class DiskLease implements Lease {
  readonly batch: Batch;
  readonly enqueuedAtMs: number;
  readonly #entry: Entry;
  readonly #end: (entry: Entry, done: boolean) => void;
  #open = true;

  /** `end` is called once; when it is not done the entry comes back. */
  constructor(entry: Entry, end: (entry: Entry, done: boolean) => void) {
    this.batch = mustBatch(entry);
    this.enqueuedAtMs = entry.enqueuedAtMs;
    this.#entry = entry;
    this.#end = end;
  }

  done(): void {
    if (this.#open) this.#end(this.#entry, true);
    this.#open = false;
  }

  giveBack(): void {
    if (this.#open) this.#end(this.#entry, false);
    this.#open = false;
  }
}
