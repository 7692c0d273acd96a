import { compactBatch, type Batch } from './batch.ts';
import type { Clock } from './clock.ts';
import { RemoraError } from './errors.ts';
import type { Sizer } from './sending.ts';
import type { Verdict } from './verdict.ts';

/**
 * A bounded queue that lends. What is leased still counts against the bounds until it is done, so `size` is everything
 * the queue is answerable for.
 */
export interface Queue {
  readonly sizer: Sizer;
  /** In the unit of the sizer. */
  readonly capacity: number;
  readonly requests: number;
  readonly items: number;
  readonly bytes: number;
  /** Age of the oldest entry in milliseconds, 0 when empty. */
  oldestAgeMs(): number;
  /** Takes room, or says why not. Never waits. */
  tryReserve(batch: Batch): QueueReservation;
  /** Resolves when something left the queue, the queue closed, or `abort` fired. */
  waitForRoom(abort: AbortSignal): Promise<void>;
  /** The next entry in order; waits for one. Undefined once closed and empty, or when `abort` fired. */
  lease(abort: AbortSignal): Promise<Lease | undefined>;
  /** The next entry if there is one now. */
  tryLease(): Lease | undefined;
  /** Takes nothing new; what is inside can still be leased. Idempotent. */
  close(): void;
}

export type QueueReservation =
  | { readonly status: 'reserved'; commit(onSettled?: (verdict: Verdict) => void): Promise<void>; cancel(): void }
  | { readonly status: 'full' | 'closed'; readonly reason: RemoraError }
  /** Larger than the whole queue: no waiting will help. */
  | { readonly status: 'too_large'; readonly reason: RemoraError };

export interface Lease {
  readonly batch: Batch;
  readonly enqueuedAtMs: number;
  /** Custody ends: delivered, dropped or rejected, as the verdict says. Once. */
  done(verdict: Verdict): void;
  /** Back to its place at the head of the queue. Once. */
  giveBack(): void;
}

export interface MemoryQueueOptions {
  readonly clock: Clock;
  readonly sizer: Sizer;
  readonly capacity: number;
  readonly maxBytes: number;
}

interface Entry {
  readonly batch: Batch;
  readonly enqueuedAtMs: number;
  readonly onSettled: ((verdict: Verdict) => void) | undefined;
  readonly order: number;
}

/**
 * The queue in memory: accepted means in memory, gone after a crash.
 * Invariants: requests, items and bytes sum over reserved, waiting and leased entries; `#waiting` is in order of arrival.
 */
export class MemoryQueue implements Queue {
  readonly sizer: Sizer;
  readonly capacity: number;
  requests = 0;
  items = 0;
  bytes = 0;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  #order = 0;
  #head = 0;
  #waiting: Entry[] = [];
  readonly #leased = new Set<Entry>();
  readonly #takers = new Set<() => void>();
  readonly #roomWaiters = new Set<() => void>();
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.sizer = options.sizer;
    this.capacity = options.capacity;
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes;
  }

  oldestAgeMs(): number {
    let oldest = this.#waiting[this.#head]?.enqueuedAtMs;
    for (const { enqueuedAtMs } of this.#leased) oldest = Math.min(oldest ?? enqueuedAtMs, enqueuedAtMs);
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest;
  }

  tryReserve(offered: Batch): QueueReservation {
    if (this.#closed) return { status: 'closed', reason: new RemoraError('shutting_down', 'The queue is closed.') };
    const batch = compactBatch(offered);
    const cost = costOf(batch, this.sizer);
    if (cost > this.capacity || batch.bytes > this.#maxBytes) return tooLarge(cost, batch, this.capacity, this.sizer);
    if (costOf(this, this.sizer) + cost > this.capacity || this.bytes + batch.bytes > this.#maxBytes) {
      return { status: 'full', reason: new RemoraError('queue_full', 'The sending queue is full.') };
    }
    this.#take(batch);
    let open = true;
    return {
      status: 'reserved',
      commit: (onSettled) => {
        if (open) this.#push({ batch, enqueuedAtMs: this.#clock.monotonic(), onSettled, order: this.#order++ });
        open = false;
        return COMMITTED;
      },
      cancel: () => {
        if (open) this.#release(batch);
        open = false;
      },
    };
  }

  waitForRoom(abort: AbortSignal): Promise<void> {
    return this.#closed ? Promise.resolve() : waitIn(this.#roomWaiters, abort);
  }

  async lease(abort: AbortSignal): Promise<Lease | undefined> {
    while (!abort.aborted) {
      const lease = this.tryLease();
      if (lease !== undefined) return lease;
      if (this.#closed && this.requests === 0) return undefined;
      await waitIn(this.#takers, abort);
    }
    return undefined;
  }

  tryLease(): Lease | undefined {
    const entry = this.#waiting[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 256 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    this.#leased.add(entry);
    return {
      batch: entry.batch,
      enqueuedAtMs: entry.enqueuedAtMs,
      done: (verdict) => this.#done(entry, verdict),
      giveBack: () => this.#giveBack(entry),
    };
  }

  close(): void {
    this.#closed = true;
    wakeAll(this.#takers);
    wakeAll(this.#roomWaiters);
  }

  #push(entry: Entry): void {
    this.#waiting.push(entry);
    wakeOne(this.#takers);
  }

  #done(entry: Entry, verdict: Verdict): void {
    if (!this.#leased.delete(entry)) return;
    this.#release(entry.batch);
    entry.onSettled?.(verdict);
    if (this.#closed && this.requests === 0) wakeAll(this.#takers);
  }

  #giveBack(entry: Entry): void {
    if (!this.#leased.delete(entry)) return;
    const rest = this.#waiting.slice(this.#head);
    const at = rest.findIndex((other) => other.order > entry.order);
    rest.splice(at === -1 ? rest.length : at, 0, entry);
    this.#waiting = rest;
    this.#head = 0;
    wakeOne(this.#takers);
  }

  #take(batch: Batch): void {
    this.requests += 1;
    this.items += batch.items;
    this.bytes += batch.bytes;
  }

  #release(batch: Batch): void {
    this.requests -= 1;
    this.items -= batch.items;
    this.bytes -= batch.bytes;
    wakeAll(this.#roomWaiters);
  }
}

const COMMITTED = Promise.resolve();

function tooLarge(cost: number, batch: Batch, capacity: number, sizer: Sizer): QueueReservation {
  const message = `A request of ${cost} ${sizer} (${batch.bytes} bytes) can never fit a queue of ${capacity} ${sizer}.`;
  return { status: 'too_large', reason: new RemoraError('item_too_large', message) };
}

function costOf(size: { items: number; bytes: number; requests?: number }, sizer: Sizer): number {
  switch (sizer) {
    case 'requests':
      return size.requests ?? 1;
    case 'items':
      return size.items;
    case 'bytes':
      return size.bytes;
  }
}

function waitIn(waiters: Set<() => void>, abort: AbortSignal): Promise<void> {
  if (abort.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      waiters.delete(wake);
      abort.removeEventListener('abort', wake);
      resolve();
    };
    waiters.add(wake);
    abort.addEventListener('abort', wake, { once: true });
  });
}

function wakeOne(waiters: Set<() => void>): void {
  const [first] = waiters;
  first?.();
}

function wakeAll(waiters: Set<() => void>): void {
  for (const wake of [...waiters]) wake();
}
