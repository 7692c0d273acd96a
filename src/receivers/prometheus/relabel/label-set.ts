export const NAME_LABEL = '__name__';

/**
 * The labels that relabelling works on. An empty value is an absent label, as everywhere in Prometheus.
 *
 *   [ labels that were there at the start, by name | labels that rules have set, in the order of setting ]
 *                                          #untouched ^
 *
 * `labelmap` goes through them in this order, so that of two labels mapped to one name the same one wins as in
 * Prometheus. One set is used again and again.
 */
export class LabelSet {
  /** Name, value, name, value. */
  readonly pairs: string[] = [];
  #untouched = 0;

  /** Starts over with `pairs`, in any order; each name once. */
  begin(pairs: readonly string[]): void {
    this.pairs.length = 0;
    for (let at = 0; at < pairs.length; at += 2) {
      const value = pairs[at + 1] ?? '';
      if (value !== '') this.#insertSorted(pairs[at] ?? '', value);
    }
    this.#untouched = this.pairs.length;
  }

  /** The value of a label, empty when there is none. */
  value(name: string): string {
    const at = this.#find(name);
    return at < 0 ? '' : (this.pairs[at + 1] ?? '');
  }

  set(name: string, value: string): void {
    if (value === '') {
      this.delete(name);
      return;
    }
    const at = this.#find(name);
    if (at >= this.#untouched) {
      this.pairs[at + 1] = value;
      return;
    }
    if (at >= 0) this.#removeAt(at);
    this.pairs.push(name, value);
  }

  delete(name: string): void {
    const at = this.#find(name);
    if (at >= 0) this.#removeAt(at);
  }

  #find(name: string): number {
    for (let at = 0; at < this.pairs.length; at += 2) if (this.pairs[at] === name) return at;
    return -1;
  }

  #removeAt(at: number): void {
    this.pairs.splice(at, 2);
    if (at < this.#untouched) this.#untouched -= 2;
  }

  /** Few labels, nearly in order: insertion sort. */
  #insertSorted(name: string, value: string): void {
    const { pairs } = this;
    let at = pairs.length;
    pairs.push(name, value);
    for (; at > 0 && (pairs[at - 2] ?? '') > name; at -= 2) {
      pairs[at] = pairs[at - 2] ?? '';
      pairs[at + 1] = pairs[at - 1] ?? '';
    }
    pairs[at] = name;
    pairs[at + 1] = value;
  }
}
