import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinBatches, type Batch } from '../../src/core/batch.ts';
import type { Consumer } from '../../src/core/component.ts';
import { fanout } from '../../src/core/fanout.ts';
import { MemoryQueue } from '../../src/core/memory-queue.ts';
import type { Lease } from '../../src/core/queue.ts';
import { freeBytes } from '../../src/core/reuse.ts';
import { transformer } from '../../src/core/transform.ts';
import { ACCEPTED, retry } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { rewriteRequest } from '../../src/otlp/edit.ts';
import { SpareBuffers } from '../../src/otlp/spare-buffers.ts';
import { NEVER, spansBatch, spansIn } from '../processors/tail-sampling/rig.ts';
import { processorContext } from '../support/context.ts';

/** Drops every item whose place in the batch has this remainder 1, and counts how often memory was used again. */
function thinning(every: number, next: Consumer, seen: Set<ArrayBufferLike>, reused: () => void): Consumer {
  const spare = new SpareBuffers();
  return transformer(processorContext('traces', next), (input) => {
    let at = 0;
    const { batch, dropped, copied } = rewriteRequest(input, { dropItem: () => at++ % every === 1, spare });
    for (const { buffer } of batch === input ? [] : (batch?.chunks ?? [])) {
      if (seen.has(buffer)) reused();
      seen.add(buffer);
    }
    return { batch, dropped: { thinned: dropped }, copied };
  });
}

const thinned = (names: readonly string[], ...all: readonly number[]): readonly string[] =>
  all.reduce<readonly string[]>((left, every) => left.filter((_, at) => at % every !== 1), names);

function into(queue: MemoryQueue): Consumer {
  const full = retry(new Error('full'));
  const tryReserve: NonNullable<Consumer['tryReserve']> = (batch) => {
    const reservation = queue.tryReserve(batch);
    if (reservation.status !== 'reserved') return { status: 'retry', verdict: full };
    const commit = () => {
      void reservation.commit();
      return ACCEPTED;
    };
    return { status: 'reserved', commit, cancel: () => reservation.cancel() };
  };
  return {
    tryReserve,
    consume(batch, abort) {
      const reservation = tryReserve(batch);
      return Promise.resolve(reservation.status === 'reserved' ? reservation.commit(abort) : reservation.verdict);
    },
  };
}

/**
 *   way 0   thin 3 ─► thin 4 ─► queue 0
 *   way 1   ┬ thin 3 ─► thin 5 ─┬──────────► queue 0
 *           │                   └ thin 4 ──► queue 1
 *           └ thin 7 ──────────────────────► queue 2
 */
function world() {
  const clock = new VirtualClock();
  const queues = [0, 1, 2].map(() => new MemoryQueue({ clock, sizer: 'items', capacity: 400, maxBytes: 2 ** 24 }));
  const [a, b, c] = queues.map(into);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const count = { reused: 0 };
  const seen = new Set<ArrayBufferLike>();
  const thin = (every: number, next: Consumer): Consumer => thinning(every, next, seen, () => (count.reused += 1));
  const options = { clock, stopping: NEVER, onLost: () => assert.fail('nothing is lost') };
  const ways = [thin(3, thin(4, a)), fanout([thin(3, thin(5, fanout([a, thin(4, b)], options))), thin(7, c)], options)];
  return { queues, ways, count };
}

const WANTED = [
  [[0, 3, 4]],
  [
    [0, 3, 5],
    [1, 3, 5, 4],
    [2, 7],
  ],
] as const;

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ way: fc.nat(1), spans: fc.integer({ min: 5, max: 30 }), pad: fc.nat(300) }) },
  {
    weight: 4,
    arbitrary: fc.record({ queue: fc.nat(2), joined: fc.integer({ min: 1, max: 3 }), back: fc.boolean() }),
  },
);

test('whatever is thinned, fanned out, joined, given back and delivered in any order is never written over before', async () => {
  let reused = 0;
  const play = fc.asyncProperty(fc.array(step, { minLength: 100, maxLength: 300 }), async (steps) => {
    const { queues, ways, count } = world();
    const wanted: (readonly string[])[][] = [[], [], []];
    const leave = (at: number, joined: number, back: boolean): void => {
      const leases = Array.from({ length: joined }, () => queues[at]?.tryLease()).filter((one): one is Lease => !!one);
      if (leases.length === 0) return;
      const batch: Batch = joinBatches(leases.map((lease) => lease.batch));
      const expected = wanted[at]?.slice(0, leases.length).flat();
      assert.deepEqual(
        spansIn([batch]).map(({ name }) => name),
        expected,
      );
      if (back) for (const lease of leases.toReversed()) lease.giveBack();
      else {
        wanted[at]?.splice(0, leases.length);
        for (const lease of leases) {
          lease.done(ACCEPTED);
          freeBytes(lease.batch);
        }
      }
    };
    for (const [number, one] of steps.entries()) {
      if ('queue' in one) {
        leave(one.queue, one.joined, one.back);
        continue;
      }
      const names = Array.from({ length: one.spans }, (_, at) => `${number}.${at} ${'x'.repeat(100 + one.pad)}`);
      const batch = spansBatch(names.map((name, at) => ({ trace: at, name })));
      const verdict = await ways[one.way]?.consume(batch, NEVER);
      if (verdict?.status !== 'accepted') continue;
      for (const [queue, ...every] of WANTED[one.way] ?? []) wanted[queue]?.push(thinned(names, ...every));
    }
    reused += count.reused;
  });
  await fc.assert(play, { numRuns: 30 });
  assert.ok(reused > 100, `memory was used again ${reused} times`);
});
