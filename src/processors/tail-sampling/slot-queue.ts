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

  /** In their order. */
  slots(): number[] {
    const slots: number[] = [];
    for (let next = this.#first; next > 0; next = this.#next[next - 1] ?? 0) slots.push(next - 1);
    return slots;
  }

  /** Its numbers become others, which are less than `capacity`, and stay in their order. */
  renumber(numbers: ReadonlyMap<number, number>, capacity: number): void {
    const order = this.slots().map((slot) => mustGet(numbers, slot));
    this.#first = 0;
    this.#last = 0;
    this.grow(capacity);
    for (const slot of order) this.append(slot);
  }
}

/** Of each number that there is room for. */
export const QUEUE_BYTES_EACH = 8;

function mustGet(numbers: ReadonlyMap<number, number>, slot: number): number {
  const number = numbers.get(slot);
  if (number === undefined) throw new Error('BUG: a number in the queue that is not in use.');
  return number;
}
