import type { Batch } from '../../core/batch.ts';
import { sleep, type Timer } from '../../core/clock.ts';
import type { ConnectorContext } from '../../core/component.ts';
import { jittered } from '../../core/random.ts';
import type { Verdict } from '../../core/verdict.ts';

export interface FlusherOptions {
  readonly context: Pick<ConnectorContext, 'clock' | 'random' | 'log' | 'next' | 'made'>;
  readonly intervalMs: number;
  readonly jitter: number;
  /** What was made and not taken is offered again as it is. Otherwise it is made anew with the next flush. */
  readonly keepsUntaken: boolean;
  /** Everything that there is to send now. */
  make(): readonly Batch[];
  /** All of what was made last was decided on. */
  onSent(): void;
}

/** Pauses between offers while the service stops. */
const REOFFER_MS = 100;

/**
 * Sends what was counted at jittered intervals, and once more at the stop. One flush is under way at a time.
 * Invariant: `#untaken` is what was made and not decided on, in order; nothing new is made before it is empty.
 */
export class Flusher {
  readonly #options: FlusherOptions;
  readonly #givingUp = new AbortController();
  #untaken: readonly Batch[] = [];
  #timer: Timer | undefined;
  #flushing: Promise<boolean> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** Points that were made and that nobody has taken yet. */
  get untakenItems(): number {
    return this.#untaken.reduce((items, batch) => items + batch.items, 0);
  }

  start(): void {
    const { context, intervalMs } = this.#options;
    // The first one anywhere in the interval, so that a fleet that started together does not flush together.
    if (this.#stopping === undefined) this.#arm(intervalMs * (this.#options.jitter === 0 ? 1 : context.random()));
  }

  /** Idempotent. What nobody has taken by `deadline` is lost, and booked. */
  stop(deadline: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(deadline);
    return this.#stopping;
  }

  #arm(afterMs: number): void {
    const { context, intervalMs, jitter } = this.#options;
    this.#timer = context.clock.timer(afterMs, () => {
      this.#arm(jittered(intervalMs, jitter, context.random));
      void this.#flush();
    });
  }

  /** True when everything was decided on. Never rejects: the edge answers for those behind it. */
  #flush(): Promise<boolean> {
    this.#flushing ??= this.#offerAll().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #offerAll(): Promise<boolean> {
    if (!(await this.#offerUntaken())) return false;
    this.#untaken = this.#options.make();
    const isSent = await this.#offerUntaken();
    if (isSent) this.#options.onSent();
    else if (!this.#options.keepsUntaken) this.#untaken = [];
    return isSent;
  }

  /** False when somebody said retry; what was decided on until then is gone from `#untaken`. */
  async #offerUntaken(): Promise<boolean> {
    for (let batch = this.#untaken[0]; batch !== undefined; batch = this.#untaken[0]) {
      const verdict = await this.#offer(batch);
      if (verdict?.status === 'retry') return false;
      if (verdict?.status === 'rejected') {
        this.#options.context.log.error('Metrics of spans were refused for good.', { points: batch.items });
      }
      this.#untaken = this.#untaken.slice(1);
    }
    return true;
  }

  async #offer(batch: Batch): Promise<Verdict | undefined> {
    return this.#options.context.next.metrics?.consume(batch, this.#givingUp.signal);
  }

  async #stop(deadline: AbortSignal): Promise<void> {
    this.#timer?.cancel();
    const giveUp = (): void => this.#givingUp.abort();
    if (deadline.aborted) giveUp();
    deadline.addEventListener('abort', giveUp, { once: true });
    const { clock } = this.#options.context;
    // One that is under way may not have the last of it.
    await this.#flushing;
    this.#untaken = [...this.#untaken, ...this.#options.make()];
    while (!(await this.#offerUntaken())) if (!(await sleep(clock, REOFFER_MS, deadline))) break;
    deadline.removeEventListener('abort', giveUp);
    this.#lose();
  }

  #lose(): void {
    const items = this.untakenItems;
    if (items === 0) return;
    const { made, log } = this.#options.context;
    if (made.metrics !== undefined) {
      made.metrics.received += items;
      made.metrics.drop('shutdown', items);
    }
    log.error('Metrics of spans were not taken before the stop; they are lost.', { points: items });
    this.#untaken = [];
  }
}
