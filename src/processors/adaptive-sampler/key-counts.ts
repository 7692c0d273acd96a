import type { Clock } from '../../core/clock.ts';
import type { KeyRatio } from '../sampling/books.ts';
import { ORDINARY, PRIORITY, type Flows } from './flows.ts';
import { OTHER, OTHER_LABEL, type KeyTable } from './key-table.ts';
import type { Tally } from './tally.ts';

/** Over about how long a share that was kept is told. */
const MEMORY_MS = 60_000;

/** What is counted fades in steps: the sums are gone through this often at most. */
const STEP_MS = 1000;

/** Keys that are told by name, those with the most items. */
const TOP = 20;

/** What came of each key and what was kept of it, over the last minute: older counts weigh less and less. */
export class KeyCounts {
  readonly #clock: Clock;
  readonly #keys: KeyTable;
  readonly #flows: Flows;
  /** By flow, as of `#fadedAtMs`. */
  readonly #seen: Float64Array;
  readonly #kept: Float64Array;
  #fadedAtMs: number;

  constructor(clock: Clock, keys: KeyTable, flows: Flows) {
    this.#clock = clock;
    this.#keys = keys;
    this.#flows = flows;
    this.#seen = new Float64Array(2 * keys.limit);
    this.#kept = new Float64Array(2 * keys.limit);
    this.#fadedAtMs = clock.monotonic();
  }

  book({ flows, items, kept }: Tally): void {
    this.#fade();
    for (let place = 0; place < flows.length; place++) {
      const flow = flows[place] ?? 0;
      this.#seen[flow] = (this.#seen[flow] ?? 0) + (items[place] ?? 0);
      this.#kept[flow] = (this.#kept[flow] ?? 0) + (kept[place] ?? 0);
    }
  }

  forget(key: number): void {
    for (const counts of [this.#seen, this.#kept]) counts.fill(0, 2 * key, 2 * key + 2);
  }

  /** The top keys, and all others as one. */
  ratios(): readonly KeyRatio[] {
    this.#fade();
    const other = emptySum();
    const byLabel = new Map<string, KeySum>();
    for (let key = 0; key < this.#keys.size; key++) {
      if (key === OTHER) this.#addTo(other, key);
      else this.#addTo(labelled(byLabel, this.#keys.label(key)), key);
    }
    const sums = [...byLabel].filter(([, { seen }]) => seen >= LEAST_SEEN).sort(([, a], [, b]) => b.seen - a.seen);
    for (const [, sum] of sums.splice(TOP)) add(other, sum);
    if (other.seen >= LEAST_SEEN) sums.push([OTHER_LABEL, other]);
    return sums.map(([key, { seen, kept, asked }]) => ({ key, asked: asked / seen, got: kept / seen }));
  }

  #addTo(sum: KeySum, key: number): void {
    for (const flow of [2 * key + ORDINARY, 2 * key + PRIORITY]) {
      const seen = this.#seen[flow] ?? 0;
      add(sum, { seen, kept: this.#kept[flow] ?? 0, asked: seen * (this.#flows.share[flow] ?? 1) });
    }
  }

  #fade(): void {
    const elapsedMs = this.#clock.monotonic() - this.#fadedAtMs;
    if (elapsedMs < STEP_MS) return;
    this.#fadedAtMs += elapsedMs;
    const left = Math.exp(-elapsedMs / MEMORY_MS);
    for (let flow = 0; flow < 2 * this.#keys.size; flow++) {
      this.#seen[flow] = (this.#seen[flow] ?? 0) * left;
      this.#kept[flow] = (this.#kept[flow] ?? 0) * left;
    }
  }
}

/** Less than one item of a few minutes ago: nothing is said of it. */
const LEAST_SEEN = 0.05;

interface KeySum {
  seen: number;
  kept: number;
  /** What should have been kept of what was seen. */
  asked: number;
}

const emptySum = (): KeySum => ({ seen: 0, kept: 0, asked: 0 });

/** Keys that read the same are one series: texts are cut, and a shape may have none. */
function labelled(byLabel: Map<string, KeySum>, label: string): KeySum {
  const known = byLabel.get(label);
  if (known !== undefined) return known;
  const made = emptySum();
  byLabel.set(label, made);
  return made;
}

function add(to: KeySum, { seen, kept, asked }: KeySum): void {
  to.seen += seen;
  to.kept += kept;
  to.asked += asked;
}
