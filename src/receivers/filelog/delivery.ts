import { sleep, type Clock } from '../../core/clock.ts';
import type { Consumer } from '../../core/component.ts';
import type { Logger } from '../../core/logger.ts';
import type { Count } from '../../core/meter.ts';
import type { Random } from '../../core/random.ts';
import type { Verdict } from '../../core/verdict.ts';
import { WINDOW_BYTES } from './bounds.ts';
import type { Range } from './settlement.ts';
import type { TrackedFile } from './tracked-file.ts';

export interface DeliveryOptions {
  readonly next: Consumer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly rejectedLines: Count;
  /** The acknowledged part of the file grew. */
  onAcked(file: TrackedFile): void;
  /** Everything that was refused is taken: reading may go on. */
  onResumed(file: TrackedFile): void;
}

const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1000;

/**
 * Offers batches to the next consumer and books their verdicts.
 *
 * Several batches of a file may be under way, so that a consumer that answers late (a batch that gathers, a queue that
 * waits for the upstream) does not bring reading down to one chunk per round trip. Once one is refused, nothing more of
 * that file is read, and what was refused is offered again one by one, oldest first, until it is taken.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #abort = new AbortController();
  /** Ends every wait for a refused batch to be offered again. */
  readonly #givingUp = new AbortController();
  readonly #waiting = new Set<() => void>();
  #inFlightBytes = 0;
  #inFlight = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Resolves when another batch may be offered; at once when there is room. */
  async room(): Promise<void> {
    while (this.#inFlightBytes >= WINDOW_BYTES && !this.#abort.signal.aborted) await this.#change();
  }

  /** Resolves when no batch is under way. */
  async idle(): Promise<void> {
    while (this.#inFlight > 0) await this.#change();
  }

  /** Does not wait: the verdict is booked when it comes. */
  offer(file: TrackedFile, range: Range): void {
    if (range.batch === undefined) {
      this.#settle(file, range);
      return;
    }
    void this.#deliver(file, range);
  }

  /** What was refused is offered once more, now, and then no more: the checkpoint stands before it. */
  giveUpOnRefusal(): void {
    this.#givingUp.abort();
    this.#wake();
  }

  /** Consumers settle soon after this. */
  abort(): void {
    this.#abort.abort();
    this.giveUpOnRefusal();
  }

  async #deliver(file: TrackedFile, range: Range): Promise<void> {
    const { batch } = range;
    if (batch === undefined) return;
    this.#inFlight += 1;
    this.#inFlightBytes += batch.bytes;
    try {
      for (let attempt = 0; ; attempt++) {
        const isLast = this.#givingUp.signal.aborted;
        const verdict = await this.#consume(range);
        if (verdict === undefined || verdict.status === 'retry') {
          range.state = 'refused';
          file.paused = true;
          if (isLast) return;
          await this.#waitForTurn(range, verdict?.afterMs ?? 0, attempt);
          continue;
        }
        this.#book(verdict, batch.items);
        this.#settle(file, range);
        return;
      }
    } finally {
      this.#inFlight -= 1;
      this.#inFlightBytes -= batch.bytes;
      this.#wake();
    }
  }

  async #consume({ batch }: Range): Promise<Verdict | undefined> {
    if (batch === undefined || this.#abort.signal.aborted) return undefined;
    return this.#options.next.consume(batch, this.#abort.signal);
  }

  /** Waits until the range is the oldest of its content and its backoff is over; or it is time to give up. */
  async #waitForTurn(range: Range, afterMs: number, attempt: number): Promise<void> {
    const { clock, random } = this.#options;
    const limitMs = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(attempt, 10));
    const backoffMs = MIN_BACKOFF_MS + (limitMs - MIN_BACKOFF_MS) * random();
    const givingUp = this.#givingUp.signal;
    // A hint is for senders far away; offering again costs nothing here, and a file should go on soon after an outage.
    const hintMs = Math.min(afterMs, MAX_BACKOFF_MS);
    if (!(await sleep(clock, Math.max(hintMs, backoffMs), givingUp))) return;
    while (range.settlement.ranges[0] !== range && !givingUp.aborted) await this.#change();
  }

  #book(verdict: Verdict, items: number): void {
    const { log, rejectedLines } = this.#options;
    if (verdict.status === 'rejected') {
      rejectedLines.value += items;
      log.error('Lines were refused for good and are not sent.', { lines: items, reason: verdict.reason.message });
    } else if (verdict.status === 'accepted') rejectedLines.value += verdict.rejectedItems;
  }

  #settle(file: TrackedFile, range: Range): void {
    const moved = range.settlement.settle(range);
    if (moved) this.#options.onAcked(file);
    if (file.paused && !file.ranges.some((other) => other.state === 'refused')) {
      file.paused = false;
      this.#options.onResumed(file);
    }
    this.#wake();
  }

  #change(): Promise<void> {
    if (this.#abort.signal.aborted && this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
