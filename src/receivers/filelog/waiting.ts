import type { FoundFile } from './discovery/finder.ts';

export interface Waiting {
  readonly one: FoundFile;
  /** Where it is read from when nothing is known of it. */
  readonly unknownAt: number;
}

/** Files that match and are not open, longest wait first. */
export class WaitingFiles {
  #queue = new Map<string, Waiting>();

  get size(): number {
    return this.#queue.size;
  }

  /**
   * Exactly these wait now; those that did already come first, in the order in which they began to. With `fromEnd`, those
   * that begin to wait are read from the end that they have now.
   */
  renew(wanted: readonly FoundFile[], fromEnd: boolean): void {
    const found = new Map(wanted.map((one) => [one.path, one]));
    const queue = new Map<string, Waiting>();
    for (const [path, { unknownAt }] of this.#queue) {
      const one = found.get(path);
      if (one !== undefined) queue.set(path, { one, unknownAt });
    }
    for (const [path, one] of found) {
      if (!queue.has(path)) queue.set(path, { one, unknownAt: fromEnd ? one.stats.size : 0 });
    }
    this.#queue = queue;
  }

  /** Others may be deleted on the way. */
  values(): IterableIterator<Waiting> {
    return this.#queue.values();
  }

  delete({ one }: Waiting): void {
    this.#queue.delete(one.path);
  }
}
