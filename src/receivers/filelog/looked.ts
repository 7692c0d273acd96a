/** How far looks at the disk have come, in wall time. */
export class Looked {
  #sureMs: number;
  #lastMs: number;

  constructor(fromMs: number) {
    this.#sureMs = fromMs;
    this.#lastMs = fromMs;
  }

  /** Every file to read that was born before it was opened. */
  get ms(): number {
    return this.#sureMs;
  }

  /** A look is over. A file that is renamed while it goes on is opened by the next one, so it counts one look later. */
  note(startedMs: number): void {
    this.#sureMs = this.#lastMs;
    this.#lastMs = startedMs;
  }
}
