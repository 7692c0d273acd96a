import type { Entry } from './entry.ts';
import type { Segment } from './segment.ts';

/**
 * Entries in their order, first out at the front.
 * Invariant: `#entries` from `#head` on is sorted by `order`; before it holds nothing alive.
 */
export class Line {
  #entries: (Entry | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get first(): Entry | undefined {
    return this.#entries[this.#head];
  }

  get last(): Entry | undefined {
    return this.length === 0 ? undefined : this.#entries.at(-1);
  }

  shift(): Entry | undefined {
    const first = this.first;
    if (first === undefined) return undefined;
    this.#entries[this.#head++] = undefined;
    if (this.#head > 256 && this.#head * 2 > this.#entries.length) this.#compact();
    return first;
  }

  pop(): Entry | undefined {
    return this.length === 0 ? undefined : this.#entries.pop();
  }

  /** To its place; at either end, which is where almost all go, it costs nothing. */
  insert(entry: Entry): void {
    const { first, last } = this;
    if (last === undefined || last.order < entry.order) this.#entries.push(entry);
    else if (this.#head > 0 && first !== undefined && entry.order < first.order) this.#entries[--this.#head] = entry;
    else {
      this.#compact();
      const at = this.#entries.findIndex((other) => other !== undefined && other.order > entry.order);
      this.#entries.splice(at, 0, entry);
    }
  }

  remove(entry: Entry): void {
    const at = this.#entries.indexOf(entry, this.#head);
    if (at !== -1) this.#entries.splice(at, 1);
  }

  /** Takes out all that are in the segment. */
  takeOf(segment: Segment): Entry[] {
    const taken: Entry[] = [];
    const left: (Entry | undefined)[] = [];
    for (const entry of this.#entries) if (entry !== undefined) (entry.segment === segment ? taken : left).push(entry);
    this.#entries = left;
    this.#head = 0;
    return taken;
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
