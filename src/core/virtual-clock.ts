import type { Clock, Timer } from './clock.ts';

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/**
 * A clock that moves only when told to: tests and replay.
 * Invariants: timers fire in the order of their due time, equal times in the order they were set; between two timers
 * every promise that can settle without real I/O has settled.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #originMs: number;
  readonly #pending = new Set<Pending>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
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
    const pending = { atMs: this.#nowMs + Math.max(0, afterMs), order: this.#order++, fire };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Timers waiting to fire. */
  get pending(): number {
    return this.#pending.size;
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
      this.#pending.delete(next);
      next.fire();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  #next(): Pending | undefined {
    let best: Pending | undefined;
    for (const candidate of this.#pending) {
      if (best === undefined || isBefore(candidate, best)) best = candidate;
    }
    return best;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Lets promise chains run dry: one turn of the event loop drains the microtask queue. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
