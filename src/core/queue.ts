import type { Batch } from './batch.ts';
import type { Clock } from './clock.ts';
import type { RemoraError } from './errors.ts';
import type { Logger } from './logger.ts';
import type { Labels, Meter } from './meter.ts';
import type { Sizer } from './sending.ts';
import type { Signal } from './signal.ts';
import type { Verdict } from './verdict.ts';

/**
 * A bounded queue that lends. What is leased still counts against the bounds until it is done, so `size` is everything
 * the queue is answerable for.
 */
export interface Queue {
  /** True when what is inside survives the process: at a shutdown it stays instead of being dropped. */
  readonly durable?: boolean;
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
  /**
   * Lets go of about this many bytes of memory, oldest first, and never of what is leased. A queue in memory loses what
   * it lets go of (`onLost`, reason `memory_shed`), one on disk reads it back later. Returns the bytes it freed.
   */
  shed?(bytes: number): number;
}

/** Entries that left a queue without a lease. */
export interface Lost extends Held {
  /**
   * - evicted: newer data took their room (`overflow: drop_oldest`).
   * - memory_shed: memory was above the hard limit.
   * - damaged: their bytes on disk do not match their checksum; what is left of them is quarantined.
   * - shutdown: they were in memory when the process ended, and the disk behind it did not take them.
   */
  readonly reason: 'evicted' | 'memory_shed' | 'damaged' | 'shutdown';
}

export interface Held {
  readonly requests: number;
  readonly items: number;
  /** Encoded. */
  readonly bytes: number;
}

/** What a full queue does with one more: refuse it, or let go of its oldest that nobody has leased. */
export type Overflow = 'push_back' | 'drop_oldest';

/**
 * A queue whose entries outlive the process. `commit` resolves once the entry is as safe as the fsync policy says. Nobody
 * waits for a verdict then: `onSettled` is not called, and `cancel` after that withdraws nothing.
 */
export interface DurableQueue extends Queue {
  readonly durable: true;
  /**
   * Finds what an earlier process left. Until it resolves `tryReserve` answers `closed` and there is nothing to lease.
   * Throws storage_failed when the place cannot be used; damaged entries are never a reason to fail. What `onLost`
   * reports before it resolves is not in what it returns; the sum of both is what the earlier process left.
   */
  open(): Promise<Held>;
  /**
   * After `close`, when the leases have ended: makes safe what is not yet, notes what is done, and lets go of the files.
   * What is inside stays for the next process, and in the counts. Idempotent; settles soon after `deadline` fires.
   */
  shut(deadline: AbortSignal): Promise<void>;
}

export function isDurable(queue: Queue): queue is DurableQueue {
  return queue.durable === true;
}

export interface DurableQueueOptions {
  readonly signal: Signal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: Meter;
  /** For the queue's own metrics. */
  readonly labels: Labels;
  readonly sizer: Sizer;
  /** In the unit of the sizer. */
  readonly capacity: number;
  /** Bound on the bytes on disk, whatever the sizer. */
  readonly maxBytes: number;
  /** Bound on the bytes of entries kept in memory, so that data which is sent at once is not read again. */
  readonly memoryBytes: number;
  readonly overflow: Overflow;
  /** Entries of this process go before what has piled up; the pile still gets a share of the leases. */
  readonly freshFirst: boolean;
  onLost(lost: Lost): void;
  /** Why nothing can be written now; undefined once it can again. */
  onTrouble?(reason: string | undefined): void;
}

export type QueueReservation =
  | {
      readonly status: 'reserved';
      /**
       * Undefined when the entry is in the queue; else resolves when it is, and rejects when it could not be made safe,
       * and then nothing was taken.
       * `onSettled` is called once, with the verdict its lease ended with. */
      commit(onSettled?: (verdict: Verdict) => void): Promise<void> | undefined;
      /**
       * Before `commit`: gives the room back. After it: nobody waits for the verdict any more; an entry that no lease
       * holds leaves the queue, one that a lease holds is marked `abandoned`; `onSettled` is not called. Idempotent.
       */
      cancel(): void;
    }
  | {
      readonly status: 'full' | 'closed';
      readonly reason: RemoraError;
      /** When the queue knows better than its drain rate: a disk that is full or failing is tried again then. */
      readonly afterMs?: number;
    }
  /** Larger than the whole queue: no waiting will help. */
  | { readonly status: 'too_large'; readonly reason: RemoraError };

export interface Lease {
  readonly batch: Batch;
  /** On the monotonic clock. */
  readonly enqueuedAtMs: number;
  /** True once the offerer that waited for the verdict has cancelled. */
  readonly abandoned?: boolean;
  /** Custody ends: delivered, dropped or rejected, as the verdict says. Once. */
  done(verdict: Verdict): void;
  /** Back to its place at the head of the queue. Once. */
  giveBack(): void;
}

/** What a batch or a queue counts for under `sizer`. */
export function queueSize(size: { requests?: number; items: number; bytes: number }, sizer: Sizer): number {
  switch (sizer) {
    case 'requests':
      return size.requests ?? 1;
    case 'items':
      return size.items;
    case 'bytes':
      return size.bytes;
  }
}
