import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { MemoryQueue } from '../../src/core/memory-queue.ts';
import { queueSize, type Lease, type Lost, type Overflow, type QueueReservation } from '../../src/core/queue.ts';
import type { Sizer } from '../../src/core/sending.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';

/** What the queue must be like: plain lists, everything searched. */
interface Model {
  readonly sizer: Sizer;
  readonly capacity: number;
  readonly maxBytes: number;
  readonly overflow: Overflow;
  readonly freshFirst: boolean;
  readonly reserved: { reservation: Reserved; batch: Batch; id: number }[];
  readonly waiting: Waiting[];
  readonly leased: {
    reservation: Reserved;
    lease: Lease;
    batch: Batch;
    id: number;
    order: number;
    atMs: number;
    waits: boolean;
    abandoned: boolean;
  }[];
  closed: boolean;
  order: number;
  leases: number;
  /** What was committed, and what became of it: each item is in one of them. */
  committedItems: number;
  doneItems: number;
  withdrawnItems: number;
  returnedItems: number;
  readonly lostItems: Record<Lost['reason'], number>;
  readonly settled: number[];
}

interface Waiting {
  reservation: Reserved;
  batch: Batch;
  id: number;
  order: number;
  atMs: number;
  /** Somebody waits for the verdict. */
  waits: boolean;
}

interface Real {
  readonly queue: MemoryQueue;
  readonly clock: VirtualClock;
  readonly lostItems: Record<Lost['reason'], number>;
  readonly settled: number[];
  /** What only a promise can tell, looked at when the run is over. */
  readonly checks: Promise<void>[];
}

function nothingLost(): Record<Lost['reason'], number> {
  return { evicted: 0, memory_shed: 0, damaged: 0, shutdown: 0 };
}

type Reserved = Extract<QueueReservation, { status: 'reserved' }>;
type Step = fc.Command<Model, Real>;

function check(model: Model, real: Real): void {
  const all = [...model.reserved, ...model.waiting, ...model.leased];
  assert.equal(real.queue.requests, all.length);
  assert.equal(real.queue.items, sum(all.map(({ batch }) => batch.items)));
  assert.equal(real.queue.bytes, sum(all.map(({ batch }) => batch.bytes)));
  // What is only reserved may count on the room of what waits; what waits or is leased has room of its own.
  const held = model.overflow === 'push_back' ? all : [...model.waiting, ...model.leased];
  assert.ok(sizeOf(model, held) <= model.capacity);
  assert.ok(sum(held.map(({ batch }) => batch.bytes)) <= model.maxBytes);
  assert.deepEqual(real.settled, model.settled);
  assert.deepEqual(real.lostItems, model.lostItems);
  const inside = sum([...model.waiting, ...model.leased].map(({ batch }) => batch.items));
  const left = model.doneItems + model.withdrawnItems + model.returnedItems + sum(Object.values(model.lostItems));
  assert.equal(
    model.committedItems,
    inside + left,
    'everything committed is inside, done, withdrawn, returned or lost',
  );
}

type Sized = readonly { batch: Batch }[];

function sizeOf(model: Model, entries: Sized): number {
  return sum(entries.map(({ batch }) => queueSize(batch, model.sizer)));
}

function fits(model: Model, entries: Sized): boolean {
  return sizeOf(model, entries) <= model.capacity && sum(entries.map(({ batch }) => batch.bytes)) <= model.maxBytes;
}

/** The oldest that waits goes: whoever waits for its verdict is told, otherwise it is lost. */
function loseOldest(model: Model, reason: Lost['reason']): number {
  const entry = model.waiting.shift();
  if (entry === undefined) return 0;
  if (entry.waits) {
    model.settled.push(entry.id);
    model.returnedItems += entry.batch.items;
  } else model.lostItems[reason] += entry.batch.items;
  return entry.batch.bytes;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function step(name: string, run: (model: Model, real: Real) => void): Step {
  return {
    check: () => true,
    run: (model, real) => {
      run(model, real);
      check(model, real);
    },
    toString: () => name,
  };
}

let nextId = 0;

const reserve = (items: number, bytes: number): Step =>
  step(`reserve(${items}, ${bytes})`, (model, { queue }) => {
    const batch = makeBatch('logs', [new Uint8Array(bytes)], items);
    const cost = queueSize({ requests: 1, items, bytes }, model.sizer);
    const reservation = queue.tryReserve(batch);
    const certain = [...model.reserved, ...model.leased, ...(model.overflow === 'push_back' ? model.waiting : [])];
    if (model.closed) assert.equal(reservation.status, 'closed');
    else if (cost > model.capacity || bytes > model.maxBytes) assert.equal(reservation.status, 'too_large');
    else if (!fits(model, [...certain, { batch }])) assert.equal(reservation.status, 'full');
    else {
      assert.ok(reservation.status === 'reserved');
      model.reserved.push({ reservation, batch, id: nextId++ });
    }
  });

const commit = (at: number, waits: boolean): Step =>
  step(`commit(${at}, ${waits})`, (model, real) => {
    const [entry] = model.reserved.splice(at % (model.reserved.length || 1), 1);
    if (entry === undefined) return;
    const onSettled = waits ? () => real.settled.push(entry.id) : undefined;
    const rejected = Promise.resolve(entry.reservation.commit(onSettled))
      .then(() => false)
      .catch(() => true);
    const inside = () => [...model.waiting, ...model.leased, entry];
    if (model.overflow === 'drop_oldest') {
      while (model.waiting.length > 0 && !fits(model, inside())) loseOldest(model, 'evicted');
    }
    const fitted = fits(model, inside()) || model.overflow === 'push_back';
    real.checks.push(rejected.then((was) => assert.equal(was, !fitted)));
    if (!fitted) return;
    model.committedItems += entry.batch.items;
    model.waiting.push({ ...entry, order: model.order++, atMs: real.clock.monotonic(), waits });
  });

const cancel = (at: number): Step =>
  step(`cancel(${at})`, (model) => {
    const all = [...model.reserved, ...model.waiting, ...model.leased];
    const entry = all[at % (all.length || 1)];
    if (entry === undefined) return;
    entry.reservation.cancel();
    for (const list of [model.reserved, model.waiting] as { id: number }[][]) {
      const place = list.findIndex(({ id }) => id === entry.id);
      if (place === -1) continue;
      list.splice(place, 1);
      if (list === model.waiting) model.withdrawnItems += entry.batch.items;
    }
    for (const lease of model.leased) if (lease.id === entry.id) lease.abandoned = true;
  });

const lease = (): Step =>
  step('lease', (model, { queue, clock }) => {
    const [expected] = model.waiting.splice(turn(model, clock.monotonic()), 1);
    const taken = queue.tryLease();
    assert.equal(taken?.batch, expected?.batch);
    if (expected !== undefined && taken !== undefined)
      model.leased.push({ ...expected, lease: taken, abandoned: false });
  });

/** Which of those that wait is next. */
function turn(model: Model, nowMs: number): number {
  if (!model.freshFirst || model.waiting.length === 0 || ++model.leases % 4 === 0) return 0;
  return Math.max(
    0,
    model.waiting.findIndex(({ atMs }) => nowMs - atMs <= 5000),
  );
}

const done = (at: number): Step =>
  step(`done(${at})`, (model) => {
    const [entry] = model.leased.splice(at % (model.leased.length || 1), 1);
    if (entry === undefined) return;
    if (!entry.abandoned && entry.waits) model.settled.push(entry.id);
    model.doneItems += entry.batch.items;
    entry.lease.done(ACCEPTED);
  });

const giveBack = (at: number): Step =>
  step(`giveBack(${at})`, (model) => {
    const [entry] = model.leased.splice(at % (model.leased.length || 1), 1);
    if (entry === undefined) return;
    if (!entry.abandoned) {
      model.waiting.push(entry);
      model.waiting.sort((a, b) => a.order - b.order);
    } else model.withdrawnItems += entry.batch.items;
    entry.lease.giveBack();
  });

const shed = (bytes: number): Step =>
  step(`shed(${bytes})`, (model, { queue }) => {
    let freed = 0;
    while (freed < bytes && model.waiting.length > 0) freed += loseOldest(model, 'memory_shed');
    assert.equal(queue.shed(bytes), freed);
  });

const pass = (ms: number): Step => step(`pass(${ms})`, (_, { clock }) => void clock.advance(ms));

const close = (): Step =>
  step('close', (model, { queue }) => {
    model.closed = true;
    queue.close();
  });

it('MemoryQueue behaves as plain lists do, whatever the order of calls', async () => {
  const place = fc.nat(20);
  const committed = fc.tuple(place, fc.boolean()).map(([at, waits]) => commit(at, waits));
  const steps = fc.commands(
    [
      fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 120 })).map((size) => reserve(...size)),
      committed,
      committed,
      place.map(cancel),
      fc.constant(lease()),
      fc.constant(lease()),
      place.map(done),
      place.map(giveBack),
      fc.nat(200).map(shed),
      fc.constantFrom(0, 1000, 6000).map(pass),
      fc.nat(9).map((chance) => (chance === 0 ? close() : lease())),
    ],
    { maxCommands: 120, size: 'max' },
  );
  const bounds = fc.record({
    sizer: fc.constantFrom<Sizer>('requests', 'items', 'bytes'),
    capacity: fc.integer({ min: 1, max: 100 }),
    maxBytes: fc.integer({ min: 50, max: 500 }),
    overflow: fc.constantFrom<Overflow>('push_back', 'drop_oldest'),
    freshFirst: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(bounds, steps, async (bound, commands) => {
      const checks: Promise<void>[] = [];
      fc.modelRun(() => setUp(bound, checks), commands);
      await Promise.all(checks);
    }),
    { numRuns: 400 },
  );
});

type Bounds = Pick<Model, 'sizer' | 'capacity' | 'maxBytes' | 'overflow' | 'freshFirst'>;

function setUp(bounds: Bounds, checks: Promise<void>[]): { model: Model; real: Real } {
  const clock = new VirtualClock();
  const lostItems = nothingLost();
  const onLost = ({ reason, items }: Lost): void => void (lostItems[reason] += items);
  const counts = { order: 0, leases: 0, committedItems: 0, doneItems: 0, withdrawnItems: 0, returnedItems: 0 };
  const lists = { reserved: [], waiting: [], leased: [], settled: [] };
  return {
    model: { ...bounds, ...counts, ...lists, closed: false, lostItems: nothingLost() },
    real: { queue: new MemoryQueue({ clock, ...bounds, onLost }), clock, lostItems, settled: [], checks },
  };
}
