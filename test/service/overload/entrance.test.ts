import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Consumer, Refused } from '../../../src/core/component.ts';
import { ByteAdmission } from '../../../src/net/admission.ts';
import { Entrance, type UnderWay } from '../../../src/service/overload/entrance.ts';
import { makeBatch } from '../../../src/core/batch.ts';
import { CollectingConsumer, TestMeter } from '../../support/context.ts';

const NEVER = new AbortController().signal;
const BATCH = makeBatch('logs', [new Uint8Array(3)], 1);

function setUp() {
  const guard: { refusal: Refused | undefined; restMs: number } = { refusal: undefined, restMs: 0 };
  const meter = new TestMeter();
  const admission = new ByteAdmission(1000, 0);
  const resting = new ByteAdmission(1000, 0);
  const entrance = new Entrance({ admission, resting, guard, meter });
  const refused = (reason: string) => meter.value('remora_overload_refused_requests', { reason });
  return { guard, meter, admission, entrance, refused };
}

const MEMORY: Refused = { reason: 'memory', message: 'Memory is short.', afterMs: 4000 };

test('the door is shut while the guard refuses, or while a queue that the signal goes to is full', () => {
  const { guard, admission, entrance, refused } = setUp();
  const room: { afterMs: number | undefined } = { afterMs: undefined };
  const asked: [number, UnderWay][] = [];
  const queue = {
    roomAfterMs: (bytes: number, underWay: UnderWay) => {
      asked.push([bytes, { ...underWay }]);
      return room.afterMs;
    },
  };
  const door = entrance.door(new Map([['traces', [queue]]]));
  assert.equal(door('traces', 7), undefined);
  room.afterMs = 2500;
  const held = admission.tryAdmit(100);
  assert.deepEqual(door('traces', 8), { reason: 'queue', message: 'The sending queue is full.', afterMs: 2500 });
  held?.handOver();
  room.afterMs = undefined;
  assert.equal(door('traces', 9), undefined);
  held?.release();
  assert.deepEqual(asked, [
    [7, { requests: 0, bytes: 0 }],
    [8, { requests: 1, bytes: 100 }],
    [9, { requests: 0, bytes: 0 }],
  ]);
  assert.equal(door('logs', 8), undefined, 'another signal goes elsewhere');
  guard.refusal = MEMORY;
  assert.equal(door('logs', 8), MEMORY);
  assert.deepEqual([refused('queue'), refused('memory'), refused('event_loop')], [1, 1, 0]);
});

test('the gate answers retry while the guard refuses, to offers and to reservations', async () => {
  const { guard, entrance, refused } = setUp();
  const next = new CollectingConsumer();
  const reserving: Consumer = {
    consume: (batch, abort) => next.consume(batch, abort),
    tryReserve: () => ({ status: 'reserved', commit: (abort) => next.consume(BATCH, abort), cancel: () => undefined }),
  };
  assert.ok(!('tryReserve' in entrance.gate(next)));
  const gate = entrance.gate(reserving);
  guard.refusal = MEMORY;
  const verdict = await gate.consume(BATCH, NEVER);
  assert.deepEqual([verdict.status, verdict.status === 'retry' && verdict.afterMs], ['retry', 4000]);
  assert.equal(gate.tryReserve?.(BATCH).status, 'retry');
  assert.deepEqual([refused('memory'), next.items], [2, 0]);
  guard.refusal = undefined;
  assert.equal((await gate.consume(BATCH, NEVER)).status, 'accepted');
  assert.equal(gate.tryReserve(BATCH).status, 'reserved');
});

test('what is admitted can be watched', () => {
  const { admission, meter } = setUp();
  const held = admission.tryAdmit(300);
  assert.equal(meter.value('remora_admission_bytes'), 300);
  assert.equal(meter.value('remora_admission_requests'), 1);
  held?.release();
  assert.equal(meter.value('remora_admission_bytes'), 0);
});
