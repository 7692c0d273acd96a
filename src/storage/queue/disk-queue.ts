import { compactBatch, type Batch } from '../../core/batch.ts';
import { sleep } from '../../core/clock.ts';
import { asError } from '../../core/errors.ts';
import { type DurableQueue, type Held, type Lease, type QueueReservation } from '../../core/queue.ts';
import { freeBytes, keepBytes, offerBytes } from '../../core/reuse.ts';
import type { Sizer } from '../../core/sending.ts';
import { fired, Waiters } from '../../core/waiters.ts';
import { DiskLease } from './disk-lease.ts';
import { mustBatch, mustPlace, UNPLACED, type Entry } from './entry.ts';
import { Eviction } from './eviction.ts';
import type { RecordHead, Totals } from './format.ts';
import { QueueMetrics } from './metrics.ts';
import { chunkBytesOf, segmentBytesOf, type DiskQueueOptions } from './options.ts';
import { ChunkPool, type ReadChunk } from './read-chunk.ts';
import { CLOSED, FULL, Room } from './room.ts';
import { add, type Segment } from './segment.ts';
import { openStore, type Store } from './store.ts';
import { Window } from './window.ts';

/** How long after its deadline `shut` waits for the disk; less than a component is waited for after its own. */
const SHUT_GRACE_MS = 200;

/**
 * The queue on disk: accepted means written and, as the fsync policy says, synced. `format.ts` draws the files.
 *
 *   tryReserve ─► commit ─► Appender ─► segments ─► Backlog ─┐
 *                              │                             ▼
 *                              └──────────────────────────► Window ─► lease ─► done ─► Notes
 *                                  as long as memory allows           (memory)         (and deletion)
 *
 * Invariants: requests, items and bytes sum over what is reserved, being written, and alive in the segments. Each record
 * alive is in exactly one place: held by one entry (`Segment.held`), or resting at or behind the cursor of the backlog.
 * Bytes on disk are within maxBytes and one segment more, the one that is open.
 */
export class DiskQueue implements DurableQueue {
  readonly durable = true;
  readonly sizer: Sizer;
  readonly capacity: number;
  readonly #options: DiskQueueOptions;
  readonly #room: Room;
  readonly #window: Window;
  readonly #pool: ChunkPool;
  readonly #metrics: QueueMetrics;
  readonly #takers = new Waiters();
  readonly #offerers = new Waiters();
  #refusals = 0;
  #store: Store | undefined;
  #filling = false;
  #eviction: Eviction | undefined;
  #closed = false;
  #shut: Promise<void> | undefined;

  constructor(options: DiskQueueOptions) {
    this.sizer = options.sizer;
    this.capacity = options.capacity;
    this.#options = options;
    this.#room = new Room(options);
    // As many may be read into at once, and what they leave goes round as a whole.
    this.#pool = new ChunkPool(chunkBytesOf(options), Math.ceil(options.memoryBytes / chunkBytesOf(options)));
    this.#window = new Window({
      memoryBytes: options.memoryBytes,
      freshFirst: options.freshFirst,
      pool: this.#pool,
      onRest: (entry) => this.#rests(entry),
    });
    this.#metrics = new QueueMetrics(options.meter, options.labels);
    this.#metrics.watch({
      diskBytes: () => this.#store?.bytes ?? 0,
      segments: () => this.#store?.segments.length ?? 0,
      failed: () => this.#store?.trouble.reason !== undefined,
    });
  }

  async open(): Promise<Held> {
    const store = await openStore(this.#options, {
      segmentBytes: segmentBytesOf(this.#options),
      metrics: this.#metrics,
      pool: this.#pool,
      onWritten: (entry, segment, index, offset) => this.#written(entry, segment, index, offset),
      onRead: (segment, head, offset, body, chunk) => this.#read(segment, head, offset, body, chunk),
      onLost: (segment, lost) => this.#damaged(segment, lost),
      onSpace: () => this.#offerers.wakeAll(),
    });
    this.#store = store;
    this.#eviction = new Eviction({
      store,
      window: this.#window,
      isOver: () => this.#room.isOver(store),
      isOverOnDisk: () => this.#room.isOverOnDisk(store),
      onEvicted: (lost) => this.#lose(lost, 'evicted'),
    });
    for (const { live } of store.segments) add(this.#room.held, live.requests, live.items, live.bytes);
    this.#fill();
    this.#takers.wakeAll();
    this.#offerers.wakeAll();
    return { ...this.#room.held };
  }

  get requests(): number {
    return this.#room.held.requests;
  }

  get items(): number {
    return this.#room.held.items;
  }

  get bytes(): number {
    return this.#room.held.bytes;
  }

  oldestAgeMs(): number {
    const { clock } = this.#options;
    const now = clock.monotonic();
    let oldest = this.#window.oldest?.enqueuedAtMs ?? now;
    for (const { enqueuedAtMs } of this.#window.leased) oldest = Math.min(oldest, enqueuedAtMs);
    const resting = this.#store?.segments.find(({ resting: { requests } }) => requests > 0);
    if (resting !== undefined && this.#window.backlogLength === 0) {
      oldest = Math.min(oldest, this.#monotonic(resting.firstEnqueuedMs));
    }
    return now - oldest;
  }

  tryReserve(batch: Batch): QueueReservation {
    const store = this.#store;
    if (this.#closed || store === undefined) return CLOSED;
    const tooLarge = this.#room.tooLarge(batch);
    if (tooLarge !== undefined) return { status: 'too_large', reason: tooLarge };
    const failing = store.trouble.reason;
    if (failing !== undefined || !this.#room.fits(batch, store, this.#window.leased)) {
      this.#refusals += 1;
      return failing === undefined ? FULL : { status: 'full', reason: failing, afterMs: store.trouble.afterMs };
    }
    const entry = this.#reserve(batch);
    return {
      status: 'reserved',
      commit: () => this.#commit(store, entry),
      cancel: () => this.#cancel(entry),
    };
  }

  waitForRoom(abort: AbortSignal): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#offerers.wait(abort);
  }

  async lease(abort: AbortSignal): Promise<Lease | undefined> {
    while (!abort.aborted) {
      const lease = this.tryLease();
      if (lease !== undefined) return lease;
      if (this.#closed && (this.requests === 0 || this.#shut !== undefined)) return undefined;
      await this.#takers.wait(abort);
    }
    // This taker may have been woken for an entry that it now leaves behind.
    if (this.#window.length > 0) this.#takers.wakeOne();
    return undefined;
  }

  tryLease(): Lease | undefined {
    if (this.#shut !== undefined) return undefined;
    const entry = this.#window.tryLease();
    this.#fill();
    return entry === undefined ? undefined : new DiskLease(entry, this.#endLease);
  }

  close(): void {
    this.#closed = true;
    this.#takers.wakeAll();
    this.#offerers.wakeAll();
  }

  shed(bytes: number): number {
    return this.#window.shed(bytes);
  }

  shut(deadline: AbortSignal): Promise<void> {
    this.close();
    this.#shut ??= this.#shutDown(deadline);
    this.#takers.wakeAll();
    return this.#shut;
  }

  async #shutDown(deadline: AbortSignal): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    const closed = new AbortController();
    const closing = store.close().finally(() => closed.abort());
    await Promise.race([closing, this.#graceAfter(AbortSignal.any([deadline, closed.signal]), closed.signal)]);
  }

  /** Mostly the deadline has passed before, with an upstream that is away; what is done is noted all the same. */
  async #graceAfter(deadline: AbortSignal, closed: AbortSignal): Promise<void> {
    await fired(deadline);
    await sleep(this.#options.clock, SHUT_GRACE_MS, closed);
  }

  #reserve(batch: Batch): Entry {
    this.#room.reserve(batch);
    return { ...UNPLACED, items: batch.items, bytes: batch.bytes, batch, refusalsBefore: this.#refusals };
  }

  async #commit(store: Store, entry: Entry): Promise<void> {
    if (entry.state !== 'reserved') return;
    entry.state = 'writing';
    this.#room.commit(entry);
    try {
      if (this.#options.overflow === 'drop_oldest' && this.#room.isOver(store)) await this.#makeRoom(store);
      await store.appender.append(entry);
    } catch (error) {
      entry.state = 'gone';
      this.#room.settle(entry);
      if (!entry.withdrawn) this.#release(entry, true);
      throw asError(error);
    }
  }

  /** It is on disk: from here on it is the queue's, in memory as well if there is room. */
  #written(entry: Entry, segment: Segment, index: number, offset: number): void {
    this.#room.settle(entry);
    entry.segment = segment;
    entry.index = index;
    entry.offset = offset;
    entry.order = segment.orderOf(index);
    entry.enqueuedAtMs = this.#options.clock.monotonic();
    if (entry.withdrawn) {
      this.#finish(entry);
      return;
    }
    const offered = mustBatch(entry);
    entry.batch = compactBatch(offered);
    const restingBefore = (this.#store?.restingRequests ?? 1) - 1;
    if (this.#window.tryKeep(entry, restingBefore)) {
      segment.hold(index, entry.items, entry.bytes);
      if (entry.batch !== offered) freeBytes(offered);
    } else {
      freeBytes(offered);
      entry.batch = undefined;
      entry.state = 'resting';
      this.#fill();
    }
    this.#takers.wakeOne();
  }

  /** Memory let go of it. */
  #rests(entry: Entry): void {
    mustPlace(entry).rest(entry.index, entry.items, entry.bytes);
    this.#store?.backlog.goBackTo(entry);
  }

  #read(segment: Segment, head: RecordHead, offset: number, body: Buffer, chunk: ReadChunk): void {
    const { items, length, index } = head;
    segment.hold(index, items, length);
    const batch: Batch = { signal: this.#options.signal, chunks: [body], bytes: length, items };
    offerBytes(batch, () => this.#freed(chunk));
    const enqueuedAtMs = this.#monotonic(head.enqueuedMs);
    const place = { segment, index, offset, order: segment.orderOf(index) };
    const entry: Entry = { ...UNPLACED, ...place, batch, items, bytes: length, enqueuedAtMs, refusalsBefore: 0 };
    this.#window.keepRead(entry, chunk);
    this.#takers.wakeOne();
  }

  #freed(chunk: ReadChunk): void {
    chunk.free += 1;
    if (chunk.free === chunk.records) this.#pool.giveBack(chunk);
  }

  #damaged(segment: Segment, lost: Totals): void {
    this.#lose(lost, 'damaged');
    this.#store?.notes.note(segment, lost.requests);
  }

  #lose(lost: Totals, reason: 'damaged' | 'evicted'): void {
    add(this.#room.held, -lost.requests, -lost.items, -lost.bytes);
    this.#options.onLost({ ...lost, reason });
    this.#offerers.wakeAll();
    if (this.requests === 0) this.#takers.wakeAll();
  }

  #cancel(entry: Entry): void {
    if (entry.state === 'reserved') {
      this.#room.commit(entry);
      this.#room.settle(entry);
      entry.state = 'gone';
      // Nobody was refused for the sake of this reservation: waking would only make fan-outs chase each other for ever.
      this.#release(entry, this.#refusals !== entry.refusalsBefore);
    } else if (entry.state === 'writing' && !entry.withdrawn) {
      // Out of the counts at once: a disk may hang.
      entry.withdrawn = true;
      this.#release(entry, true);
    }
  }

  readonly #endLease = (entry: Entry, done: boolean): void => {
    if (!this.#window.leased.delete(entry)) return;
    if (!done) {
      this.#giveBack(entry);
      return;
    }
    this.#window.release(entry);
    this.#finish(entry);
    this.#release(entry, true);
    this.#fill();
  };

  /** To its place in line; where what is yet to be read may come before it, it is read again with that. */
  #giveBack(entry: Entry): void {
    const { backlog, restingRequests } = mustBeOpen(this.#store);
    keepBytes(mustBatch(entry));
    if (restingRequests === 0 || this.#window.isWithin(entry) || backlog.isBefore(mustPlace(entry), entry.index)) {
      this.#window.put(entry);
    } else {
      this.#window.letGo(entry);
      entry.state = 'resting';
      this.#rests(entry);
    }
    this.#takers.wakeOne();
    this.#fill();
  }

  /** Its record is not needed any more. */
  #finish(entry: Entry): void {
    entry.state = 'gone';
    const segment = mustPlace(entry);
    segment.finish(entry.index, entry.items, entry.bytes);
    this.#store?.left(segment);
  }

  #release(entry: Entry, wake: boolean): void {
    this.#room.release(entry);
    if (wake) this.#offerers.wakeAll();
    if (this.#closed && this.requests === 0) this.#takers.wakeAll();
  }

  /** Reads back what rests, as far as memory allows. */
  #fill(): void {
    const store = this.#store;
    if (this.#filling || store === undefined || this.#shut !== undefined || store.restingRequests === 0) return;
    if (!this.#window.mayRead(store.backlog.nextBytes)) return;
    this.#filling = true;
    void store.backlog.load().finally(() => {
      this.#filling = false;
      this.#fill();
    });
  }

  /** Throws when what is leased meanwhile leaves no room. */
  async #makeRoom(store: Store): Promise<void> {
    await this.#eviction?.makeRoom();
    if (this.#room.isOver(store)) throw FULL.reason;
  }

  /** A wall time of some process as one on the monotonic clock of this; never later than now. */
  #monotonic(wallMs: number): number {
    const { clock } = this.#options;
    return clock.monotonic() - Math.max(0, clock.now() - wallMs);
  }
}

function mustBeOpen(store: Store | undefined): Store {
  if (store === undefined) throw new Error('BUG: a lease of a queue that was never opened.');
  return store;
}
