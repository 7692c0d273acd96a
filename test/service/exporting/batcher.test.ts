import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { seededRandom, type Random } from '../../../src/core/random.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { numberedLogs, numbersIn, range } from '../../support/batches.ts';
import { senderRig } from '../../support/sender.ts';

const REFUSED = rejected(new RemoraError('upstream_rejected', 'Refused.'));
const MIDDLE: Random = () => 0.5;

type Batching = NonNullable<Parameters<typeof senderRig>[0]>['sending_queue'];

/** A started sender that batches; the records offered to it are numbered on from 1. */
async function batching(queue: Batching, random: Random = MIDDLE) {
  const rig = senderRig(
    { sending_queue: { num_consumers: 2, ...queue }, adaptive_concurrency: { initial: 2 } },
    { random },
  );
  await rig.sender.start();
  let next = 1;
  const offer = (count: number, abort = rig.caller.signal): Promise<Verdict> => {
    const batch = numberedLogs(next, count);
    next += count;
    return rig.consumer.consume(batch, abort);
  };
  const sizes = (): number[] => rig.exporter.attempts.map(({ items }) => items);
  return { ...rig, offer, sizes };
}

/** The same once it has flushed for the first time, of which the time is another matter. */
async function flushing(queue: Batching, random?: Random) {
  const rig = await batching(queue, random);
  await rig.offer(1);
  await rig.clock.advance(300);
  assert.deepEqual(rig.sizes(), [1]);
  rig.exporter.attempts.length = 0;
  return rig;
}

describe('batcher', () => {
  it('sends as soon as min_size has gathered, joined without a copy', async () => {
    const { offer, sizes, clock, exporter } = await batching({ batch: { min_size: 10 } });
    await offer(4);
    await offer(4);
    await clock.advance(0);
    assert.deepEqual(sizes(), []);
    await offer(4);
    await clock.advance(0);
    assert.deepEqual(sizes(), [12]);
    assert.equal(exporter.attempts[0]?.chunks.length, 3);
    assert.deepEqual(numbersIn(exporter.delivered), range(1, 12));
    assert.equal(clock.pending, 0);
  });

  it('sends what there is after flush_timeout since the first', async () => {
    const { offer, sizes, clock } = await flushing({ batch: { flush_timeout: '200ms' } });
    await offer(4);
    await clock.advance(150);
    await offer(4);
    await clock.advance(49);
    assert.deepEqual(sizes(), []);
    await clock.advance(1);
    assert.deepEqual(sizes(), [8]);
    assert.equal(clock.pending, 0);
  });

  for (const [drawn, atMs] of [
    [0, 180],
    [0.5, 200],
    [0.75, 210],
  ] as const) {
    it(`flushes at ${atMs} ms when the jitter draws ${drawn}`, async () => {
      const { offer, sizes, clock } = await flushing({ batch: {} }, () => drawn);
      await offer(1);
      await clock.advance(atMs - 1);
      assert.deepEqual(sizes(), []);
      await clock.advance(1.001);
      assert.deepEqual(sizes(), [1]);
    });
  }

  it('flushes for the first time anywhere before that, so that instances that start together do not flush together', async () => {
    const flushes = await Promise.all(
      range(1, 200).map(async (instance) => {
        const { offer, sizes, clock } = await batching({ batch: {} }, seededRandom(`pod-${instance}`));
        await offer(1);
        while (sizes().length === 0) await clock.advance(10);
        return clock.monotonic();
      }),
    );
    for (let fromMs = 0; fromMs < 200; fromMs += 50) {
      const inside = flushes.filter((atMs) => atMs > fromMs && atMs <= fromMs + 50).length;
      assert.ok(inside > 25 && inside < 75, `${inside} of 200 flush in the 50 ms after ${fromMs} ms`);
    }
  });

  it('flushes exactly at flush_timeout without jitter, from the first time on', async () => {
    const rig = senderRig({ flush_jitter: 0, sending_queue: { batch: {} } });
    await rig.sender.start();
    await rig.consumer.consume(numberedLogs(1, 1), rig.caller.signal);
    await rig.clock.advance(199);
    assert.equal(rig.exporter.attempts.length, 0);
    await rig.clock.advance(1);
    assert.equal(rig.exporter.attempts.length, 1);
  });

  it('is on with its defaults for null, off when absent', async () => {
    for (const batch of [null, {}]) {
      const { offer, sizes, clock } = await batching({ batch });
      await offer(1);
      await offer(1);
      await clock.advance(200);
      assert.deepEqual(sizes(), [2]);
    }
    const { offer, sizes, clock } = await batching({});
    await offer(1);
    await offer(1);
    await clock.advance(0);
    assert.deepEqual(sizes(), [1, 1]);
  });

  it('cuts to max_size, also inside one entry, and lets the rest go on gathering', async () => {
    const { offer, sizes, clock, exporter } = await batching({ batch: { min_size: 10, max_size: 10 } });
    await offer(34);
    await clock.advance(0);
    assert.deepEqual(sizes(), [10, 10, 10]);
    await offer(3);
    await clock.advance(0);
    assert.deepEqual(sizes(), [10, 10, 10]);
    await offer(5);
    await clock.advance(0);
    assert.deepEqual(sizes(), [10, 10, 10, 7], 'a part over half full is closed rather than cut into the next');
    await clock.advance(220);
    assert.deepEqual(sizes(), [10, 10, 10, 7, 5]);
    assert.deepEqual(numbersIn(exporter.delivered), range(1, 42));
  });

  it('counts min_size and max_size in bytes when told to', async () => {
    const { offer, clock, exporter } = await batching({ batch: { min_size: 200, max_size: 300, sizer: 'bytes' } });
    await offer(10);
    await clock.advance(0);
    assert.equal(exporter.attempts.length, 0);
    await offer(60);
    await clock.advance(220);
    assert.ok(exporter.delivered.length >= 3);
    assert.ok(exporter.attempts.every(({ bytes }) => bytes <= 300));
    assert.deepEqual(numbersIn(exporter.delivered), range(1, 70));
  });

  it('sends a backlog older than flush_timeout without waiting for more', async () => {
    const { offer, sizes, clock, exporter } = await batching({ num_consumers: 1, batch: { min_size: 10 } });
    exporter.hold();
    await offer(10);
    await clock.advance(0);
    await offer(3);
    await clock.advance(4000);
    assert.deepEqual(sizes(), [10]);
    exporter.release();
    await clock.advance(0);
    assert.deepEqual(numbersIn(exporter.delivered), range(1, 13));
  });

  it('shows what it gathers and sends as part of the queue, until all pieces of an entry are settled', async () => {
    const { offer, clock, exporter, sender, account } = await batching({ batch: { min_size: 10, max_size: 10 } });
    exporter.hold();
    await offer(15);
    await clock.advance(300);
    assert.equal(exporter.waiting, 2);
    exporter.answer();
    await clock.advance(0);
    assert.deepEqual([sender.queue?.items, account.passed, account.imbalance], [15, 0, 0]);
    exporter.answer(REFUSED);
    await clock.advance(0);
    assert.deepEqual([sender.queue?.items, account.passed, account.imbalance], [0, 10, 0]);
    assert.deepEqual([...account.rejected], [['upstream_rejected', 5]]);
  });

  it('books a partial success of a joined request so that the ledger closes', async () => {
    const { offer, clock, exporter, account } = await batching({ batch: {} });
    exporter.script(acceptedPartly(3, 'Too old.'));
    await offer(2);
    await offer(2);
    await clock.advance(220);
    assert.deepEqual([account.passed, account.rejected.get('partial_success'), account.imbalance], [1, 3, 0]);
  });

  it('flushes at once when the sender stops', async () => {
    const { offer, clock, sizes, sender, deadline } = await batching({ batch: { flush_timeout: '1h' } });
    await offer(4);
    await offer(5);
    await clock.advance(1000);
    const stopped = sender.stop(deadline.signal);
    await clock.advance(0);
    await stopped;
    assert.deepEqual(sizes(), [9]);
    assert.equal(clock.pending, 0);
  });

  it('drops what it gathered at the deadline, in flight or not, and counts every item once', async () => {
    const { offer, clock, exporter, sender, deadline, account } = await batching({
      num_consumers: 1,
      batch: { min_size: 10, max_size: 10 },
    });
    exporter.hold();
    await offer(25);
    await offer(4);
    await clock.advance(0);
    exporter.answer();
    await clock.advance(0);
    const stopped = sender.stop(deadline.signal);
    await clock.advance(0);
    deadline.abort();
    await stopped;
    assert.deepEqual([account.passed, account.dropped.get('shutdown'), account.imbalance], [10, 19, 0]);
    assert.equal(sender.leftover().items, 29, 'the entry of which a part was sent was still whole in the queue');
    assert.equal(clock.pending, 0);
  });

  it('answers each waiting caller by what became of its own items', async () => {
    const { offer, clock, exporter, account } = await batching({
      wait_for_result: true,
      batch: { min_size: 10, max_size: 10 },
    });
    exporter.script(ACCEPTED, REFUSED);
    const verdicts = [offer(4), offer(12), offer(4)];
    await clock.advance(220);
    const [first, second, third] = await Promise.all(verdicts);
    assert.deepEqual(first, ACCEPTED);
    assert.deepEqual(second, acceptedPartly(6, 'Refused.'), 'half delivered: a retry would duplicate it');
    assert.deepEqual(third, REFUSED);
    assert.deepEqual([account.received, account.passed, account.imbalance], [16, 10, 0]);
  });

  it('keeps no caller waiting for more once it drains, and still takes what comes', async () => {
    const { offer, clock, sender, sizes } = await batching({ wait_for_result: true, batch: { flush_timeout: '60s' } });
    const waiting = offer(4);
    await clock.advance(0);
    assert.deepEqual(sizes(), []);
    sender.drain();
    assert.deepEqual(await waiting, ACCEPTED);
    assert.deepEqual(await offer(2), ACCEPTED);
    assert.deepEqual(sizes(), [4, 2]);
    assert.equal(clock.pending, 0);
  });

  it('does not blame one waiting caller for what the upstream refused of a shared request', async () => {
    const { offer, clock, exporter } = await batching({ wait_for_result: true, batch: {} });
    exporter.script(acceptedPartly(1, 'Too old.'));
    const verdicts = [offer(2), offer(2)];
    await clock.advance(220);
    const message = 'The upstream refused 1 of the 4 items sent in one request with these: Too old.';
    assert.deepEqual(await Promise.all(verdicts), [acceptedPartly(0, message), acceptedPartly(0, message)]);
  });

  it('sends what it cannot split as it came', async () => {
    const { consumer, caller, clock, exporter, log } = await batching({ batch: { min_size: 10, max_size: 10 } });
    const broken = makeBatch('logs', [new Uint8Array([0x0a, 0x7f, 1])], 20);
    await consumer.consume(broken, caller.signal);
    await clock.advance(0);
    assert.deepEqual(exporter.delivered, [broken]);
    assert.deepEqual(log.lines, ['WARN A request could not be split to max_size and is sent as it came.']);
  });

  it('keeps a joined request together over retries', async () => {
    const { offer, clock, exporter } = await batching({ batch: {} });
    exporter.script(retry(new Error('Busy.')));
    await offer(2);
    await offer(3);
    await clock.advance(10_000);
    assert.deepEqual(numbersIn(exporter.delivered), range(1, 5));
    assert.equal(exporter.attempts[0], exporter.attempts[1]);
  });
});
