import type { AttemptResult } from './attempt.ts';

/** Attempts in a row that must fail before the exporter counts as unwell: one is noise. */
const FAILURES = 3;
/** The queue is a reason from here on, and until it is clearly emptier, so that health does not flap. */
const FULL = 0.9;
const ROOMY = 0.75;

/** Turns attempts, the fill of the queue and the state of its disk into one reason, reported only when it changes. */
export class SenderHealth {
  readonly #report: (reason: string | undefined) => void;
  #failures = 0;
  #upstream: string | undefined;
  #away: string | undefined;
  #queue: string | undefined;
  #storage: string | undefined;
  #reported: string | undefined;

  constructor(report: (reason: string | undefined) => void) {
    this.#report = report;
  }

  attempted(result: AttemptResult): void {
    if (result.status === 'accepted') {
      if (this.#failures === 0) return;
      this.#failures = 0;
      this.#upstream = undefined;
    } else {
      this.#failures += 1;
      if (this.#failures < FAILURES) return;
      this.#upstream = `The last attempts failed: ${result.reason.message}`;
    }
    this.#tell();
  }

  /** The circuit is open; said until `returned`. */
  away(reason: string): void {
    this.#away = `The upstream is away and is only probed: ${reason}`;
    this.#tell();
  }

  returned(): void {
    this.#away = undefined;
    this.#tell();
  }

  /** `fill` from 0 to 1. */
  filled(fill: number): void {
    if (fill > FULL && this.#queue === undefined) this.#queue = `The sending queue is over ${FULL * 100} % full.`;
    else if (fill < ROOMY && this.#queue !== undefined) this.#queue = undefined;
    else return;
    this.#tell();
  }

  /** The disk of the queue cannot be written, and why; undefined once it can. */
  storage(reason: string | undefined): void {
    this.#storage = reason;
    this.#tell();
  }

  #tell(): void {
    const sending = this.#away ?? this.#upstream ?? this.#queue;
    const reason = this.#storage === undefined ? sending : [this.#storage, sending].filter(Boolean).join(' ');
    if (reason === this.#reported) return;
    this.#reported = reason;
    this.#report(reason);
  }
}
