/** Items and their bytes. */
export interface Amount {
  items: number;
  bytes: number;
}

/** What names beyond the bound are counted under. */
export const OTHER = '_other';

/** Names come from data, and a fixture may have any number of them. */
const MAX_NAMES = 10_000;

/** Which names are told apart: the first ones. Tallies that are compared share it, so that none has what another has not. */
export class Names {
  readonly #known = new Set<string>();

  /** The name itself, or that of all others. */
  of(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= MAX_NAMES) return OTHER;
    this.#known.add(name);
    return name;
  }
}

/** Amounts by name. */
export class Tally {
  readonly #amounts = new Map<string, Amount>();
  readonly #names: Names;

  constructor(names = new Names()) {
    this.#names = names;
  }

  add(name: string, bytes: number): void {
    this.addAll(name, 1, bytes);
  }

  addAll(name: string, items: number, bytes: number): void {
    const amount = this.#amounts.get(name) ?? this.#make(this.#names.of(name));
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

  #make(name: string): Amount {
    const known = this.#amounts.get(name);
    if (known !== undefined) return known;
    const made = { items: 0, bytes: 0 };
    this.#amounts.set(name, made);
    return made;
  }
}

const NONE: Readonly<Amount> = { items: 0, bytes: 0 };

/** Things that go by in several places, as exporters are: each counts as often as in the place that has it most. */
export class Distinct {
  readonly #places = new Map<string, Map<number, number>>();
  readonly #most = new Map<number, number>();
  count = 0;

  /** Whether it counts. */
  add(place: string, identity: number): boolean {
    const seen = this.#places.get(place) ?? new Map<number, number>();
    this.#places.set(place, seen);
    const times = (seen.get(identity) ?? 0) + 1;
    seen.set(identity, times);
    if (times <= (this.#most.get(identity) ?? 0)) return false;
    this.#most.set(identity, times);
    this.count += 1;
    return true;
  }
}
