import type { Batch } from '../../src/core/batch.ts';
import type { Exporter } from '../../src/core/component.ts';
import { ACCEPTED, type Verdict } from '../../src/core/verdict.ts';

type Answer = Verdict | Error | 'never';

/**
 * An upstream that answers as scripted: one answer for each attempt, then `fallback`. An Error is thrown; `never` hangs
 * even after the abort. `hold()` keeps the attempts open until `answer()` settles the oldest one.
 */
export class ScriptedExporter implements Exporter {
  fallback: Answer = ACCEPTED;
  /** Every attempt, in order. */
  readonly attempts: Batch[] = [];
  /** The batches that were answered with `accepted`. */
  readonly delivered: Batch[] = [];
  /** Those of them that were answered before the attempt was cut off. */
  readonly deliveredInTime: Batch[] = [];
  readonly aborts: AbortSignal[] = [];
  readonly #script: Answer[];
  readonly #open: ((answer: Answer) => void)[] = [];
  #holding = false;
  inFlight = 0;
  maxInFlight = 0;

  constructor(...script: Answer[]) {
    this.#script = script;
  }

  script(...answers: Answer[]): this {
    this.#script.push(...answers);
    return this;
  }

  hold(): this {
    this.#holding = true;
    return this;
  }

  /** Attempts that wait for `answer()`. */
  get waiting(): number {
    return this.#open.length;
  }

  answer(answer: Answer = ACCEPTED, at = 0): void {
    const [settle] = this.#open.splice(at, 1);
    if (settle === undefined) throw new Error('No attempt is open.');
    settle(answer);
  }

  /** Answers all that are open, and all to come at once. */
  release(answer: Answer = ACCEPTED): void {
    this.#holding = false;
    while (this.#open.length > 0) this.answer(answer);
  }

  async send(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    this.attempts.push(batch);
    this.aborts.push(abort);
    this.maxInFlight = Math.max(this.maxInFlight, ++this.inFlight);
    const answer = this.#holding
      ? await new Promise<Answer>((resolve) => this.#open.push(resolve))
      : (this.#script.shift() ?? this.fallback);
    if (answer === 'never') return new Promise(() => undefined);
    this.inFlight -= 1;
    if (answer instanceof Error) throw answer;
    if (answer.status === 'accepted') {
      this.delivered.push(batch);
      if (!abort.aborted) this.deliveredInTime.push(batch);
    }
    return answer;
  }

  get deliveredItems(): number {
    return this.delivered.reduce((total, batch) => total + batch.items, 0);
  }
}
