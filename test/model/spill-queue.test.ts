import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { MemoryQueue } from '../../src/core/memory-queue.ts';
import type { Lease, Lost, Overflow } from '../../src/core/queue.ts';
import { SpillQueue } from '../../src/core/spill-queue.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { numberedLogs, numbersIn } from '../support/batches.ts';
import { TestMeter } from '../support/context.ts';
import { TestDisk } from '../support/durable-queue.ts';
import { copyBatch } from '../../src/core/batch.ts';

/**
 * Random lives of a queue that is memory first: entries come and go, the disk fails and recovers, memory is shed, the
 * process stops or is killed. Whatever was accepted is delivered, on the disk, or lost under a reason; a kill loses what
 * was in memory and nothing else.
 */
type Step =
  | { readonly kind: 'offer' | 'lease' | 'cancel' }
  | { readonly kind: 'done' | 'giveBack'; readonly at: number }
  | { readonly kind: 'shed'; readonly bytes: number }
  | { readonly kind: 'disk'; readonly state: TestDisk['state'] };

const STEPS = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Step>({ kind: 'offer' }, { kind: 'lease' }, { kind: 'cancel' }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('done' as const, 'giveBack' as const), at: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('shed' as const), bytes: fc.nat(80) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('disk' as const),
        state: fc.constantFrom('well' as const, 'well' as const, 'full' as const, 'failing' as const),
      }),
    },
  ),
  { maxLength: 80, size: 'max' },
);

const SETTINGS = fc.record({
  memoryBytes: fc.integer({ min: 20, max: 120 }),
  places: fc.integer({ min: 1, max: 8 }),
  overflow: fc.constantFrom<Overflow>('push_back', 'drop_oldest'),
  freshFirst: fc.boolean(),
  end: fc.constantFrom('kill' as const, 'stop' as const, 'stop while the disk hangs' as const),
});

type Settings = typeof SETTINGS extends fc.Arbitrary<infer T> ? T : never;

function spillOver(disk: TestDisk, clock: VirtualClock, settings: Settings) {
  const { memoryBytes: maxBytes, places, overflow, freshFirst } = settings;
  const lostItems = new Map<Lost['reason'], number>();
  const onLost = ({ reason, items }: Lost): void => void lostItems.set(reason, (lostItems.get(reason) ?? 0) + items);
  const sizer = 'requests' as const;
  const memory = new MemoryQueue({ clock, sizer, capacity: 1000, maxBytes, freshFirst, onLost });
  const bounds = { sizer, capacity: places, maxBytes: 10_000, memoryBytes: 0, overflow, freshFirst, onLost };
  const common = { signal: 'logs' as const, clock, log: silentLogger, meter: new TestMeter(), labels: {} };
  const queue = new SpillQueue({ clock, memory, disk: disk.queue({ ...common, ...bounds }), freshFirst, onLost });
  return { queue, memory, lost: () => [...lostItems.values()].reduce((sum, items) => sum + items, 0) };
}

async function play(settings: Settings, steps: readonly Step[]): Promise<void> {
  const clock = new VirtualClock();
  const disk = new TestDisk();
  const { queue, memory, lost } = spillOver(disk, clock, settings);
  await queue.open();
  let next = 0;
  let taken = 0;
  const done: number[] = [];
  const leases: Lease[] = [];
  for (const step of steps) {
    switch (step.kind) {
      case 'offer':
      case 'cancel': {
        const reservation = queue.tryReserve(copyBatch(numberedLogs(next, 1)));
        if (reservation.status !== 'reserved') break;
        if (step.kind === 'cancel') reservation.cancel();
        else {
          next += 1;
          await Promise.resolve(reservation.commit()).then(
            () => (taken += 1),
            () => undefined,
          );
        }
        break;
      }
      case 'lease': {
        const lease = queue.tryLease();
        if (lease !== undefined) leases.push(lease);
        break;
      }
      case 'shed':
        queue.shed(step.bytes);
        assert.equal(queue.items, taken - done.length - lost(), 'what moves is counted once');
        break;
      case 'disk':
        disk.state = step.state;
        break;
      case 'done':
      case 'giveBack': {
        const [lease] = leases.splice(step.at % (leases.length || 1), 1);
        if (lease === undefined) break;
        if (step.kind === 'giveBack') lease.giveBack();
        else {
          done.push(...numbersIn([lease.batch]));
          lease.done(ACCEPTED);
        }
      }
    }
    await clock.advance(0);
    assert.equal(queue.items, taken - done.length - lost(), 'what is inside is what was taken and has not left');
    assert.ok(memory.bytes <= settings.memoryBytes);
  }
  await end(settings, { disk, clock, queue, leases });
  const onDisk = numbersIn([...disk.entries]);
  assert.equal(new Set([...done, ...onDisk]).size, done.length + onDisk.length, 'nothing is there twice');
  if (settings.end === 'kill') assert.ok(taken - done.length - onDisk.length - lost() <= memory.requests);
  else assert.equal(queue.items, taken - done.length - lost());
  if (settings.end === 'stop') assert.equal(done.length + onDisk.length + lost(), taken);
  assert.equal(clock.pending, 0);
}

interface Life {
  readonly disk: TestDisk;
  readonly clock: VirtualClock;
  readonly queue: SpillQueue;
  readonly leases: readonly Lease[];
}

async function end(settings: Settings, { disk, clock, queue, leases }: Life): Promise<void> {
  if (settings.end === 'kill') return;
  if (settings.end !== 'stop') disk.gate = new Promise(() => undefined);
  queue.close();
  assert.equal(queue.tryReserve(numberedLogs(0, 1)).status, 'closed');
  for (const lease of leases) lease.giveBack();
  const shut = queue.shut(AbortSignal.abort());
  await clock.advance(1000);
  await shut;
}

it('a queue that is memory first keeps what it took, or says what became of it', async () => {
  await fc.assert(fc.asyncProperty(SETTINGS, STEPS, play), { numRuns: 500 });
});

it('without fresh_first and with a disk that works, what comes first goes first', async () => {
  const settings = { memoryBytes: 60, places: 1000, overflow: 'push_back', freshFirst: false, end: 'kill' } as const;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 100, size: 'max' }), async (offers) => {
      const { queue } = spillOver(new TestDisk(), new VirtualClock(), settings);
      await queue.open();
      let offered = 0;
      let leased = 0;
      for (const isOffer of offers) {
        if (isOffer) {
          const reservation = queue.tryReserve(copyBatch(numberedLogs(offered, 1)));
          assert.ok(reservation.status === 'reserved');
          await reservation.commit();
          offered += 1;
          continue;
        }
        const lease = queue.tryLease();
        assert.deepEqual(
          lease === undefined ? undefined : numbersIn([lease.batch]),
          leased < offered ? [leased] : undefined,
        );
        if (lease === undefined) continue;
        leased += 1;
        lease.done(ACCEPTED);
      }
    }),
    { numRuns: 200 },
  );
});
