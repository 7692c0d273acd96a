import assert from 'node:assert/strict';
import { batchBytes, makeBatch, type Batch } from '../../../src/core/batch.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { queueSize, type Lease, type Lost, type Overflow, type QueueReservation } from '../../../src/core/queue.ts';
import { seededRandom, type Random } from '../../../src/core/random.ts';
import { freeBytes, offerBytes } from '../../../src/core/reuse.ts';
import type { Sizer } from '../../../src/core/sending.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import type { FsyncPolicy } from '../../../src/storage/queue/appender.ts';
import { DiskQueue } from '../../../src/storage/queue/disk-queue.ts';
import { TestMeter } from '../../support/context.ts';
import { CrashingDisk, type Call, type CrashKind } from './crashing-disk.ts';

export interface Setup {
  readonly seed: number;
  readonly sizer: Sizer;
  readonly capacity: number;
  readonly maxBytes: number;
  readonly memoryBytes: number;
  readonly segmentBytes: number;
  readonly chunkBytes: number;
  readonly overflow: Overflow;
  readonly freshFirst: boolean;
  readonly fsync: FsyncPolicy;
}

type Reserved = Extract<QueueReservation, { status: 'reserved' }>;

/** One request as the model knows it; `id` is its content too, and grows in the order of the commits. */
interface Known {
  readonly id: number;
  readonly items: number;
  readonly bytes: number;
}

interface ReservedOne extends Known {
  readonly reservation: Reserved;
}

interface LeasedOne extends Known {
  readonly lease: Lease;
  readonly order: number;
}

interface WaitingOne extends Known {
  readonly order: number;
}

/** What was done is noted on disk within this time. */
const REPEAT_WINDOW_MS = 100;

/**
 * The queue on a disk that fails, next to what it must be like: plain lists. Every method is one step, lets everything
 * settle, and compares.
 */
export class World {
  readonly #setup: Setup;
  readonly #random: Random;
  #disk: CrashingDisk;
  #clock = new VirtualClock();
  #queue: DiskQueue;
  #lost: Lost[] = [];
  #nextId = 1;
  #nextOrder = 1;
  #reserved: ReservedOne[] = [];
  #waiting: WaitingOne[] = [];
  #leased: LeasedOne[] = [];
  /** Left the queue, by when: may come again after a crash. */
  #left: (WaitingOne & { readonly atMs: number })[] = [];
  /** Commits that were refused or never answered: a crash may bring them. */
  #unsure: WaitingOne[] = [];
  /** Since when notes may not have been written. */
  #notesFailSince: number | undefined;
  /** Requests that were reported as damaged, and are not known by name yet. */
  #nameless = 0;
  /** Nothing could be read for longer than the queue waits. */
  #mayDamage = false;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#random = seededRandom(String(setup.seed));
    this.#disk = new CrashingDisk(this.#random);
    this.#queue = this.#make(this.#disk, this.#clock, setup.memoryBytes, (lost) => this.#onLost(lost));
  }

  async begin(): Promise<void> {
    const opened = this.#queue.open();
    await settle(this.#disk);
    await opened;
    // Half of a write that nobody was promised is damage too; what was promised is in the census.
    this.#lost = [];
  }

  reserve(items: number, bytes: number): Promise<void> {
    const id = this.#nextId++;
    const batch = batchOf(id, items, bytes);
    const size = { requests: 1, items, bytes };
    const used = { requests: this.#queue.requests, items: this.#queue.items, bytes: this.#queue.bytes };
    const reservation = this.#queue.tryReserve(batch);
    const { sizer, capacity, overflow } = this.#setup;
    const over = queueSize(used, sizer) + queueSize(size, sizer) > capacity;
    if (queueSize(size, sizer) > capacity) assert.equal(reservation.status, 'too_large');
    else if (over && overflow === 'push_back') assert.equal(reservation.status, 'full');
    if (reservation.status === 'reserved') this.#reserved.push({ id, items, bytes, reservation });
    return this.#settled();
  }

  /** Commits several at once. Of those that a dying disk never answers nothing is sure. */
  async commit(count: number): Promise<void> {
    const going = this.#reserved.splice(0, count);
    const open = new Set<WaitingOne>();
    const unfounded: unknown[] = [];
    for (const { id, items, bytes, reservation } of going) {
      const entry = { id, items, bytes, order: this.#nextOrder++ };
      open.add(entry);
      Promise.resolve(reservation.commit()).then(
        () => {
          open.delete(entry);
          this.#waiting.push(entry);
          sortByOrder(this.#waiting);
        },
        (error: unknown) => {
          open.delete(entry);
          this.#unsure.push(entry);
          if (this.#hasNoExcuse()) unfounded.push(error);
        },
      );
      // Where the oldest go, who comes first decides what is let go of: one after the other.
      if (this.#setup.overflow === 'drop_oldest') await this.#settle();
    }
    await this.#settle();
    for (let tries = 0; open.size > 0 && !this.#disk.dead && tries < 10; tries++) await this.#pass(500);
    if (!this.#disk.dead) assert.equal(open.size, 0, 'a commit was never answered');
    this.#unsure.push(...open);
    assert.deepEqual(unfounded, [], 'a commit was refused although nothing was in its way');
    await this.#settled();
  }

  /** Nothing is leased or reserved by others, and the disk is well. */
  #hasNoExcuse(): boolean {
    const free = this.#leased.length === 0 && this.#reserved.length === 0;
    return free && this.#notesFailSince === undefined && !this.#disk.dead;
  }

  async cancel(at: number): Promise<void> {
    const [entry] = this.#reserved.splice(at % (this.#reserved.length || 1), 1);
    entry?.reservation.cancel();
    await this.#settled();
  }

  async lease(): Promise<void> {
    let lease = this.#queue.tryLease();
    for (let tries = 0; lease === undefined && this.#waiting.length > this.#nameless && tries < 8; tries++) {
      await this.#pass(400);
      lease = this.#queue.tryLease();
    }
    if (lease === undefined) {
      const stuck = this.#waiting.length > this.#nameless && this.#leased.length === 0 && !this.#disk.dead;
      assert.ok(!stuck, 'there is something to lease, and it does not come');
      return;
    }
    this.#took(lease);
    await this.#settled();
  }

  async done(at: number): Promise<void> {
    const [entry] = this.#leased.splice(at % (this.#leased.length || 1), 1);
    if (entry === undefined) return;
    const { lease, ...known } = entry;
    this.#leave(known);
    const { batch } = lease;
    lease.done(ACCEPTED);
    freeBytes(batch);
    await this.#settled();
  }

  async giveBack(at: number): Promise<void> {
    const [entry] = this.#leased.splice(at % (this.#leased.length || 1), 1);
    if (entry === undefined) return;
    this.#waiting.push(entry);
    sortByOrder(this.#waiting);
    entry.lease.giveBack();
    await this.#settled();
  }

  async shed(bytes: number): Promise<void> {
    this.#queue.shed(bytes);
    await this.#settled();
  }

  async pass(ms: number): Promise<void> {
    await this.#pass(ms);
    await this.#settled();
  }

  /** The disk has room for this many bytes more, or any number again. */
  async fill(bytesLeft: number): Promise<void> {
    this.#disk.capacity = this.#disk.bytesOf('') + bytesLeft;
    this.#notesFailSince ??= this.#clock.monotonic();
    await this.#settled();
  }

  async fail(call: Call, times: number): Promise<void> {
    // After a few tries a read is given up; where the oldest go as well, nobody could tell what went for which reason.
    const few = call === 'read' && this.#setup.overflow === 'drop_oldest';
    this.#disk.failures.set(call, few ? Math.min(3, times) : times);
    this.#notesFailSince ??= this.#clock.monotonic();
    await this.#settled();
  }

  /** The disk gives nothing for so long that what is asked for is given up. */
  async silence(minutes: number): Promise<void> {
    await this.fail('read', Number.POSITIVE_INFINITY);
    if (minutes >= 5 && this.#setup.overflow !== 'drop_oldest') this.#mayDamage = true;
    await this.pass(minutes * 60_000);
    this.#disk.failures.delete('read');
    await this.pass(1000);
  }

  /** All is well again, and within seconds the queue takes new data. */
  async heal(): Promise<void> {
    this.#disk.capacity = Number.POSITIVE_INFINITY;
    this.#disk.failures.clear();
    await this.#pass(3000);
    this.#notesFailSince = undefined;
    this.#left = [];
    // What was refused is cut off for good before anything else is taken.
    this.#unsure = [];
    const probe = this.#queue.tryReserve(batchOf(0, 1, 8));
    if (probe.status === 'reserved') probe.cancel();
    else assert.notEqual(probe.reason.code, 'storage_failed');
    await this.#settled();
  }

  /** The process ends after `calls` calls of the disk while `work` goes on, and another one starts. */
  async crash(kind: CrashKind, calls: number, work: () => Promise<void>): Promise<void> {
    this.#disk.diesAfter = this.#disk.calls + calls;
    await work();
    // What is synced later is promised to a process that is killed, not to one without power.
    const promised = this.#setup.fsync === 'always' ? kind : 'kill';
    await this.#restart(this.#disk.crash(promised), true);
  }

  async shutAndRestart(): Promise<void> {
    this.#queue.close();
    for (const { lease, ...known } of this.#leased.splice(0)) {
      lease.giveBack();
      this.#waiting.push(known);
    }
    for (const { reservation } of this.#reserved.splice(0)) reservation.cancel();
    sortByOrder(this.#waiting);
    const shut = this.#queue.shut(new AbortController().signal);
    for (let tries = 0; tries < 6; tries++) await this.#pass(300);
    await shut;
    assert.equal(this.#clock.pending, 0, 'a timer is left');
    assert.equal(this.#disk.openFiles, 0, 'a file is left open');
    await this.#restart(this.#disk.crash('kill'), this.#notesFailSince !== undefined);
  }

  /** Everything that was accepted comes out. */
  async drain(): Promise<void> {
    await this.heal();
    while (this.#leased.length > 0) await this.done(0);
    for (const { reservation } of this.#reserved.splice(0)) reservation.cancel();
    while (this.#waiting.length > this.#nameless) {
      await this.lease();
      await this.done(0);
    }
    await this.#pass(200);
    assert.deepEqual([this.#queue.requests, this.#queue.items, this.#queue.bytes], [0, 0, 0]);
    assert.equal(this.#queue.tryLease(), undefined);
  }

  async #restart(disk: CrashingDisk, crashed: boolean): Promise<void> {
    const crashedAtMs = this.#clock.monotonic();
    // What was done shortly before notes began to fail was not noted yet.
    const since = Math.min(crashedAtMs, this.#notesFailSince ?? Number.POSITIVE_INFINITY) - REPEAT_WINDOW_MS;
    const certain = [...this.#waiting, ...this.#leased];
    const repeats = crashed ? this.#left.filter(({ atMs }) => atMs >= since) : [];
    const possible = new Map<number, WaitingOne>();
    for (const one of [...(crashed ? this.#unsure : []), ...repeats]) possible.set(one.id, one);
    this.#clock = new VirtualClock(this.#clock.now() + 1000);
    disk.capacity = Number.POSITIVE_INFINITY;
    const found = await this.#census(disk.copy());
    this.#waiting = this.#accountFor(found, certain, possible);
    this.#leased = [];
    this.#reserved = [];
    this.#notesFailSince = undefined;
    this.#left = [];
    this.#unsure = [];
    this.#mayDamage = false;
    this.#disk = disk;
    this.#queue = this.#make(disk, this.#clock, this.#setup.memoryBytes, (lost) => this.#onLost(lost));
    await this.begin();
    await this.#settled();
  }

  /** What is found must be all that is certain, in order, and beyond it only what is possible. */
  #accountFor(found: readonly number[], certain: readonly Known[], possible: Map<number, WaitingOne>): WaitingOne[] {
    const here = new Set(found);
    assert.equal(here.size, found.length, 'something is there twice');
    const missing = certain.filter(({ id }) => !here.has(id));
    assert.ok(missing.length <= this.#nameless, `lost: ${missing.map(({ id }) => id).join()}`);
    this.#nameless = 0;
    const known = new Map([...this.#waiting, ...this.#leased].map((one) => [one.id, one]));
    const waiting = found.map((id): WaitingOne => {
      const one = known.get(id) ?? possible.get(id);
      assert.ok(one !== undefined, `${id} comes again, or was never accepted`);
      return { id, items: one.items, bytes: one.bytes, order: one.order };
    });
    const orders = waiting.map(({ order }) => order);
    assert.deepEqual(
      orders,
      [...orders].sort((a, b) => a - b),
      'the order is kept',
    );
    return waiting;
  }

  /** Opens a copy of the disk and takes out all that is there. */
  async #census(disk: CrashingDisk): Promise<number[]> {
    const clock = new VirtualClock(this.#clock.now());
    const queue = this.#make(disk, clock, 1e9, () => undefined);
    const opened = queue.open();
    await settle(disk);
    const held = await opened;
    const ids: number[] = [];
    const sums = { requests: 0, items: 0, bytes: 0 };
    for (let lease = queue.tryLease(); lease !== undefined; lease = queue.tryLease()) {
      ids.push(idOf(lease.batch));
      sums.requests += 1;
      sums.items += lease.batch.items;
      sums.bytes += lease.batch.bytes;
      await settle(disk);
    }
    assert.deepEqual(held, sums, 'what it says it holds is what comes out');
    return ids;
  }

  #took(lease: Lease): void {
    const id = idOf(lease.batch);
    const at = this.#waiting.findIndex((one) => one.id === id);
    assert.notEqual(at, -1, `${id} was leased and does not wait`);
    // What was lost by damage is found out by being passed over, and reported once its segment was walked to the end.
    const isReportedLater = this.#mayDamage && at > this.#nameless;
    if (!this.#setup.freshFirst && !isReportedLater) {
      assert.ok(at <= this.#nameless, `${id} was leased before ${this.#waiting[0]?.id ?? 0}`);
      this.#nameless -= at;
      this.#waiting.splice(0, at);
    }
    const place = this.#waiting.findIndex((one) => one.id === id);
    const [one] = this.#waiting.splice(place, 1);
    assert.ok(one !== undefined);
    assert.deepEqual([lease.batch.items, lease.batch.bytes], [one.items, one.bytes]);
    assert.ok(lease.enqueuedAtMs <= this.#clock.monotonic());
    this.#leased.push({ ...one, lease });
  }

  #leave(one: WaitingOne): void {
    this.#left.push({ ...one, atMs: this.#clock.monotonic() });
  }

  #onLost(lost: Lost): void {
    this.#lost.push(lost);
  }

  /** What the queue says it let go of. */
  #bookLosses(): void {
    for (const { reason, requests, items, bytes } of this.#lost.splice(0)) {
      if (reason === 'damaged') {
        assert.ok(this.#mayDamage, 'nothing is damaged');
        this.#nameless += requests;
        continue;
      }
      assert.equal(reason, 'evicted');
      assert.equal(this.#setup.overflow, 'drop_oldest');
      const gone = this.#waiting.splice(0, requests);
      assert.deepEqual(
        [requests, items, bytes],
        [gone.length, sum(gone, 'items'), sum(gone, 'bytes')],
        'the oldest go',
      );
      for (const one of gone) this.#leave(one);
    }
  }

  async #pass(ms: number): Promise<void> {
    await this.#clock.advance(ms);
    await this.#settle();
  }

  async #settled(): Promise<void> {
    await this.#settle();
    this.#check();
  }

  async #settle(): Promise<void> {
    await settle(this.#disk);
    this.#bookLosses();
  }

  #check(): void {
    if (this.#disk.dead) return;
    const all = [...this.#reserved, ...this.#waiting, ...this.#leased];
    assert.equal(this.#queue.requests, all.length - this.#nameless, 'requests');
    if (this.#nameless === 0) {
      assert.equal(this.#queue.items, sum(all, 'items'), 'items');
      assert.equal(this.#queue.bytes, sum(all, 'bytes'), 'bytes');
    }
    if (this.#notesFailSince !== undefined) return;
    const { maxBytes, segmentBytes } = this.#setup;
    const segments = this.#disk.names().filter((name) => name.endsWith('.segment')).length;
    const bound = maxBytes + segmentBytes + segments * 128;
    assert.ok(this.#disk.bytesOf('.segment') <= bound, `${this.#disk.bytesOf('.segment')} bytes on disk`);
  }

  #make(disk: CrashingDisk, clock: VirtualClock, memoryBytes: number, onLost: (lost: Lost) => void): DiskQueue {
    const { sizer, capacity, maxBytes, segmentBytes, chunkBytes, overflow, freshFirst, fsync } = this.#setup;
    return new DiskQueue({
      signal: 'logs',
      clock,
      log: silentLogger,
      meter: new TestMeter(),
      labels: {},
      sizer,
      capacity,
      maxBytes,
      memoryBytes,
      segmentBytes,
      chunkBytes,
      overflow,
      freshFirst: freshFirst && memoryBytes < 1e9,
      random: this.#random,
      fsync,
      folder: () => Promise.resolve(disk),
      onLost,
    });
  }
}

/** Until nothing moves any more without time passing. */
async function settle(disk: CrashingDisk): Promise<void> {
  for (let quiet = 0, calls = disk.calls; quiet < 2; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (disk.calls === calls) continue;
    calls = disk.calls;
    quiet = -1;
  }
}

/** A batch whose every byte follows from its id, and which spoils its bytes once they may be used again. */
function batchOf(id: number, items: number, bytes: number): Batch {
  const content = Buffer.alloc(bytes);
  content.writeUInt32LE(id, 0);
  for (let at = 4; at < bytes; at++) content[at] = (id * 31 + at) & 255;
  const cut = Math.floor(bytes / 3);
  const batch = makeBatch('logs', [content.subarray(0, cut), content.subarray(cut)], items);
  offerBytes(batch, () => content.fill(255));
  return batch;
}

function idOf(batch: Batch): number {
  const content = Buffer.from(batchBytes(batch));
  const id = content.readUInt32LE(0);
  for (let at = 4; at < content.length; at++) assert.equal(content[at], (id * 31 + at) & 255, 'the content is spoiled');
  return id;
}

function sum(list: readonly Known[], field: 'items' | 'bytes'): number {
  return list.reduce((total, one) => total + one[field], 0);
}

function sortByOrder(list: WaitingOne[]): void {
  list.sort((a, b) => a.order - b.order);
}
