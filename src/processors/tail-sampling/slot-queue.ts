import { grown } from './trace-ids.ts';

/**
 * A queue over numbers, from which any of them may be taken out: a doubly linked list in two arrays.
 * Invariant: a number is in it at most once; `#next` and `#previous` hold a number + 1, 0 for none.
 */
export class SlotQueue {
  #next = new Uint32Array(0);
  #previous = new Uint32Array(0);
  #first = 0;
  #last = 0;

  /** -1 when it is empty. */
  get first(): number {
    return this.#first - 1;
  }

  append(slot: number): void {
    this.#previous[slot] = this.#last;
    this.#next[slot] = 0;
    if (this.#last === 0) this.#first = slot + 1;
    else this.#next[this.#last - 1] = slot + 1;
    this.#last = slot + 1;
  }

  /** Of a number that is in it. */
  remove(slot: number): void {
    const next = this.#next[slot] ?? 0;
    const previous = this.#previous[slot] ?? 0;
    if (previous === 0) this.#first = next;
    else this.#next[previous - 1] = next;
    if (next === 0) this.#last = previous;
    else this.#previous[next - 1] = previous;
  }

  grow(capacity: number): void {
    this.#next = grown(this.#next, capacity);
    this.#previous = grown(this.#previous, capacity);
  }
}

/** Of each number that there is room for. */
export const QUEUE_BYTES_EACH = 8;
