import { compactBatch, type Batch } from '../../src/core/batch.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { MemoryQueue } from '../../src/core/memory-queue.ts';
import type { DurableQueue, DurableQueueOptions, Held, Lease, Lost, QueueReservation } from '../../src/core/queue.ts';
import type { Verdict } from '../../src/core/verdict.ts';

/** A disk as far as a queue is concerned: what is on it outlives the queues that are opened over it. */
export class TestDisk {
  readonly entries = new Set<Batch>();
  /** Reported by the next `open`. */
  damaged: Lost | undefined;
  /** `full`: there is no room and it says when to ask again; `failing`: that shows when a reservation is committed. */
  state: 'well' | 'full' | 'failing' | 'unusable' = 'well';
  /** While set, opening and writing wait for it. */
  gate: Promise<unknown> | undefined;
  readonly options: DurableQueueOptions[] = [];

  readonly queue = (options: DurableQueueOptions): DurableQueue => {
    this.options.push(options);
    return new TestDurableQueue(this, options);
  };
}

export const DISK_FULL = new RemoraError('storage_failed', 'The disk is full.');

/** A queue over a TestDisk: the queue in memory, each of whose entries is also on the disk until it is done. */
class TestDurableQueue implements DurableQueue {
  readonly durable = true;
  readonly #disk: TestDisk;
  readonly #options: DurableQueueOptions;
  readonly #memory: MemoryQueue;
  /** What nobody has leased, with its place. */
  readonly #waiting = new Map<Batch, number>();
  #order = 0;
  #opened = false;

  constructor(disk: TestDisk, options: DurableQueueOptions) {
    this.#disk = disk;
    this.#options = options;
    const onLost = (lost: Lost): void => {
      for (const [batch] of [...this.#waiting].sort(([, a], [, b]) => a - b).slice(0, lost.requests))
        this.#leave(batch);
      options.onLost(lost);
    };
    this.#memory = new MemoryQueue({ ...options, onLost });
  }

  get sizer() {
    return this.#options.sizer;
  }

  get capacity() {
    return this.#options.capacity;
  }

  get requests() {
    return this.#memory.requests;
  }

  get items() {
    return this.#memory.items;
  }

  get bytes() {
    return this.#memory.bytes;
  }

  oldestAgeMs(): number {
    return this.#memory.oldestAgeMs();
  }

  async open(): Promise<Held> {
    await this.#disk.gate;
    if (this.#disk.state === 'unusable') throw new RemoraError('storage_failed', 'The directory is not ours.');
    if (this.#disk.damaged !== undefined) this.#options.onLost(this.#disk.damaged);
    for (const found of [...this.#disk.entries]) {
      const batch = compactBatch(found);
      this.#disk.entries.delete(found);
      this.#disk.entries.add(batch);
      const reservation = this.#memory.tryReserve(batch);
      if (reservation.status === 'reserved') await reservation.commit();
      this.#waiting.set(batch, this.#order++);
    }
    this.#opened = true;
    const { requests, items, bytes } = this.#memory;
    return { requests, items, bytes };
  }

  tryReserve(offered: Batch): QueueReservation {
    const batch = compactBatch(offered);
    if (!this.#opened) return { status: 'closed', reason: new RemoraError('shutting_down', 'Not open.') };
    if (this.#disk.state === 'full') return { status: 'full', reason: DISK_FULL, afterMs: 750 };
    const reservation = this.#memory.tryReserve(batch);
    if (reservation.status !== 'reserved') return reservation;
    return {
      ...reservation,
      commit: async () => {
        await this.#disk.gate;
        if (this.#disk.state !== 'well') {
          reservation.cancel();
          throw DISK_FULL;
        }
        await reservation.commit();
        this.#disk.entries.add(batch);
        this.#waiting.set(batch, this.#order++);
      },
    };
  }

  waitForRoom(abort: AbortSignal): Promise<void> {
    return this.#memory.waitForRoom(abort);
  }

  async lease(abort: AbortSignal): Promise<Lease | undefined> {
    const lease = await this.#memory.lease(abort);
    return lease === undefined ? undefined : this.#lend(lease);
  }

  tryLease(): Lease | undefined {
    const lease = this.#memory.tryLease();
    return lease === undefined ? undefined : this.#lend(lease);
  }

  close(): void {
    this.#memory.close();
  }

  shut(): Promise<void> {
    this.#memory.close();
    return Promise.resolve();
  }

  #leave(batch: Batch): void {
    this.#waiting.delete(batch);
    this.#disk.entries.delete(batch);
  }

  #lend(lease: Lease): Lease {
    const { batch, enqueuedAtMs } = lease;
    const order = this.#waiting.get(batch) ?? 0;
    this.#waiting.delete(batch);
    const done = (verdict: Verdict): void => {
      this.#leave(batch);
      lease.done(verdict);
    };
    const giveBack = (): void => {
      this.#waiting.set(batch, order);
      lease.giveBack();
    };
    return { batch, enqueuedAtMs, done, giveBack };
  }
}
