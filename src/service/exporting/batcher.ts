import { joinBatches, type Batch } from '../../core/batch.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Lease, Queue } from '../../core/queue.ts';
import { jittered, type Random } from '../../core/random.ts';
import type { BatchSettings } from '../../core/sending.ts';
import { splitBatch } from '../../otlp/split.ts';
import { Request, type Leases, type Share } from './leases.ts';

/** Where requests come from. */
export interface RequestSource {
  /** The next request; undefined when the queue is closed and empty, or when `abort` fired. One call at a time. */
  next(abort: AbortSignal): Promise<Request | undefined>;
  /** From now on sends what there is without waiting for more. */
  drain(): void;
}

/** One request for each entry of the queue. */
export function unbatched(queue: Queue, leases: Leases): RequestSource {
  return {
    async next(abort) {
      while (!abort.aborted) {
        const lease = queue.tryLease() ?? (await queue.lease(abort));
        if (lease === undefined) return undefined;
        const open = leases.open(lease);
        if (open !== undefined) return new Request(lease.batch, [{ of: open, items: lease.batch.items }]);
      }
      return undefined;
    },
    drain: () => undefined,
  };
}

export interface BatcherOptions {
  readonly queue: Queue;
  readonly leases: Leases;
  readonly settings: BatchSettings;
  /** Each flush falls uniformly inside plus or minus this fraction of flush_timeout. */
  readonly flushJitter: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Gathers leases into requests of at least min_size, or whatever there is flush_timeout after the oldest of it arrived
 * in the queue; cuts them to max_size.
 * Invariants: `#batches` and `#shares` cover the same items in the same order; `#size` is their sum in the unit of the
 * sizer; `#ready` holds requests that were cut and wait for their turn.
 */
export class Batcher implements RequestSource {
  readonly #options: BatcherOptions;
  #batches: Batch[] = [];
  #shares: Share[] = [];
  #size = 0;
  #ready: Request[] = [];
  #flushAtMs = 0;
  #isFirst = true;
  #draining = false;
  /** Ends the wait for more: the flush is due, or the drain began. */
  #enough: AbortController | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  drain(): void {
    this.#draining = true;
    this.#enough?.abort();
  }

  async next(abort: AbortSignal): Promise<Request | undefined> {
    const { queue } = this.#options;
    for (;;) {
      if (abort.aborted) return undefined;
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      const lease = queue.tryLease();
      if (lease !== undefined) this.#add(lease);
      else if (this.#size === 0) {
        const first = await queue.lease(abort);
        if (first === undefined) return undefined;
        this.#add(first);
      } else if (this.#isDue()) this.#cut();
      else await this.#more(abort);
    }
  }

  #isDue(): boolean {
    return this.#draining || this.#options.clock.monotonic() >= this.#flushAtMs;
  }

  /** Takes leases as they come until there is enough or the flush is due; one timer for all of them. */
  async #more(abort: AbortSignal): Promise<void> {
    const { queue, clock } = this.#options;
    const enough = new AbortController();
    const end = (): void => enough.abort();
    const timer: Timer = clock.timer(this.#flushAtMs - clock.monotonic(), end);
    abort.addEventListener('abort', end, { once: true });
    this.#enough = enough;
    while (this.#ready.length === 0 && this.#size > 0 && !enough.signal.aborted) {
      const lease = await queue.lease(enough.signal);
      if (lease === undefined) break;
      this.#add(lease);
    }
    this.#enough = undefined;
    abort.removeEventListener('abort', end);
    timer.cancel();
    if (enough.signal.aborted && !abort.aborted && this.#size > 0) this.#cut();
  }

  #add(lease: Lease): void {
    const { leases, settings } = this.#options;
    const open = leases.open(lease);
    if (open === undefined) return;
    if (this.#size === 0) this.#flushAtMs = this.#flushOf(lease);
    this.#batches.push(lease.batch);
    this.#shares.push({ of: open, items: lease.batch.items });
    this.#size += settings.sizer === 'items' ? lease.batch.items : lease.batch.bytes;
    if (this.#size >= settings.min_size) this.#cut();
  }

  #flushOf({ enqueuedAtMs }: Lease): number {
    const { settings, random, flushJitter } = this.#options;
    const afterMs = jittered(settings.flush_timeout, flushJitter, random);
    if (!this.#isFirst || flushJitter === 0) return enqueuedAtMs + afterMs;
    this.#isFirst = false;
    // Instances that start in the same instant would flush in step for a long time.
    return enqueuedAtMs + afterMs * random();
  }

  /** Moves what was gathered to `#ready`. A last piece under min_size goes on gathering unless its time has come. */
  #cut(): void {
    const { sizer, min_size } = this.#options.settings;
    const requests = cutShares(this.#pieces(), this.#shares);
    const last = requests.at(-1);
    const oldest = last?.shares[0]?.of.lease;
    this.#batches = [];
    this.#shares = [];
    this.#size = 0;
    if (requests.length > 1 && last !== undefined && oldest !== undefined && last.batch[sizer] < min_size) {
      this.#flushAtMs = this.#flushOf(oldest);
      if (!this.#isDue()) {
        requests.pop();
        this.#batches = [last.batch];
        this.#shares = [...last.shares];
        this.#size = last.batch[sizer];
      }
    }
    this.#ready.push(...requests);
  }

  /** What was gathered as requests of at most max_size. What cannot be read cannot be split and goes as it came. */
  #pieces(): readonly Batch[] {
    const { settings, log } = this.#options;
    const { sizer, max_size: max } = settings;
    const joined = joinBatches(this.#batches);
    if (max === 0 || this.#size <= max) return [joined];
    try {
      return splitBatch(joined, { sizer, max });
    } catch (error) {
      log.warn('A request could not be split to max_size and is sent as it came.', { reason: errorMessage(error) });
      return this.#batches;
    }
  }
}

/** Deals the shares out to the pieces, in order; the last piece takes all that is left. */
function cutShares(pieces: readonly Batch[], shares: readonly Share[]): Request[] {
  let at = 0;
  let used = 0;
  return pieces.map((piece, index) => {
    const own: Share[] = [];
    let wanted = index === pieces.length - 1 ? Number.POSITIVE_INFINITY : piece.items;
    for (let share = shares[at]; share !== undefined && wanted > 0; share = shares[at]) {
      const items = Math.min(wanted, share.items - used);
      own.push({ of: share.of, items });
      wanted -= items;
      used += items;
      if (used < share.items) break;
      at += 1;
      used = 0;
    }
    return new Request(piece, own);
  });
}
