import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Reservation } from '../../../src/core/component.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { fanout } from '../../../src/core/fanout.ts';
import type { Pending } from '../../../src/core/pending.ts';
import { ACCEPTED, retry, type Verdict } from '../../../src/core/verdict.ts';
import { deltaToCumulativeProcessor } from '../../../src/processors/delta-to-cumulative/index.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { DELTA, metricsBatch, numberPoint, sum } from './metric-batches.ts';
import { Rig } from './rig.ts';

const NEVER = new AbortController().signal;
const NOT_NOW = retry(new RemoraError('upstream_unavailable', 'Not now.'));

function delta(time: number, value: number): Batch {
  return metricsBatch(sum('requests', DELTA, numberPoint(time - 10, time, value)));
}

/** A consumer whose answers are given by hand. */
class Slow extends CollectingConsumer {
  readonly waiting: ((verdict: Verdict) => void)[] = [];
  override answer = (): Promise<Verdict> => new Promise((resolve) => this.waiting.push(resolve));

  decide(verdict: Verdict): void {
    this.waiting.shift()?.(verdict);
  }
}

/** A consumer that reserves; what it was asked and told is written down. */
class Reserving extends CollectingConsumer {
  hasRoom = true;
  verdict: Pending<Verdict> = ACCEPTED;
  cancelled = 0;

  tryReserve(batch: Batch): Reservation {
    if (!this.hasRoom) return { status: 'retry', verdict: NOT_NOW };
    return {
      status: 'reserved',
      commit: () => {
        const { verdict } = this;
        if (!(verdict instanceof Promise) && verdict.status === 'accepted') this.batches.push(batch);
        return verdict;
      },
      cancel: () => (this.cancelled += 1),
    };
  }
}

test('a batch is converted once the one before is decided, and on what that came to', async () => {
  const next = new Slow();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  const offered = [delta(10, 1), delta(20, 2), delta(30, 4)].map((batch) => rig.processor.consume(batch, NEVER));
  await until(() => next.waiting.length === 1, 'the first one is offered on');
  next.decide(ACCEPTED);
  await until(() => next.waiting.length === 1 && next.batches.length === 1, 'the second one is offered on');
  next.decide(NOT_NOW);
  await until(() => next.waiting.length === 1, 'the third one is offered on');
  next.decide(ACCEPTED);
  assert.deepEqual(
    (await Promise.all(offered)).map(({ status }) => status),
    ['accepted', 'retry', 'accepted'],
  );
  assert.deepEqual(rig.numbers, [
    [0, 10, 1],
    [0, 30, 5],
  ]);
});

test('whoever waits for a turn is let go when its patience ends, and the turn is another’s', async () => {
  const next = new Slow();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  const first = rig.processor.consume(delta(10, 1), NEVER);
  await until(() => next.waiting.length === 1, 'the first one is offered on');
  const patience = new AbortController();
  const second = rig.processor.consume(delta(20, 2), patience.signal);
  const third = rig.processor.consume(delta(30, 4), NEVER);
  patience.abort();
  assert.equal((await second).status, 'retry');
  next.decide(ACCEPTED);
  await until(() => next.waiting.length === 1 && next.batches.length === 1, 'the third one is offered on');
  next.decide(ACCEPTED);
  assert.deepEqual([(await first).status, (await third).status], ['accepted', 'accepted']);
  assert.deepEqual(rig.numbers.at(-1), [0, 30, 5]);
});

test('a bug behind it ends the turn and leaves the states', async () => {
  const next = new CollectingConsumer();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  await rig.mustTake(delta(10, 1));
  next.answer = () => Promise.reject(new Error('A bug.'));
  await assert.rejects(rig.processor.consume(delta(20, 2), NEVER), /A bug/);
  next.answer = () => ACCEPTED;
  await rig.mustTake(delta(20, 2));
  assert.deepEqual(rig.numbers.at(-1), [0, 20, 3]);
});

function reserve(rig: Rig, batch: Batch): Extract<Reservation, { status: 'reserved' }> {
  const reservation = rig.processor.tryReserve?.(batch);
  assert.ok(reservation?.status === 'reserved');
  return reservation;
}

test('a reservation that is cancelled, or finds no room, leaves the states', () => {
  const next = new Reserving();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  reserve(rig, delta(10, 1)).cancel();
  assert.equal(next.cancelled, 1);
  next.hasRoom = false;
  assert.equal(rig.processor.tryReserve?.(delta(10, 1)).status, 'retry');
  next.hasRoom = true;
  assert.equal(reserve(rig, delta(10, 1)).commit(NEVER), ACCEPTED);
  assert.equal(reserve(rig, delta(20, 2)).commit(NEVER), ACCEPTED);
  assert.deepEqual(rig.numbers, [
    [0, 10, 1],
    [0, 20, 3],
  ]);
});

test('while a commit is not decided there is no room, and whoever waits for it is told when there is', async () => {
  const next = new Reserving();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  const decided = Promise.withResolvers<Verdict>();
  next.verdict = decided.promise;
  const committed = reserve(rig, delta(10, 1)).commit(NEVER);
  const refused = rig.processor.tryReserve?.(delta(20, 2));
  assert.ok(refused?.status === 'retry' && refused.room !== undefined);
  const room = refused.room(NEVER);
  decided.resolve(NOT_NOW);
  assert.equal((await committed).status, 'retry');
  await room;
  next.verdict = ACCEPTED;
  assert.equal(reserve(rig, delta(20, 2)).commit(NEVER), ACCEPTED);
  assert.deepEqual(rig.numbers, [[10, 20, 2]]);
});

test('a commit that fails ends the turn', async () => {
  const next = new Reserving();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  next.verdict = Promise.reject(new Error('A bug.'));
  await assert.rejects(async () => reserve(rig, delta(10, 1)).commit(NEVER), /A bug/);
  next.verdict = ACCEPTED;
  assert.equal(reserve(rig, delta(10, 1)).commit(NEVER), ACCEPTED);
  assert.deepEqual(rig.numbers, [[0, 10, 1]]);
});

test('in a fan-out nothing is counted of what another pipeline has no room for', async () => {
  const next = new Reserving();
  const rig = Rig.of(deltaToCumulativeProcessor, {}, next);
  const other = new Reserving();
  const onLost = (): void => assert.fail('nothing is lost');
  const both = fanout([rig.processor, other], { clock: systemClock, stopping: NEVER, onLost });
  other.hasRoom = false;
  for (let time = 0; time < 3; time++) assert.equal((await both.consume(delta(10, 1), NEVER)).status, 'retry');
  other.hasRoom = true;
  assert.equal((await both.consume(delta(10, 1), NEVER)).status, 'accepted');
  assert.deepEqual([rig.numbers, other.items], [[[0, 10, 1]], 1]);
});

test('a batch of which nothing is left is taken', async () => {
  const rig = Rig.of(deltaToCumulativeProcessor, {}, new Reserving());
  assert.equal(reserve(rig, delta(10, 1)).commit(NEVER), ACCEPTED);
  assert.equal(reserve(rig, delta(10, 1)).commit(NEVER), ACCEPTED);
  assert.equal((await rig.processor.consume(delta(10, 1), NEVER)).status, 'accepted');
  assert.deepEqual([rig.points.length, rig.dropped], [1, { duplicate_point: 2 }]);
});
