import type { Batch } from '../../core/batch.ts';
import type { Lease } from '../../core/queue.ts';
import type { Verdict } from '../../core/verdict.ts';
import { mustBatch, type Entry } from './entry.ts';

export class DiskLease implements Lease {
  readonly batch: Batch;
  readonly enqueuedAtMs: number;
  readonly #entry: Entry;
  readonly #end: (entry: Entry, verdict: Verdict | undefined) => void;
  #open = true;

  /** `end` is called once; without a verdict the entry comes back. */
  constructor(entry: Entry, end: (entry: Entry, verdict: Verdict | undefined) => void) {
    this.batch = mustBatch(entry);
    this.enqueuedAtMs = entry.enqueuedAtMs;
    this.#entry = entry;
    this.#end = end;
  }

  get abandoned(): boolean {
    return this.#entry.abandoned;
  }

  done(verdict: Verdict): void {
    if (this.#open) this.#end(this.#entry, verdict);
    this.#open = false;
  }

  giveBack(): void {
    if (this.#open) this.#end(this.#entry, undefined);
    this.#open = false;
  }
}
