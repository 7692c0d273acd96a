/** Items and their bytes. */
export interface Amount {
  items: number;
  bytes: number;
}

/** What names beyond the bound are counted under. */
export const OTHER = '_other';

/** Names come from data, and a fixture may have any number of them. */
const MAX_NAMES = 10_000;

/** Amounts by name. */
export class Tally {
  readonly #amounts = new Map<string, Amount>();

  add(name: string, bytes: number): void {
    const amount = this.#of(name);
    amount.items += 1;
    amount.bytes += bytes;
  }

  addAll(name: string, items: number, bytes: number): void {
    const amount = this.#of(name);
    amount.items += items;
    amount.bytes += bytes;
  }

  at(name: string): Readonly<Amount> {
    return this.#amounts.get(name) ?? NONE;
  }

  names(): IterableIterator<string> {
    return this.#amounts.keys();
  }

  get total(): Readonly<Amount> {
    const total = { items: 0, bytes: 0 };
    for (const { items, bytes } of this.#amounts.values()) {
      total.items += items;
      total.bytes += bytes;
    }
    return total;
  }

  #of(name: string): Amount {
    const known = this.#amounts.get(name);
    if (known !== undefined) return known;
    if (this.#amounts.size >= MAX_NAMES && name !== OTHER) return this.#of(OTHER);
    const made = { items: 0, bytes: 0 };
    this.#amounts.set(name, made);
    return made;
  }
}

const NONE: Readonly<Amount> = { items: 0, bytes: 0 };
