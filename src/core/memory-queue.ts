import { compactBatch, copyBatch, retainedBytes, type Batch } from './batch.ts';
import type { Clock } from './clock.ts';
import { RemoraError } from './errors.ts';
import { keepBytes } from './reuse.ts';
import { queueSize, type Lease, type Lost, type Overflow, type Queue, type QueueReservation } from './queue.ts';
import type { Sizer } from './sending.ts';
import { retry, type Verdict } from './verdict.ts';
import { Waiters } from './waiters.ts';

export interface MemoryQueueOptions {
  readonly clock: Clock;
  readonly sizer: Sizer;
  readonly capacity: number;
  /** Bound on the bytes of memory that entries keep alive, whatever the sizer. */
  readonly maxBytes: number;
  /** `push_back` when absent. */
  readonly overflow?: Overflow;
  /** What arrived in the last 5 s is leased before what is older, which keeps every fourth lease. */
  readonly freshFirst?: boolean;
  /** Entries that were evicted or shed. Those whose offerer waits for the verdict are not lost: it is told `retry`. */
  onLost?(lost: Lost): void;
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

/** With `freshFirst`, what is older than this is the backlog. */
const FRESH_MS = 5000;
/** With `freshFirst`, of so many leases one is the backlog's. */
const BACKLOG_TURN = 4;

/**
 * The queue in memory: accepted means in memory, gone after a crash.
 * Invariants: requests, items, bytes and retained bytes sum over reserved, waiting and leased entries; `#waiting` from
 * `#head` on is in order of arrival, and before `#head` holds nothing alive. Takers are woken one for each entry that
 * comes in, and a taker that leaves without its entry wakes the next one.
 *
 * With `drop_oldest` a reservation counts on the room of what waits, and evicts only when it is committed. Between the
 * two the sums may be above the bounds by what it counts on; what waits or is leased never is. When all it counted on
 * was leased meanwhile, its commit rejects.
 */
export class MemoryQueue implements Queue {
  readonly sizer: Sizer;
  readonly capacity: number;
  requests = 0;
  items = 0;
  bytes = 0;
  readonly #options: MemoryQueueOptions;
  readonly #maxBytes: number;
  #retained = 0;
  /** Of what waits and of what is only reserved, in the unit of the sizer and in retained bytes. */
  readonly #inWait: Amount = { units: 0, retained: 0 };
  readonly #inReserve: Amount = { units: 0, retained: 0 };
  #refusals = 0;
  #order = 0;
  #leases = 0;
  #head = 0;
  #waiting: (Entry | undefined)[] = [];
  readonly #leased = new Set<Entry>();
  readonly #takers = new Waiters();
  readonly #roomWaiters = new Waiters();
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.sizer = options.sizer;
    this.capacity = options.capacity;
    this.#options = options;
    this.#maxBytes = options.maxBytes;
  }

  oldestAgeMs(): number {
    let oldest = this.#waiting[this.#head]?.enqueuedAtMs;
    for (const { enqueuedAtMs } of this.#leased) oldest = Math.min(oldest ?? enqueuedAtMs, enqueuedAtMs);
    return oldest === undefined ? 0 : this.#options.clock.monotonic() - oldest;
  }

  tryReserve(batch: Batch): QueueReservation {
    if (this.#closed) return { status: 'closed', reason: new RemoraError('shutting_down', 'The queue is closed.') };
    const cost = queueSize(batch, this.sizer);
    if (cost > this.capacity || batch.bytes > this.#maxBytes) return this.#tooLarge(cost, batch);
    if (!this.#fits(cost, batch.bytes, this.#mayEvict())) {
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
    return this.#closed ? Promise.resolve() : this.#roomWaiters.wait(abort);
  }

  async lease(abort: AbortSignal): Promise<Lease | undefined> {
    while (!abort.aborted) {
      const lease = this.tryLease();
      if (lease !== undefined) return lease;
      if (this.#closed && this.requests === 0) return undefined;
      await this.#takers.wait(abort);
    }
    // This taker may have been woken for an entry that it now leaves behind.
    if (this.#head < this.#waiting.length) this.#takers.wakeOne();
    return undefined;
  }

  tryLease(): Lease | undefined {
    const entry = this.#shift(this.#options.freshFirst === true ? this.#nextTurn() : this.#head);
    if (entry === undefined) return undefined;
    entry.state = 'leased';
    this.#leased.add(entry);
    return new MemoryLease(entry, this.#endLease);
  }

  /** Of what waits, the oldest first: lost with reason `memory_shed`. Returns the bytes of memory it kept alive. */
  shed(bytes: number): number {
    const before = this.#retained;
    this.#loseWhile('memory_shed', () => before - this.#retained < bytes);
    return before - this.#retained;
  }

  close(): void {
    this.#closed = true;
    this.#takers.wakeAll();
    this.#roomWaiters.wakeAll();
  }

  /** Where the next lease is: the oldest of what is fresh, or the oldest of all when it is the backlog's turn. */
  #nextTurn(): number {
    if (this.#head === this.#waiting.length) return this.#head;
    this.#leases += 1;
    if (this.#leases % BACKLOG_TURN === 0) return this.#head;
    const sinceMs = this.#options.clock.monotonic() - FRESH_MS;
    let low = this.#head;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#waiting[middle];
      if (entry !== undefined && entry.enqueuedAtMs < sinceMs) low = middle + 1;
      else high = middle;
    }
    return low < this.#waiting.length ? low : this.#head;
  }

  /** Takes the entry at `at` out of those that wait. */
  #shift(at: number): Entry | undefined {
    const entry = this.#waiting[at];
    if (entry === undefined) return undefined;
    if (at > this.#head) this.#waiting.splice(at, 1);
    else this.#waiting[this.#head++] = undefined;
    if (this.#head > 256 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    this.#add(this.#inWait, entry, -1);
    return entry;
  }

  #mayEvict(): Amount {
    return this.#options.overflow === 'drop_oldest' ? this.#inWait : NOTHING;
  }

  /** Whether so much more would keep the bounds once all of `less` is gone. */
  #fits(units: number, retained: number, less: Amount): boolean {
    return (
      queueSize(this, this.sizer) - less.units + units <= this.capacity &&
      this.#retained - less.retained + retained <= this.#maxBytes
    );
  }

  #add(amount: Amount, entry: Entry, sign: 1 | -1): void {
    amount.units += sign * queueSize(entry.batch, this.sizer);
    amount.retained += sign * entry.retained;
  }

  /** Lets go of the oldest that waits, as long as `more` says so. */
  #loseWhile(reason: Lost['reason'], more: () => boolean): void {
    let lost: Lost | undefined;
    while (this.#head < this.#waiting.length && more()) {
      const entry = this.#shift(this.#head);
      if (entry === undefined) break;
      this.#release(entry, reason !== 'evicted');
      if (entry.onSettled !== undefined) entry.onSettled(reason === 'evicted' ? EVICTED : SHED);
      else lost = sumOf(reason, lost, entry.batch);
    }
    if (lost !== undefined) this.#options.onLost?.(lost);
  }

  #take(offered: Batch): Entry {
    const compact = compactBatch(offered);
    const slack = !this.#fits(0, retainedBytes(compact), this.#mayEvict());
    const batch = slack ? copyBatch(compact) : compact;
    const retained = retainedBytes(batch);
    this.requests += 1;
    this.items += batch.items;
    this.bytes += batch.bytes;
    this.#retained += retained;
    const entry: Entry = {
      batch,
      retained,
      refusalsBefore: this.#refusals,
      enqueuedAtMs: 0,
      order: 0,
      state: 'reserved',
      abandoned: false,
      onSettled: undefined,
    };
    this.#add(this.#inReserve, entry, 1);
    return entry;
  }

  #commit(entry: Entry, onSettled: ((verdict: Verdict) => void) | undefined): Promise<void> | undefined {
    if (entry.state !== 'reserved') return undefined;
    this.#add(this.#inReserve, entry, -1);
    if (this.#options.overflow === 'drop_oldest') {
      // Room for this one beside what waits and is leased; other reservations see to theirs.
      this.#loseWhile('evicted', () => !this.#fits(0, 0, this.#inReserve));
      if (!this.#fits(0, 0, this.#inReserve)) {
        this.#release(entry, false);
        return Promise.reject(FULL.reason);
      }
    }
    entry.state = 'waiting';
    this.#add(this.#inWait, entry, 1);
    entry.enqueuedAtMs = this.#options.clock.monotonic();
    entry.order = this.#order++;
    entry.onSettled = onSettled;
    this.#waiting.push(entry);
    this.#takers.wakeOne();
    return undefined;
  }

  #cancel(entry: Entry): void {
    entry.onSettled = undefined;
    entry.abandoned = true;
    // Nobody was refused for the sake of this reservation: waking would only make fan-outs that wait for each other's
    // queues chase themselves for ever.
    if (entry.state === 'reserved') {
      this.#add(this.#inReserve, entry, -1);
      this.#release(entry, this.#refusals !== entry.refusalsBefore);
    }
    if (entry.state !== 'waiting') return;
    this.#shift(this.#waiting.indexOf(entry, this.#head));
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
    // Whoever had it leased may still read it when it goes elsewhere.
    keepBytes(entry.batch);
    entry.state = 'waiting';
    this.#add(this.#inWait, entry, 1);
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
    this.#takers.wakeOne();
  }

  #release(entry: Entry, wake: boolean): void {
    entry.state = 'gone';
    this.requests -= 1;
    this.items -= entry.batch.items;
    this.bytes -= entry.batch.bytes;
    this.#retained -= entry.retained;
    if (wake) this.#roomWaiters.wakeAll();
    if (this.#closed && this.requests === 0) this.#takers.wakeAll();
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

/** In the unit of the sizer, and in bytes of memory kept alive. */
interface Amount {
  units: number;
  retained: number;
}

const NOTHING: Amount = { units: 0, retained: 0 };

/** One object for all refusals: under overload they come by the thousand. */
const FULL = {
  status: 'full',
  reason: new RemoraError('queue_full', 'The sending queue is full.'),
} as const satisfies QueueReservation;

const EVICTED = retry(new RemoraError('queue_full', 'Newer data took its room in the sending queue.'));
const SHED = retry(new RemoraError('memory_limited', 'Memory was above its hard limit.'));

function sumOf(reason: Lost['reason'], lost: Lost | undefined, { items, bytes }: Batch): Lost {
  return {
    reason,
    requests: (lost?.requests ?? 0) + 1,
    items: (lost?.items ?? 0) + items,
    bytes: (lost?.bytes ?? 0) + bytes,
  };
}
