/** What became of a thing is not known yet, or not of one that began before it. */
interface Waiting<T> {
  /** Undefined: nothing, or nothing yet. */
  value: T | undefined;
  isSettled: boolean;
}

/** Says what became of it, once; `undefined` leaves it out. */
export type Settle<T> = (value: T | undefined) => void;

export interface InOrderOptions<T> {
  /** Of what waits, by `sizeOf`. */
  readonly limit: number;
  readonly sizeOf: (value: T) => number;
  readonly take: (value: T) => void;
}

/**
 * Things in the order in which they began, each taken once it is settled and so are all before it. When those that wait are
 * larger than `limit`, the first is settled as it stands: memory is bounded, however long an answer takes.
 *
 * Invariants: `#waiting` begins with one that is not settled, or is empty; `#size` is that of its values.
 */
export class InOrder<T> {
  readonly #options: InOrderOptions<T>;
  readonly #waiting: Waiting<T>[] = [];
  #size = 0;

  constructor(options: InOrderOptions<T>) {
    this.#options = options;
  }

  /** `value`: what it is when nobody says otherwise in time. */
  begin(value?: T): Settle<T> {
    const one: Waiting<T> = { value, isSettled: false };
    this.#waiting.push(one);
    this.#grow(this.#sizeOf(value));
    return (settled) => {
      if (one.isSettled) return;
      one.isSettled = true;
      const before = this.#sizeOf(one.value);
      one.value = settled;
      this.#grow(this.#sizeOf(settled) - before);
    };
  }

  /** Nothing more comes: what is not settled stays as it is. */
  end(): void {
    for (const one of this.#waiting) one.isSettled = true;
    this.#takeSettled();
  }

  #sizeOf(value: T | undefined): number {
    return value === undefined ? 0 : this.#options.sizeOf(value);
  }

  #grow(size: number): void {
    this.#size += size;
    this.#takeSettled();
    while (this.#size > this.#options.limit) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      first.isSettled = true;
      this.#takeSettled();
    }
  }

  #takeSettled(): void {
    let count = 0;
    for (const { value, isSettled } of this.#waiting) {
      if (!isSettled) break;
      count += 1;
      if (value === undefined) continue;
      this.#size -= this.#sizeOf(value);
      this.#options.take(value);
    }
    if (count > 0) this.#waiting.splice(0, count);
  }
}
