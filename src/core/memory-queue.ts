import { compactBatch, copyBatch, retainedBytes, type Batch } from './batch.ts';
import type { Clock } from './clock.ts';
import { RemoraError } from './errors.ts';
import { queueSize, type Lease, type Queue, type QueueReservation } from './queue.ts';
import type { Sizer } from './sending.ts';
import type { Verdict } from './verdict.ts';

export interface MemoryQueueOptions {
  readonly clock: Clock;
  readonly sizer: Sizer;
  readonly capacity: number;
  /** Bound on the bytes of memory that entries keep alive, whatever the sizer. */
  readonly maxBytes: number;
}

type EntryState = 'reserved' | 'waiting' | 'leased' | 'gone';

interface Entry {
  readonly batch: Batch;
  /** Bytes of memory it keeps alive. */
  readonly retained: number;
  /** Refusals that the queue had answered when this was reserved. */
  readonly refusalsBefore: number;
  enqueuedAtMs: number;
  order: number;
  state: EntryState;
  abandoned: boolean;
  onSettled: ((verdict: Verdict) => void) | undefined;
}

/**
 * The queue in memory: accepted means in memory, gone after a crash.
 * Invariants: requests, items, bytes and retained bytes sum over reserved, waiting and leased entries; `#waiting` from
 * `#head` on is in order of arrival, and before `#head` holds nothing alive. Takers are woken one for each entry that
 * comes in, and a taker that leaves without its entry wakes the next one.
 */
export class MemoryQueue implements Queue {
  readonly sizer: Sizer;
  readonly capacity: number;
  requests = 0;
  items = 0;
  bytes = 0;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  #retained = 0;
  #refusals = 0;
  #order = 0;
  #head = 0;
  #waiting: (Entry | undefined)[] = [];
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

  tryReserve(batch: Batch): QueueReservation {
    if (this.#closed) return { status: 'closed', reason: new RemoraError('shutting_down', 'The queue is closed.') };
    const cost = queueSize(batch, this.sizer);
    if (cost > this.capacity || batch.bytes > this.#maxBytes) return this.#tooLarge(cost, batch);
    if (queueSize(this, this.sizer) + cost > this.capacity || this.#retained + batch.bytes > this.#maxBytes) {
      this.#refusals += 1;
      return FULL;
    }
    const entry = this.#take(batch);
    return {
      status: 'reserved',
      commit: (onSettled) => this.#commit(entry, onSettled),
      cancel: () => this.#cancel(entry),
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
    // This taker may have been woken for an entry that it now leaves behind.
    if (this.#head < this.#waiting.length) wakeOne(this.#takers);
    return undefined;
  }

  tryLease(): Lease | undefined {
    const entry = this.#waiting[this.#head];
    if (entry === undefined) return undefined;
    this.#waiting[this.#head++] = undefined;
    if (this.#head > 256 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    entry.state = 'leased';
    this.#leased.add(entry);
    return new MemoryLease(entry, this.#endLease);
  }

  close(): void {
    this.#closed = true;
    wakeAll(this.#takers);
    wakeAll(this.#roomWaiters);
  }

  #take(offered: Batch): Entry {
    const compact = compactBatch(offered);
    const slack = this.#retained + retainedBytes(compact) > this.#maxBytes;
    const batch = slack ? copyBatch(compact) : compact;
    const retained = retainedBytes(batch);
    this.requests += 1;
    this.items += batch.items;
    this.bytes += batch.bytes;
    this.#retained += retained;
    return {
      batch,
      retained,
      refusalsBefore: this.#refusals,
      enqueuedAtMs: 0,
      order: 0,
      state: 'reserved',
      abandoned: false,
      onSettled: undefined,
    };
  }

  #commit(entry: Entry, onSettled: ((verdict: Verdict) => void) | undefined): Promise<void> {
    if (entry.state !== 'reserved') return COMMITTED;
    entry.state = 'waiting';
    entry.enqueuedAtMs = this.#clock.monotonic();
    entry.order = this.#order++;
    entry.onSettled = onSettled;
    this.#waiting.push(entry);
    wakeOne(this.#takers);
    return COMMITTED;
  }

  #cancel(entry: Entry): void {
    entry.onSettled = undefined;
    entry.abandoned = true;
    // Nobody was refused for the sake of this reservation: waking would only make fan-outs that wait for each other's
    // queues chase themselves for ever.
    if (entry.state === 'reserved') this.#release(entry, this.#refusals !== entry.refusalsBefore);
    if (entry.state !== 'waiting') return;
    this.#waiting.splice(this.#waiting.indexOf(entry, this.#head), 1);
    this.#release(entry, true);
  }

  readonly #endLease = (entry: Entry, verdict: Verdict | undefined): void => {
    if (!this.#leased.delete(entry)) return;
    if (verdict === undefined && !entry.abandoned) {
      this.#giveBack(entry);
      return;
    }
    this.#release(entry, true);
    if (verdict !== undefined) entry.onSettled?.(verdict);
  };

  #giveBack(entry: Entry): void {
    entry.state = 'waiting';
    const head = this.#waiting[this.#head];
    if (this.#head > 0 && (head === undefined || head.order > entry.order)) {
      this.#waiting[--this.#head] = entry;
    } else {
      const rest = this.#waiting.slice(this.#head);
      const at = rest.findIndex((other) => other !== undefined && other.order > entry.order);
      rest.splice(at === -1 ? rest.length : at, 0, entry);
      this.#waiting = rest;
      this.#head = 0;
    }
    wakeOne(this.#takers);
  }

  #release(entry: Entry, wake: boolean): void {
    entry.state = 'gone';
    this.requests -= 1;
    this.items -= entry.batch.items;
    this.bytes -= entry.batch.bytes;
    this.#retained -= entry.retained;
    if (wake) wakeAll(this.#roomWaiters);
    if (this.#closed && this.requests === 0) wakeAll(this.#takers);
  }

  #tooLarge(cost: number, batch: Batch): QueueReservation {
    const what = `A request of ${cost} ${this.sizer} (${batch.bytes} bytes)`;
    const bounds = `${this.capacity} ${this.sizer} and ${this.#maxBytes} bytes`;
    return {
      status: 'too_large',
      reason: new RemoraError('item_too_large', `${what} can never fit a queue of ${bounds}.`),
    };
  }
}

class MemoryLease implements Lease {
  readonly batch: Batch;
  readonly enqueuedAtMs: number;
  readonly #entry: Entry;
  readonly #end: (entry: Entry, verdict: Verdict | undefined) => void;
  #open = true;

  constructor(entry: Entry, end: (entry: Entry, verdict: Verdict | undefined) => void) {
    this.batch = entry.batch;
    this.enqueuedAtMs = entry.enqueuedAtMs;
    this.#entry = entry;
    this.#end = end;
  }

  get abandoned(): boolean {
    return this.#entry.abandoned;
  }

  done(verdict: Verdict): void {
    if (this.#open) this.#end(this.#entry, verdict);
    this.#open = false;
  }

  giveBack(): void {
    if (this.#open) this.#end(this.#entry, undefined);
    this.#open = false;
  }
}

const COMMITTED = Promise.resolve();

/** One object for all refusals: under overload they come by the thousand. */
const FULL: QueueReservation = {
  status: 'full',
  reason: new RemoraError('queue_full', 'The sending queue is full.'),
};

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
