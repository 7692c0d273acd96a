/** A line that is not written yet: it is not known what became of what it tells of, or of something before it. */
interface Waiting {
  /** Undefined: there is none, or none yet. */
  text: string | undefined;
  isSettled: boolean;
}

/** Says what becomes of a line, once; `undefined` leaves it out. */
export type Settle = (text: string | undefined) => void;

export interface LineOrderOptions {
  /** Of lines that wait. */
  readonly limitBytes: number;
  readonly write: (text: string) => void;
}

/**
 * Lines in the order in which they began, each written once it is settled and so are all before it. When those that wait
 * have more than `limitBytes`, the first is settled as it stands: memory is bounded, however long an answer takes.
 *
 * Invariants: `#waiting` begins with a line that is not settled, or is empty; `#bytes` is what its texts have.
 */
export class LineOrder {
  readonly #options: LineOrderOptions;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(options: LineOrderOptions) {
    this.#options = options;
  }

  /** `text`: what is written when nobody says otherwise in time. */
  begin(text?: string): Settle {
    const line: Waiting = { text, isSettled: false };
    this.#waiting.push(line);
    this.#grow(text?.length ?? 0);
    return (settled) => {
      if (line.isSettled) return;
      line.isSettled = true;
      this.#bytes -= line.text?.length ?? 0;
      line.text = settled;
      this.#grow(settled?.length ?? 0);
    };
  }

  /** Nothing more comes: what is not settled stays as it is. */
  end(): void {
    for (const line of this.#waiting) line.isSettled = true;
    this.#writeSettled();
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    this.#writeSettled();
    while (this.#bytes > this.#options.limitBytes) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      first.isSettled = true;
      this.#writeSettled();
    }
  }

  #writeSettled(): void {
    let count = 0;
    for (const { text, isSettled } of this.#waiting) {
      if (!isSettled) break;
      count += 1;
      if (text === undefined) continue;
      this.#bytes -= text.length;
      this.#options.write(text);
    }
    if (count > 0) this.#waiting.splice(0, count);
  }
}
