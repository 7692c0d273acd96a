/** At most so often: a terminal is slow. */
const EVERY_MS = 100;

/** One line on a terminal that says how far several jobs are; nothing where standard error is none. */
export class ProgressLine {
  readonly #total: number;
  readonly #shares = new Map<string, number>();
  #finished = 0;
  #shownMs = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** `share` is from 0 to 1. */
  at(name: string, share: number): void {
    this.#shares.set(name, share);
    const nowMs = performance.now();
    if (!process.stderr.isTTY || nowMs - this.#shownMs < EVERY_MS) return;
    this.#shownMs = nowMs;
    process.stderr.write(`\r\u001b[K${this.#text()}`);
  }

  done(name: string): void {
    this.#shares.delete(name);
    this.#finished += 1;
    this.end();
  }

  /** Clears the line. */
  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }

  #text(): string {
    const parts = Array.from(this.#shares, ([name, share]) => `${name} ${Math.round(share * 100)} %`);
    return `${this.#finished}/${this.#total}  ${parts.join('  ')}`.slice(0, process.stderr.columns - 1);
  }
}
