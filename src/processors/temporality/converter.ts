import type { Batch } from '../../core/batch.ts';
import { repeat, type Timer } from '../../core/clock.ts';
import type { Processor, ProcessorContext, Reservation } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import { freeBytes } from '../../core/reuse.ts';
import { badData, keepsOf, NOTHING_LEFT } from '../../core/transform.ts';
import { ACCEPTED, retry, type Rejected, type Verdict } from '../../core/verdict.ts';
import { Waiters } from '../../core/waiters.ts';
import type { WalkedMetrics } from '../../otlp/metrics/walk.ts';
import type { Tally } from './conversion.ts';
import type { Rewriter } from './rewriter.ts';
import type { Streams } from './streams.ts';

export interface ConverterOptions {
  readonly context: Pick<ProcessorContext, 'next' | 'account' | 'clock'>;
  readonly streams: Streams;
  readonly rewriter: Rewriter;
  /** Called once for each batch of which the rest was accepted. */
  readonly book: (tally: Tally) => void;
}

/** A batch whose states wait for the verdict on what was made of it. */
interface Converted {
  readonly walked: WalkedMetrics;
  readonly tally: Tally;
}

/**
 * Converts one batch after another; holds nothing but states.
 *
 * Invariant: states are those after the last batch that was accepted, and, while `#isBusy`, after the one that is offered on:
 * a batch is converted only when the verdict on the one before is there, because what it comes to depends on that. What was
 * not accepted leaves the states as they were, so it may be offered again. Where the next consumer answers at once, as a
 * queue in memory does, nobody ever waits.
 */
export class Converter implements Processor {
  /** Present when the next consumer has it, so that a fan-out over whole pipelines stays all or nothing. */
  tryReserve?: (batch: Batch) => Reservation;
  readonly #options: ConverterOptions;
  readonly #turns = new Waiters();
  #isBusy = false;
  #sweeps: Timer | undefined;

  constructor(options: ConverterOptions) {
    this.#options = options;
    const { next } = options.context;
    const reserve = next.tryReserve?.bind(next);
    if (reserve !== undefined) this.tryReserve = (batch) => this.#reserve(batch, reserve);
  }

  /** Streams are forgotten when nothing comes any more, too. */
  start(): Promise<void> {
    const { context, streams } = this.#options;
    if (streams.sweepMs < Infinity)
      this.#sweeps = repeat(
        context.clock,
        () => streams.sweepMs,
        () => this.#sweep(),
      );
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#sweeps?.cancel();
    return Promise.resolve();
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    while (this.#isBusy) {
      await this.#turns.wait(abort);
      if (abort.aborted) return BUSY;
    }
    const converted = this.#convert(batch);
    if ('status' in converted) return converted;
    const { batch: rest } = converted.walked;
    try {
      const verdict = rest === undefined ? ACCEPTED : await this.#options.context.next.consume(rest, abort);
      return this.#settle(batch, converted, verdict);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  #reserve(batch: Batch, reserve: (batch: Batch) => Reservation): Reservation {
    if (this.#isBusy) return { status: 'retry', verdict: BUSY, room: (abort) => this.#turns.wait(abort) };
    const converted = this.#convert(batch);
    if ('status' in converted) return { status: 'rejected', verdict: converted };
    const { batch: rest } = converted.walked;
    const reservation = rest === undefined ? NOTHING_LEFT : reserve(rest);
    if (reservation.status !== 'reserved') {
      this.#giveUp();
      return reservation;
    }
    let isOpen = true;
    return {
      status: 'reserved',
      keeps: keepsOf(reservation, converted.walked.copied),
      commit: (abort) => {
        isOpen = false;
        return this.#commit(batch, converted, () => reservation.commit(abort));
      },
      cancel: () => {
        if (isOpen) this.#giveUp();
        isOpen = false;
        reservation.cancel();
      },
    };
  }

  #commit(batch: Batch, converted: Converted, commit: () => Verdict | Promise<Verdict>): Verdict | Promise<Verdict> {
    try {
      const verdict = commit();
      if (!(verdict instanceof Promise)) return this.#settle(batch, converted, verdict);
      return verdict.then(
        (later) => this.#settle(batch, converted, later),
        (error: unknown) => {
          this.#giveUp();
          throw error;
        },
      );
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  /** Takes the turn, unless the batch is malformed. */
  #convert(batch: Batch): Converted | Rejected {
    const { streams, rewriter } = this.#options;
    streams.begin();
    try {
      const converted = rewriter.run(batch);
      this.#isBusy = true;
      return converted;
    } catch (error) {
      streams.undo();
      return badData(error);
    }
  }

  #settle(batch: Batch, { walked, tally }: Converted, verdict: Verdict): Verdict {
    if (verdict.status !== 'accepted') {
      this.#giveUp();
      return verdict;
    }
    const { streams, context, book } = this.#options;
    streams.accept();
    if (walked.copied) freeBytes(batch);
    for (const [reason, items] of Object.entries(tally.dropped)) context.account.drop(reason, items);
    book(tally);
    this.#endTurn();
    return verdict;
  }

  #sweep(): void {
    if (this.#isBusy) return;
    this.#options.streams.begin();
    this.#options.streams.accept();
  }

  #giveUp(): void {
    this.#options.streams.undo();
    this.#endTurn();
  }

  #endTurn(): void {
    this.#isBusy = false;
    // All of them, because one that was woken may have come to an end of its patience.
    this.#turns.wakeAll();
  }
}

const BUSY = retry(new RemoraError('queue_full', 'The upstream has not decided yet on the batch before this one.'));
