import { RemoraError } from '../../core/errors.ts';
import { queueSize, type Overflow, type QueueReservation } from '../../core/queue.ts';
import type { Sizer } from '../../core/sending.ts';
import type { Entry } from './entry.ts';
import { HEAD_BYTES, MAX_RECORD_BYTES, RECORD_BYTES, type Totals } from './format.ts';
import { add } from './segment.ts';
import type { Store } from './store.ts';

export interface RoomOptions {
  readonly sizer: Sizer;
  readonly capacity: number;
  readonly maxBytes: number;
  readonly overflow: Overflow;
}

type Size = Pick<Entry, 'items' | 'bytes'>;

/**
 * The two bounds of a queue on disk, in the unit of its sizer and in bytes on disk, and what counts against them.
 * Invariant: `held` is everything the queue is answerable for, `#reserved` the part of it that is not committed, and
 * `#promisedBytes` what will be written of it.
 */
export class Room {
  readonly held: Totals = { requests: 0, items: 0, bytes: 0 };
  readonly #options: RoomOptions;
  readonly #reserved: Totals = { requests: 0, items: 0, bytes: 0 };
  #promisedBytes = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Why something of this size never fits, whatever leaves the queue. */
  tooLarge(size: Size): RemoraError | undefined {
    const { sizer, capacity, maxBytes } = this.#options;
    const cost = queueSize(size, sizer);
    if (cost <= capacity && HEAD_BYTES + RECORD_BYTES + size.bytes <= maxBytes && size.bytes <= MAX_RECORD_BYTES) {
      return undefined;
    }
    const what = `A request of ${cost} ${sizer} (${size.bytes} bytes)`;
    const bounds = `${capacity} ${sizer} and ${maxBytes} bytes`;
    return new RemoraError('item_too_large', `${what} can never fit a queue on disk of ${bounds}.`);
  }

  /** Where the oldest is let go of, all makes room but what is leased or reserved. */
  fits(size: Size, store: Store, leased: ReadonlySet<Entry>): boolean {
    const { sizer, capacity, maxBytes, overflow } = this.#options;
    const firm = overflow === 'push_back' ? this.held : { ...this.#reserved };
    if (overflow === 'drop_oldest') for (const { items, bytes } of leased) add(firm, 1, items, bytes);
    const onDisk = (overflow === 'push_back' ? store.usedBytes : store.pinnedBytes(leased)) + this.#promisedBytes;
    const cost = queueSize(size, sizer);
    return queueSize(firm, sizer) + cost <= capacity && onDisk + RECORD_BYTES + size.bytes <= maxBytes;
  }

  reserve({ items, bytes }: Size): void {
    add(this.held, 1, items, bytes);
    add(this.#reserved, 1, items, bytes);
    this.#promisedBytes += RECORD_BYTES + bytes;
  }

  /** From now on it is to be written. */
  commit({ items, bytes }: Size): void {
    add(this.#reserved, -1, -items, -bytes);
  }

  /** It is written, or it will not be. */
  settle({ bytes }: Size): void {
    this.#promisedBytes -= RECORD_BYTES + bytes;
  }

  /** It is not in the queue any more. */
  release({ items, bytes }: Size): void {
    add(this.held, -1, -items, -bytes);
  }

  /** More is committed than the queue may hold; what is only reserved may still be cancelled. */
  isOver(store: Store): boolean {
    const { sizer, capacity } = this.#options;
    const committed = { ...this.held };
    add(committed, -this.#reserved.requests, -this.#reserved.items, -this.#reserved.bytes);
    return queueSize(committed, sizer) > capacity || this.isOverOnDisk(store);
  }

  isOverOnDisk(store: Store): boolean {
    return store.usedBytes + this.#promisedBytes > this.#options.maxBytes;
  }
}

export const CLOSED: QueueReservation = {
  status: 'closed',
  reason: new RemoraError('shutting_down', 'The queue is closed.'),
};

/** One object for all refusals: under overload they come by the thousand. */
export const FULL = {
  status: 'full',
  reason: new RemoraError('queue_full', 'The sending queue is full.'),
} as const satisfies QueueReservation;
