import type { Clock } from '../../core/clock.ts';

const SLOTS = 12;
const SLOT_MS = 5_000;

/**
 * The share of items that was kept over the last minute, in steps of 5 s.
 * Invariant: a slot holds the counts of one step, whose number is in `#steps`; those of other steps are not counted.
 */
export class RatioWindow {
  readonly #clock: Clock;
  readonly #steps = new Float64Array(SLOTS).fill(-1);
  readonly #seen = new Float64Array(SLOTS);
  readonly #kept = new Float64Array(SLOTS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  book(seen: number, kept: number): void {
    const step = this.#step();
    const slot = step % SLOTS;
    if (this.#steps[slot] !== step) {
      this.#steps[slot] = step;
      this.#seen[slot] = 0;
      this.#kept[slot] = 0;
    }
    this.#seen[slot] = (this.#seen[slot] ?? 0) + seen;
    this.#kept[slot] = (this.#kept[slot] ?? 0) + kept;
  }

  /** Undefined when nothing was seen. */
  get ratio(): number | undefined {
    const oldest = this.#step() - SLOTS;
    let seen = 0;
    let kept = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if ((this.#steps[slot] ?? -1) <= oldest) continue;
      seen += this.#seen[slot] ?? 0;
      kept += this.#kept[slot] ?? 0;
    }
    return seen === 0 ? undefined : kept / seen;
  }

  #step(): number {
    return Math.floor(this.#clock.monotonic() / SLOT_MS);
  }
}
