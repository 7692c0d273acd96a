import type { Batch } from './batch.ts';
import type { Clock } from './clock.ts';
import { RemoraError } from './errors.ts';
import type { MemoryQueue } from './memory-queue.ts';
import type { DurableQueue, Held, Lease, Lost, QueueReservation } from './queue.ts';
import type { Sizer } from './sending.ts';
import { ACCEPTED, type Verdict } from './verdict.ts';
import { Waiters } from './waiters.ts';

export interface SpillQueueOptions {
  readonly clock: Clock;
  /** Pushes back when it is full. Its `sizer` is that of the disk. */
  readonly memory: MemoryQueue;
  readonly disk: DurableQueue;
  /** What is in memory goes before what is on disk, which keeps every fourth lease. */
  readonly freshFirst: boolean;
  /** What was in memory at the end and did not get to the disk. The queues inside tell of the rest themselves. */
  onLost(lost: Lost): void;
}

/** With `freshFirst`, of so many leases one is the disk's. */
const DISK_TURN = 4;
/** How long after its deadline `shut` waits for what is on its way to the disk. */
const SHUT_GRACE_MS = 250;

type Reserved = Extract<QueueReservation, { status: 'reserved' }>;

/** An entry on its way from memory to the disk. Both queues hold it until it is over. */
interface Move {
  readonly lease: Lease;
  readonly reservation: Reserved;
}

/**
 * Memory first, the disk when memory is full: accepted means in memory or on disk, and a kill loses what is in memory.
 *
 *   tryReserve ──► memory ──────────────► lease
 *       │            ┊ close, shed, shut    ▲
 *       └─ full ──► disk ───────────────────┘
 *
 * Invariants: what waits in memory is older than what waits on disk, because as long as something waits there, what
 * comes goes there too; not so with `freshFirst`, while the disk fails, and after `shed`. Requests, items and bytes are
 * the sums of both queues, less the moves, which both count. From `close` on what waits in memory moves to the disk.
 * While the disk fails this is a queue in memory that pushes back.
 */
export class SpillQueue implements DurableQueue {
  readonly durable = true;
  readonly sizer: Sizer;
  /** Of the disk, and of memory where it is bounded in the same unit. */
  readonly capacity: number;
  readonly #options: SpillQueueOptions;
  readonly #memory: MemoryQueue;
  readonly #disk: DurableQueue;
  readonly #moves = new Set<Move>();
  readonly #takers = new Waiters();
  #diskLeases = 0;
  #turns = 0;
  #opened = false;
  #closed = false;
  #shut: Promise<void> | undefined;

  constructor(options: SpillQueueOptions) {
    const { memory, disk } = options;
    this.#options = options;
    this.#memory = memory;
    this.#disk = disk;
    this.sizer = disk.sizer;
    this.capacity = disk.capacity + (disk.sizer === 'bytes' ? memory.capacity : 0);
  }

  get requests(): number {
    return this.#memory.requests + this.#disk.requests - this.#moves.size;
  }

  get items(): number {
    return this.#memory.items + this.#disk.items - this.#moving((batch) => batch.items);
  }

  get bytes(): number {
    return this.#memory.bytes + this.#disk.bytes - this.#moving((batch) => batch.bytes);
  }

  oldestAgeMs(): number {
    return Math.max(this.#memory.oldestAgeMs(), this.#disk.oldestAgeMs());
  }

  async open(): Promise<Held> {
    const held = await this.#disk.open();
    this.#opened = true;
    return held;
  }

  tryReserve(batch: Batch): QueueReservation {
    if (!this.#opened || this.#closed) return CLOSED;
    if (this.#options.freshFirst || !this.#diskWaits) {
      const inMemory = this.#memory.tryReserve(batch);
      if (inMemory.status === 'reserved') return this.#inMemory(inMemory);
    }
    const onDisk = this.#disk.tryReserve(batch);
    if (onDisk.status === 'reserved') return this.#onDisk(onDisk, batch);
    if (onDisk.status !== 'full' || onDisk.afterMs === undefined) return onDisk;
    const instead = this.#memory.tryReserve(batch);
    return instead.status === 'reserved' ? this.#inMemory(instead) : onDisk;
  }

  async waitForRoom(abort: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const end = (): void => enough.abort();
    abort.addEventListener('abort', end, { once: true });
    if (abort.aborted || this.#closed) end();
    await Promise.race([this.#memory.waitForRoom(enough.signal), this.#disk.waitForRoom(enough.signal)]);
    abort.removeEventListener('abort', end);
    end();
  }

  async lease(abort: AbortSignal): Promise<Lease | undefined> {
    for (;;) {
      const lease = this.tryLease() ?? (await this.#leaseLater(abort));
      if (lease !== undefined || abort.aborted || this.#shut !== undefined) return lease;
      if (this.#closed && this.requests === 0) return undefined;
    }
  }

  tryLease(): Lease | undefined {
    const isDisksTurn = this.#options.freshFirst && ++this.#turns % DISK_TURN === 0;
    return isDisksTurn
      ? (this.#leaseOfDisk() ?? this.#leaseOfMemory())
      : (this.#leaseOfMemory() ?? this.#leaseOfDisk());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.close();
    this.#moveAll();
    this.#takers.wakeAll();
  }

  /** What is in memory moves to the disk, and is lost only when the disk does not take it. */
  shed(bytes: number): number {
    let freed = this.#disk.shed?.(bytes) ?? 0;
    while (freed < bytes) {
      const moved = this.#moveOne();
      if (moved === undefined) return freed + this.#memory.shed(bytes - freed);
      freed += moved.bytes;
    }
    return freed;
  }

  shut(deadline: AbortSignal): Promise<void> {
    return (this.#shut ??= this.#store(deadline));
  }

  async #store(deadline: AbortSignal): Promise<void> {
    this.close();
    this.#moveAll();
    if (this.#moves.size > 0) await this.#untilMoved(deadline);
    this.#loseRest();
    this.#disk.close();
    await this.#disk.shut(deadline);
  }

  /** True while something rests on disk that nobody has leased. */
  get #diskWaits(): boolean {
    return this.#disk.requests > this.#diskLeases;
  }

  #moving(size: (batch: Batch) => number): number {
    let sum = 0;
    for (const { lease } of this.#moves) sum += size(lease.batch);
    return sum;
  }

  #inMemory(reservation: Reserved): Reserved {
    return {
      ...reservation,
      commit: () => {
        const committed = reservation.commit();
        this.#takers.wakeAll();
        return committed;
      },
    };
  }

  #onDisk(reservation: Reserved, batch: Batch): Reserved {
    return {
      ...reservation,
      commit: async () => {
        try {
          await reservation.commit();
        } catch (error) {
          const instead = this.#memory.tryReserve(batch);
          if (instead.status !== 'reserved') throw error;
          await this.#inMemory(instead).commit();
        }
      },
    };
  }

  #leaseOfMemory(): Lease | undefined {
    const lease = this.#memory.tryLease();
    return lease === undefined ? undefined : new SpillLease(lease, () => this.#stir());
  }

  #leaseOfDisk(): Lease | undefined {
    const lease = this.#disk.tryLease();
    return lease === undefined ? undefined : this.#lend(lease);
  }

  #lend(lease: Lease): Lease {
    this.#diskLeases += 1;
    return new SpillLease(lease, () => {
      this.#diskLeases -= 1;
      this.#stir();
    });
  }

  /** The next entry of the disk, unless something happens first that is worth another look. */
  async #leaseLater(abort: AbortSignal): Promise<Lease | undefined> {
    if (abort.aborted || (this.#closed && this.requests === 0)) return undefined;
    const stirred = new AbortController();
    const end = (): void => stirred.abort();
    void this.#takers.wait(stirred.signal).then(end);
    abort.addEventListener('abort', end, { once: true });
    const lease = await this.#disk.lease(stirred.signal);
    abort.removeEventListener('abort', end);
    end();
    return lease === undefined ? undefined : this.#lend(lease);
  }

  /** A lease or a move has ended: once closed, that may have been the last. */
  #stir(): void {
    if (this.#closed) this.#takers.wakeAll();
  }

  #moveAll(): void {
    while (this.#moveOne() !== undefined);
  }

  /** The oldest that waits in memory goes to the disk. Undefined when there is none, or no room for it. */
  #moveOne(): Batch | undefined {
    const lease = this.#memory.tryLease();
    if (lease === undefined) return undefined;
    const reservation = this.#disk.tryReserve(lease.batch);
    if (reservation.status !== 'reserved') {
      lease.giveBack();
      return undefined;
    }
    const move: Move = { lease, reservation };
    this.#moves.add(move);
    Promise.resolve(reservation.commit()).then(
      () => this.#endMove(move, ACCEPTED),
      () => this.#endMove(move, undefined),
    );
    return lease.batch;
  }

  /** Without a verdict it is in memory as before. */
  #endMove(move: Move, verdict: Verdict | undefined): void {
    if (!this.#moves.delete(move)) return;
    if (verdict === undefined) move.lease.giveBack();
    else move.lease.done(verdict);
    this.#takers.wakeAll();
  }

  /** Resolves when nothing is on its way any more, or a little after `deadline` fired. */
  async #untilMoved(deadline: AbortSignal): Promise<void> {
    const over = new AbortController();
    let timer: { cancel(): void } | undefined;
    const expire = (): void => {
      timer = this.#options.clock.timer(SHUT_GRACE_MS, () => over.abort());
      this.#takers.wakeAll();
    };
    if (deadline.aborted) expire();
    else deadline.addEventListener('abort', expire, { once: true });
    while (this.#moves.size > 0 && !over.signal.aborted) await this.#takers.wait(over.signal);
    deadline.removeEventListener('abort', expire);
    timer?.cancel();
  }

  #loseRest(): void {
    const lost = { requests: 0, items: 0, bytes: 0 };
    const lose = (lease: Lease): void => {
      lost.requests += 1;
      lost.items += lease.batch.items;
      lost.bytes += lease.batch.bytes;
      lease.done(ACCEPTED);
    };
    for (const move of this.#moves) {
      move.reservation.cancel();
      lose(move.lease);
    }
    this.#moves.clear();
    for (let lease = this.#memory.tryLease(); lease !== undefined; lease = this.#memory.tryLease()) lose(lease);
    if (lost.requests > 0) this.#options.onLost({ reason: 'shutdown', ...lost });
  }
}

class SpillLease implements Lease {
  readonly batch: Batch;
  readonly enqueuedAtMs: number;
  readonly #lease: Lease;
  readonly #onEnded: () => void;
  #open = true;

  constructor(lease: Lease, onEnded: () => void) {
    this.batch = lease.batch;
    this.enqueuedAtMs = lease.enqueuedAtMs;
    this.#lease = lease;
    this.#onEnded = onEnded;
  }

  done(verdict: Verdict): void {
    this.#lease.done(verdict);
    this.#end();
  }

  giveBack(): void {
    this.#lease.giveBack();
    this.#end();
  }

  #end(): void {
    if (this.#open) this.#onEnded();
    this.#open = false;
  }
}

const CLOSED: QueueReservation = {
  status: 'closed',
  reason: new RemoraError('shutting_down', 'The queue is not open.'),
};
