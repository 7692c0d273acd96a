import { sleep } from '../../core/clock.ts';
import type { ProcessorContext } from '../../core/component.ts';
import { codeOf, asError } from '../../core/errors.ts';
import { backoffMs } from '../../core/retry.ts';
import { rejected, retry, type Verdict } from '../../core/verdict.ts';
import type { HeldLogs, Parcel } from './held-logs.ts';

export interface OutboxOptions {
  readonly context: Pick<ProcessorContext, 'next' | 'account' | 'clock' | 'random'>;
  readonly held: HeldLogs;
  /** Something left, or cannot for now. */
  readonly onProgress: () => void;
}

const BACKOFF = { initialMs: 1000, maxMs: 30_000, multiplier: 1.5 };
/** While stopping, what is left is offered at least this often. */
const STOPPING_BACKOFF_MS = 500;

/**
 * Offers what is ready to the next consumer, one parcel after the other, each until it is taken or refused for good.
 * Invariants: one parcel is under way at a time; what is not under way lies in the store, within its bound, so that
 * nothing of it is lost while the next consumer says `retry`. After the deadline, or `finish`, the rest is dropped and counted.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #deadline = new AbortController();
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #refusal: Verdict | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What the next consumer says while it takes nothing. */
  get refusal(): Verdict | undefined {
    return this.#refusal;
  }

  /** There may be something ready. */
  kick(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#options.held.leaving > 0) this.kick();
    });
  }

  /** From now on what is left is offered often, and dropped once `deadline` fires. */
  hurry(deadline: AbortSignal): void {
    const onDeadline = (): void => this.#deadline.abort(deadline.reason);
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline, { once: true, signal: this.#deadline.signal });
    this.#closing.abort();
  }

  /** Resolves when nothing is left, soon after the deadline at the latest. What is ready later is dropped. */
  async finish(): Promise<void> {
    while (this.#options.held.leaving > 0) {
      this.kick();
      await this.#running;
    }
    this.#deadline.abort();
  }

  async #run(): Promise<void> {
    const { held, onProgress } = this.#options;
    // Decisions come in bursts: what is decided in this turn goes on together.
    await Promise.resolve();
    for (let parcel = held.takeReady(); parcel !== undefined; parcel = held.takeReady()) {
      await this.#deliver(parcel);
      held.done(parcel);
      onProgress();
    }
  }

  async #deliver({ batch }: Parcel): Promise<void> {
    const { context, onProgress } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const verdict = await this.#offer(batch);
      if (verdict.status === 'rejected') context.account.reject(codeOf(verdict.reason), batch.items);
      if (verdict.status !== 'retry') break;
      if (this.#deadline.signal.aborted) {
        context.account.drop('shutdown', batch.items);
        break;
      }
      const waitMs = backoffMs(BACKOFF, attempt, context.random, verdict.afterMs);
      this.#refusal = retry(verdict.reason, waitMs);
      onProgress();
      await this.#pause(waitMs);
    }
    this.#refusal = undefined;
  }

  async #offer(batch: Parcel['batch']): Promise<Verdict> {
    const { signal } = this.#deadline;
    if (signal.aborted) return retry(asError(signal.reason));
    try {
      return await this.#options.context.next.consume(batch, signal);
    } catch (error) {
      return rejected(asError(error));
    }
  }

  async #pause(waitMs: number): Promise<void> {
    const { clock } = this.#options.context;
    const closing = this.#closing.signal;
    if (closing.aborted) await sleep(clock, Math.min(waitMs, STOPPING_BACKOFF_MS), this.#deadline.signal);
    else await sleep(clock, waitMs, closing);
  }
}
