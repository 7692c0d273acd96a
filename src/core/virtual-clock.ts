import type { Clock, Timer } from './clock.ts';

interface Pending {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it fired or was cancelled. */
  fire: (() => void) | undefined;
}

/**
 * A clock that moves only when told to: tests and replay.
 * Invariants: timers fire in the order of their due time, equal times in the order they were set; between two timers
 * every promise that can settle without real I/O has settled. `#heap` is a binary heap by that order; what was cancelled
 * stays in it until its turn or until it is half of the heap.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #originMs: number;
  #heap: Pending[] = [];
  #cancelled = 0;
  readonly #onFire: () => void;

  /** `onFire` is called before each timer fires; what it throws ends the advance. */
  constructor(startMs = Date.UTC(2026, 0, 1), onFire: () => void = () => undefined) {
    this.#onFire = onFire;
    this.#nowMs = startMs;
    this.#originMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - this.#originMs;
  }

  timer(afterMs: number, fire: () => void): Timer {
    const pending: Pending = { atMs: this.#nowMs + Math.max(0, afterMs), order: this.#order++, fire };
    this.#push(pending);
    return { cancel: () => this.#cancel(pending) };
  }

  /** Timers waiting to fire. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** When the next timer is due, or undefined when none is set. */
  get nextMs(): number | undefined {
    return this.#next()?.atMs;
  }

  /** Moves time forward by `ms`, firing what falls due and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
      this.#nowMs = next.atMs;
      this.#pop();
      const { fire } = next;
      next.fire = undefined;
      this.#onFire();
      fire?.();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  #cancel(pending: Pending): void {
    if (pending.fire === undefined) return;
    pending.fire = undefined;
    this.#cancelled += 1;
    if (this.#cancelled * 2 < this.#heap.length) return;
    const alive = this.#heap.filter(({ fire }) => fire !== undefined);
    this.#heap = [];
    this.#cancelled = 0;
    for (const one of alive) this.#push(one);
  }

  /** The next to fire, which is then on top. */
  #next(): Pending | undefined {
    for (let [top] = this.#heap; top !== undefined; [top] = this.#heap) {
      if (top.fire !== undefined) return top;
      this.#pop();
      this.#cancelled -= 1;
    }
    return undefined;
  }

  #push(pending: Pending): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(pending);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(pending, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = pending;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let smaller = heap[child];
      const right = heap[child + 1];
      if (smaller !== undefined && right !== undefined && isBefore(right, smaller)) {
        smaller = right;
        child += 1;
      }
      if (smaller === undefined || !isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Lets promise chains run dry: one turn of the event loop drains the microtask queue. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
