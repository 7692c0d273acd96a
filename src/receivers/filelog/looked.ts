/** Filesystems take their times from a clock that ticks a few hundred times a second. */
const BIRTH_SLACK_MS = 100;

/** How far looks at the disk have come, in wall time. */
export class Looked {
  readonly #fromMs: number;
  #sureMs: number;
  #lastMs: number;

  constructor(fromMs: number) {
    this.#fromMs = fromMs;
    this.#sureMs = fromMs;
    this.#lastMs = fromMs;
  }

  /** Every file to read that was born before it was opened. */
  get ms(): number {
    return this.#sureMs;
  }

  /** What was to be read of it was opened by an earlier run, or is none of our business. */
  isOlder({ birthMs }: { readonly birthMs: number }): boolean {
    return birthMs > 0 && birthMs < this.#fromMs - BIRTH_SLACK_MS;
  }

  /** A look is over. A file that is renamed while it goes on is opened by the next one, so it counts one look later. */
  note(startedMs: number): void {
    this.#sureMs = this.#lastMs;
    this.#lastMs = startedMs;
  }
}
