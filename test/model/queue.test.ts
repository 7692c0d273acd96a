import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { MemoryQueue } from '../../src/core/memory-queue.ts';
import { queueSize, type Lease, type QueueReservation } from '../../src/core/queue.ts';
import type { Sizer } from '../../src/core/sending.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';

/** What the queue must be like: plain lists, everything searched. */
interface Model {
  readonly sizer: Sizer;
  readonly capacity: number;
  readonly maxBytes: number;
  readonly reserved: { reservation: Reserved; batch: Batch; id: number }[];
  readonly waiting: { reservation: Reserved; batch: Batch; id: number; order: number }[];
  readonly leased: {
    reservation: Reserved;
    lease: Lease;
    batch: Batch;
    id: number;
    order: number;
    abandoned: boolean;
  }[];
  closed: boolean;
  order: number;
  readonly settled: number[];
}

interface Real {
  readonly queue: MemoryQueue;
  readonly settled: number[];
}

type Reserved = Extract<QueueReservation, { status: 'reserved' }>;
type Step = fc.Command<Model, Real>;

function check(model: Model, real: Real): void {
  const all = [...model.reserved, ...model.waiting, ...model.leased];
  assert.equal(real.queue.requests, all.length);
  assert.equal(real.queue.items, sum(all.map(({ batch }) => batch.items)));
  assert.equal(real.queue.bytes, sum(all.map(({ batch }) => batch.bytes)));
  assert.ok(queueSize(real.queue, model.sizer) <= model.capacity);
  assert.ok(real.queue.bytes <= model.maxBytes);
  assert.deepEqual(real.settled, model.settled);
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
    const used = { requests: queue.requests, items: queue.items, bytes: queue.bytes };
    const cost = queueSize({ requests: 1, items, bytes }, model.sizer);
    const reservation = queue.tryReserve(batch);
    if (model.closed) assert.equal(reservation.status, 'closed');
    else if (cost > model.capacity || bytes > model.maxBytes) assert.equal(reservation.status, 'too_large');
    else if (queueSize(used, model.sizer) + cost > model.capacity || used.bytes + bytes > model.maxBytes)
      assert.equal(reservation.status, 'full');
    else {
      assert.ok(reservation.status === 'reserved');
      model.reserved.push({ reservation, batch, id: nextId++ });
    }
  });

const commit = (at: number): Step =>
  step(`commit(${at})`, (model, real) => {
    const [entry] = model.reserved.splice(at % (model.reserved.length || 1), 1);
    if (entry === undefined) return;
    void entry.reservation.commit(() => real.settled.push(entry.id));
    model.waiting.push({ ...entry, order: model.order++ });
  });

const cancel = (at: number): Step =>
  step(`cancel(${at})`, (model) => {
    const all = [...model.reserved, ...model.waiting, ...model.leased];
    const entry = all[at % (all.length || 1)];
    if (entry === undefined) return;
    entry.reservation.cancel();
    for (const list of [model.reserved, model.waiting] as { id: number }[][]) {
      const place = list.findIndex(({ id }) => id === entry.id);
      if (place !== -1) list.splice(place, 1);
    }
    for (const lease of model.leased) if (lease.id === entry.id) lease.abandoned = true;
  });

const lease = (): Step =>
  step('lease', (model, { queue }) => {
    const expected = model.waiting.shift();
    const taken = queue.tryLease();
    assert.equal(taken?.batch, expected?.batch);
    if (expected !== undefined && taken !== undefined)
      model.leased.push({ ...expected, lease: taken, abandoned: false });
  });

const done = (at: number): Step =>
  step(`done(${at})`, (model) => {
    const [entry] = model.leased.splice(at % (model.leased.length || 1), 1);
    if (entry === undefined) return;
    if (!entry.abandoned) model.settled.push(entry.id);
    entry.lease.done(ACCEPTED);
  });

const giveBack = (at: number): Step =>
  step(`giveBack(${at})`, (model) => {
    const [entry] = model.leased.splice(at % (model.leased.length || 1), 1);
    if (entry === undefined) return;
    if (!entry.abandoned) {
      model.waiting.push(entry);
      model.waiting.sort((a, b) => a.order - b.order);
    }
    entry.lease.giveBack();
  });

const close = (): Step =>
  step('close', (model, { queue }) => {
    model.closed = true;
    queue.close();
  });

it('MemoryQueue behaves as plain lists do, whatever the order of calls', () => {
  const place = fc.nat(20);
  const steps = fc.commands(
    [
      fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 120 })).map((size) => reserve(...size)),
      place.map(commit),
      place.map(commit),
      place.map(cancel),
      fc.constant(lease()),
      fc.constant(lease()),
      place.map(done),
      place.map(giveBack),
      fc.nat(9).map((chance) => (chance === 0 ? close() : lease())),
    ],
    { maxCommands: 120, size: 'max' },
  );
  const bounds = fc.record({
    sizer: fc.constantFrom<Sizer>('requests', 'items', 'bytes'),
    capacity: fc.integer({ min: 1, max: 100 }),
    maxBytes: fc.integer({ min: 50, max: 500 }),
  });
  fc.assert(
    fc.property(bounds, steps, (bound, commands) => {
      fc.modelRun(() => {
        const real = { queue: new MemoryQueue({ clock: new VirtualClock(), ...bound }), settled: [] };
        const model = { ...bound, reserved: [], waiting: [], leased: [], closed: false, order: 0, settled: [] };
        return { model, real };
      }, commands);
    }),
    { numRuns: 200 },
  );
});
