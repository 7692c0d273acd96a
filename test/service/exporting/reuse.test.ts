import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyBatch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { fanout } from '../../../src/core/fanout.ts';
import { offerBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { numberedLogs } from '../../support/batches.ts';
import { senderRig } from '../../support/sender.ts';

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));

/** How often the bytes of a batch were given back after the upstream answered so. */
async function reusesAfter(
  answers: readonly (Verdict | Error | 'never')[],
  settings: Parameters<typeof senderRig>[0] = {},
): Promise<number> {
  const rig = senderRig({ sending_queue: { num_consumers: 1 }, ...settings });
  rig.exporter.script(...answers);
  let reuses = 0;
  const batch = copyBatch(numberedLogs(1, 4));
  offerBytes(batch, () => (reuses += 1));
  await rig.sender.start();
  const verdict = rig.consumer.consume(batch, rig.caller.signal);
  await rig.clock.advance(60_000);
  assert.equal((await verdict).status, 'accepted');
  return reuses;
}

test('the bytes of a batch are given back once all of it was delivered by its first attempt', async () => {
  assert.equal(await reusesAfter([ACCEPTED]), 1);
  const batched = {
    sending_queue: { batch: { flush_timeout: '1s', min_size: 1, max_size: 3, sizer: 'items' as const } },
  };
  assert.equal(await reusesAfter([ACCEPTED, ACCEPTED], batched), 1);
});

test('bytes that an attempt may still read, or that were not all delivered, are left alone', async () => {
  assert.equal(await reusesAfter([BUSY, ACCEPTED]), 0, 'a repeated attempt');
  assert.equal(await reusesAfter(['never', ACCEPTED]), 0, 'an attempt that hangs');
  assert.equal(await reusesAfter([acceptedPartly(1, 'one is bad')]), 0, 'a part was refused');
  assert.equal(await reusesAfter([rejected(new Error('no'))]), 0, 'refused');
  assert.equal(await reusesAfter([new Error('a bug')]), 0, 'failed');
});

test('a caller that left may offer its batch again, so its bytes stay', async () => {
  const rig = senderRig({ sending_queue: { num_consumers: 1, wait_for_result: true } });
  rig.exporter.hold();
  await rig.sender.start();
  let reuses = 0;
  const batch = copyBatch(numberedLogs(1, 4));
  offerBytes(batch, () => (reuses += 1));
  const verdict = rig.consumer.consume(batch, rig.caller.signal);
  await rig.clock.advance(0);
  rig.caller.abort();
  assert.equal((await verdict).status, 'retry');
  rig.exporter.release();
  await rig.clock.advance(0);
  assert.equal(rig.exporter.delivered.length, 1);
  assert.equal(reuses, 0);
});

test('a sibling that drops what it is given holds no bytes, one that keeps it does', async () => {
  for (const [room, expected] of [
    [1, 0],
    [0, 1],
  ] as const) {
    const clock = new VirtualClock();
    const live = senderRig({}, { clock });
    const full = senderRig({ sending_queue: { queue_size: 1, optional: true } }, { clock });
    if (room === 0) await full.consumer.consume(numberedLogs(9, 1), full.caller.signal);
    const options = { clock, stopping: new AbortController().signal, onLost: () => assert.fail('Nothing is lost.') };
    let reuses = 0;
    const batch = copyBatch(numberedLogs(1, 4));
    offerBytes(batch, () => (reuses += 1));
    await live.sender.start();
    const both = fanout([live.consumer, full.consumer], options);
    assert.deepEqual(await both.consume(batch, live.caller.signal), ACCEPTED);
    await clock.advance(0);
    assert.equal(live.exporter.delivered.length, 1);
    assert.equal(reuses, expected);
  }
});
