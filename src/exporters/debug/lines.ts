/** Lines up to a bound; what does not fit is counted and said. */
export class Lines {
  readonly #limitChars: number;
  readonly #lines: string[] = [];
  #chars = 0;
  #left = 0;

  constructor(limitChars: number) {
    this.#limitChars = limitChars;
  }

  /** True once nothing more will be shown: walkers may stop. */
  get full(): boolean {
    return this.#left > 0;
  }

  add(line: string): void {
    if (this.#chars + line.length > this.#limitChars) {
      this.#left += 1;
      return;
    }
    this.#chars += line.length + 1;
    this.#lines.push(line);
  }

  toString(): string {
    if (this.full) this.#lines.push('... more is not shown: the output of one batch is bounded.');
    this.#left = 0;
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`;
  }
}
