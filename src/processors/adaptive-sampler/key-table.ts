import type { Clock } from '../../core/clock.ts';

/** The key of everything for which there is no room. */
export const OTHER = 0;
export const OTHER_LABEL = '_other';

export interface KeyTableOptions {
  readonly clock: Clock;
  /** Besides `_other`. */
  readonly maxKeys: number;
  /** A key that was not seen for this long may be forgotten. */
  readonly idleMs: number;
  /** Its number is used for another one from now on. */
  onForgotten(key: number): void;
}

/**
 * Small numbers for keys that are known by a hash of 64 bits.
 *
 * Invariants: the keys are 0 (`_other`) to `size - 1` and never more than `limit`; a number is given again only after its
 * key was forgotten. When the table is full, those that nothing was seen of for a while make room, which is looked for
 * twice a second at most; until then what is new is `_other`. So a flood of new keys costs little, and takes no number
 * from a key that is in use.
 *
 *   #index   linear probing over the hash; 0: free, else key
 */
export class KeyTable {
  readonly limit: number;
  readonly #options: KeyTableOptions;
  readonly #index: Int32Array;
  readonly #mask: number;
  readonly #a: Int32Array;
  readonly #b: Int32Array;
  readonly #seenMs: Float64Array;
  readonly #labels: string[] = [OTHER_LABEL];
  #size = 1;
  #free: number[] = [];
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeyTableOptions) {
    this.#options = options;
    this.limit = options.maxKeys + 1;
    const places = 2 ** Math.ceil(Math.log2(4 * this.limit));
    this.#index = new Int32Array(places);
    this.#mask = places - 1;
    this.#a = new Int32Array(this.limit);
    this.#b = new Int32Array(this.limit);
    this.#seenMs = new Float64Array(this.limit);
  }

  /** One more than the largest key. */
  get size(): number {
    return this.#size;
  }

  /** Keys that something was seen of lately, without `_other`. */
  get inUse(): number {
    return this.#size - 1 - this.#free.length;
  }

  /** The key with this hash, or -1. */
  find(a: number, b: number): number {
    for (let at = homeOf(a, b) & this.#mask; ; at = (at + 1) & this.#mask) {
      const key = this.#index[at] ?? 0;
      if (key === 0) return -1;
      if (this.#a[key] === a && this.#b[key] === b) return key;
    }
  }

  /** A number for a hash that `find` does not know; `label` is asked when there is room for it. */
  add(a: number, b: number, label: () => string): number {
    const key = this.#free.pop() ?? this.#next() ?? OTHER;
    if (key === OTHER) return OTHER;
    this.#a[key] = a;
    this.#b[key] = b;
    this.#labels[key] = label();
    this.seen(key);
    this.#put(key);
    return key;
  }

  /** Of a key of the batch that was accepted. */
  seen(key: number): void {
    this.#seenMs[key] = this.#options.clock.monotonic();
  }

  label(key: number): string {
    return this.#labels[key] ?? '';
  }

  #next(): number | undefined {
    if (this.#size < this.limit) return this.#size++;
    this.#sweep();
    return this.#free.pop();
  }

  #sweep(): void {
    const { clock, idleMs } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    this.#index.fill(0);
    for (let key = 1; key < this.#size; key++) {
      if (nowMs - (this.#seenMs[key] ?? 0) <= idleMs) this.#put(key);
      else {
        this.#free.push(key);
        this.#labels[key] = '';
        this.#options.onForgotten(key);
      }
    }
  }

  #put(key: number): void {
    let at = homeOf(this.#a[key] ?? 0, this.#b[key] ?? 0) & this.#mask;
    while (this.#index[at] !== 0) at = (at + 1) & this.#mask;
    this.#index[at] = key;
  }
}

const SWEEP_MS = 500;

/**
 * Where a hash is looked for first; the lower bits count. Of both halves: texts that differ in some places alone have one
 * half in common.
 */
export function homeOf(a: number, b: number): number {
  const hash = Math.imul(a ^ (b >>> 15), 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  return hash ^ (hash >>> 16);
}
