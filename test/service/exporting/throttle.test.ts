import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { BypassSwitch } from '../../../src/service/bypass-switch.ts';
import { Throttle } from '../../../src/service/exporting/throttle.ts';
import { opaqueBatch } from '../../support/batches.ts';
import { TestMeter } from '../../support/context.ts';
import { TestDisk } from '../../support/durable-queue.ts';
import { sendingSettings, senderRig } from '../../support/sender.ts';

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const NEVER = new AbortController().signal;
const LABELS = { exporter: 'otlp' };

type Rig = ReturnType<typeof senderRig>;

async function fill(rig: Rig, batches: number, items: number): Promise<void> {
  for (let i = 0; i < batches; i++) {
    assert.equal((await rig.consumer.consume(opaqueBatch(items), rig.caller.signal)).status, 'accepted');
  }
}

describe('an exporter with a rate limit', () => {
  it('sends its rate exactly, and what waits stays in the queue', async () => {
    const rig = senderRig({
      sending_queue: { sizer: 'items', queue_size: 100_000 },
      rate_limit: { items_per_second: 1000 },
    });
    await rig.sender.start();
    await fill(rig, 500, 100);
    await rig.clock.advance(0);
    const atOnce = rig.exporter.deliveredItems;
    assert.ok(atOnce >= 1000 && atOnce <= 1100, `a burst of one second, and one batch: ${atOnce}`);
    await rig.clock.advance(10_000);
    const sent = rig.exporter.deliveredItems - atOnce;
    assert.ok(Math.abs(sent - 10_000) <= 100, `${sent} in 10 s`);
    assert.equal(rig.account.held(), 50_000 - rig.exporter.deliveredItems);
    assert.equal(rig.account.imbalance, 0);
    await rig.clock.advance(60_000);
    assert.equal(rig.exporter.deliveredItems, 50_000);
    assert.equal(rig.clock.pending, 0);
  });

  it('counts bytes as they are encoded', async () => {
    const rig = senderRig({ rate_limit: { bytes_per_second: '1KiB', burst: '100ms' } });
    await rig.sender.start();
    await fill(rig, 100, 10);
    await rig.clock.advance(4000);
    const bytes = rig.exporter.delivered.reduce((sum, batch) => sum + batch.bytes, 0);
    assert.ok(bytes >= 4096 && bytes <= 4096 + 103 + 100, `${bytes} bytes`);
  });

  it('pushes back when the queue is full of what waits, and says when there is room', async () => {
    const rig = senderRig({
      sending_queue: { sizer: 'items', queue_size: 1000 },
      rate_limit: { items_per_second: 100 },
    });
    await rig.sender.start();
    await fill(rig, 10, 100);
    await rig.clock.advance(0);
    await rig.consumer.consume(opaqueBatch(100), rig.caller.signal);
    await rig.clock.advance(5000);
    let verdict;
    do verdict = await rig.consumer.consume(opaqueBatch(100), rig.caller.signal);
    while (verdict.status === 'accepted');
    assert.equal(verdict.status, 'retry');
    assert.ok(verdict.afterMs !== undefined && verdict.afterMs >= 1000 && verdict.afterMs <= 30_000);
    assert.equal(rig.account.imbalance, 0);
  });

  it('pays again for what is sent again', async () => {
    const rig = senderRig({
      sending_queue: { num_consumers: 1 },
      retry_on_failure: { initial_interval: '1ms', multiplier: 1, randomization_factor: 0 },
      rate_limit: { items_per_second: 100 },
    });
    rig.exporter.script(BUSY, BUSY);
    await rig.sender.start();
    await fill(rig, 1, 200);
    await rig.clock.advance(999);
    assert.equal(rig.exporter.attempts.length, 1);
    await rig.clock.advance(1);
    assert.equal(rig.exporter.attempts.length, 2);
    await rig.clock.advance(1999);
    assert.equal(rig.exporter.attempts.length, 2);
    await rig.clock.advance(1);
    assert.equal(rig.exporter.attempts.length, 3);
    assert.equal(rig.exporter.deliveredItems, 200);
  });

  it('does not pay for an attempt that had no connection', async () => {
    const rig = senderRig({
      sending_queue: { num_consumers: 1 },
      retry_on_failure: { initial_interval: '1ms', multiplier: 1, randomization_factor: 0 },
      rate_limit: { items_per_second: 100 },
    });
    rig.exporter.script({ ...BUSY, unsent: true }, { ...BUSY, unsent: true });
    await rig.sender.start();
    await fill(rig, 2, 200);
    await rig.clock.advance(10);
    assert.equal(rig.exporter.deliveredItems, 200, 'the third attempt is the first that is paid for');
    await rig.clock.advance(980);
    assert.equal(rig.exporter.deliveredItems, 200, 'and paid once');
    await rig.clock.advance(20);
    assert.equal(rig.exporter.deliveredItems, 400);
  });

  it('never sends more than its rate, the burst and one request in any window, however the upstream behaves', async () => {
    const rig = senderRig({
      sending_queue: { sizer: 'items', queue_size: 100_000 },
      retry_on_failure: { initial_interval: '2s', max_elapsed_time: 0 },
      rate_limit: { items_per_second: 1000 },
    });
    const sent: { atMs: number; items: number }[] = [];
    const { exporter, clock } = rig;
    const send = exporter.send.bind(exporter);
    exporter.send = (batch, abort) => {
      sent.push({ atMs: clock.monotonic(), items: batch.items });
      return send(batch, abort);
    };
    await rig.sender.start();
    await fill(rig, 200, 400);
    for (let turn = 0; turn < 10; turn++) {
      exporter.fallback = turn % 2 === 0 ? ACCEPTED : BUSY;
      await clock.advance(20_000);
    }
    assert.equal(exporter.deliveredItems, 80_000);
    assert.ok(sent.length > 220, 'some were sent again');
    for (let from = 0; from < sent.length; from++) {
      let items = 0;
      for (const { atMs, items: more } of sent.slice(from)) {
        items += more;
        const allowed = atMs - (sent[from]?.atMs ?? 0) + 1000 + 400;
        assert.ok(items <= allowed, `${items} items where ${allowed} are allowed`);
      }
    }
    assert.equal(rig.account.imbalance, 0);
  });

  it('shows its limits and how long requests waited', async () => {
    const rig = senderRig({ rate_limit: { items_per_second: 100, bytes_per_second: '1MiB' } });
    await rig.sender.start();
    await fill(rig, 3, 300);
    await rig.clock.advance(10_000);
    assert.equal(rig.meter.value('remora_exporter_rate_limit_items_per_second', LABELS), 100);
    assert.equal(rig.meter.value('remora_exporter_rate_limit_bytes_per_second', LABELS), 1_048_576);
    assert.equal(rig.meter.value('remora_exporter_rate_limited_seconds', LABELS), 2 + 3);
  });

  it('holds up the caller when there is no queue, who may leave at any time', async () => {
    const rig = senderRig({ sending_queue: { enabled: false }, rate_limit: { items_per_second: 100 } });
    await rig.consumer.consume(opaqueBatch(200), NEVER);
    const second = rig.consumer.consume(opaqueBatch(1), rig.caller.signal);
    const third = rig.consumer.consume(opaqueBatch(1), NEVER);
    await rig.clock.advance(500);
    rig.caller.abort();
    const left = await second;
    assert.equal(left.status, 'retry');
    assert.equal(rig.exporter.attempts.length, 1);
    await rig.clock.advance(500);
    assert.equal((await third).status, 'accepted');
    assert.equal(rig.account.imbalance, 0);
    assert.equal(rig.clock.pending, 0);
  });

  it('does not send what nobody waits for any more, and does not pay for it', async () => {
    const rig = senderRig({ sending_queue: { wait_for_result: true }, rate_limit: { items_per_second: 100 } });
    await rig.sender.start();
    await rig.consumer.consume(opaqueBatch(200), NEVER);
    const left = rig.consumer.consume(opaqueBatch(5000), rig.caller.signal);
    await rig.clock.advance(500);
    rig.caller.abort();
    assert.equal((await left).status, 'retry');
    const next = rig.consumer.consume(opaqueBatch(7), NEVER);
    await rig.clock.advance(500);
    assert.equal((await next).status, 'accepted');
    assert.equal(rig.exporter.deliveredItems, 207);
    assert.equal(rig.account.imbalance, 0);
  });

  it('does not let its limit lose data when it stops: a queue in memory is sent at once', async () => {
    const rig = senderRig({ rate_limit: { items_per_second: 10 } });
    await rig.sender.start();
    await fill(rig, 20, 100);
    await rig.clock.advance(100);
    assert.equal(rig.exporter.deliveredItems, 100);
    const stopped = rig.sender.stop(rig.deadline.signal);
    await rig.clock.advance(0);
    await stopped;
    assert.equal(rig.exporter.deliveredItems, 2000);
    assert.equal(rig.account.imbalance, 0);
    assert.equal(rig.clock.pending, 0);
  });

  it('keeps to its limit when it stops with a queue on disk, which keeps the rest', async () => {
    const clock = new VirtualClock();
    const sending_queue = { storage: 'file_storage' };
    const disk = new TestDisk();
    const rig = senderRig(
      { sending_queue, rate_limit: { items_per_second: 100 } },
      { clock, durableQueue: disk.queue },
    );
    await rig.sender.start();
    await fill(rig, 20, 100);
    await clock.advance(0);
    const stopped = rig.sender.stop(rig.deadline.signal);
    await clock.advance(2000);
    assert.equal(rig.exporter.deliveredItems, 400);
    rig.deadline.abort();
    await stopped;
    assert.equal(rig.sender.leftover().items, 1600);
    assert.equal(rig.sender.queue?.items, 1600);
    assert.equal(rig.account.imbalance, 0);
    assert.equal(clock.pending, 0);
    assert.equal(rig.meter.value('otelcol_exporter_send_failed_log_records', LABELS), 0);
  });
});

describe('throttle', () => {
  it('gives turns in the order of asking, over all signals of the exporter', async () => {
    const clock = new VirtualClock();
    const settings = sendingSettings({ rate_limit: { items_per_second: 1000 } }).rate_limit;
    assert.ok(settings !== undefined);
    const throttle = new Throttle(settings, { id: 'otlp', clock, meter: new TestMeter() });
    const order: string[] = [];
    const ask = (name: string, items: number): Promise<number> =>
      throttle.turn({ items, bytes: 0 }, NEVER).then(() => order.push(`${name} at ${clock.monotonic()}`));
    void ask('a', 1500);
    void ask('b', 2000);
    void ask('c', 1);
    void ask('d', 1);
    await clock.advance(10_000);
    assert.deepEqual(order, ['a at 0', 'b at 500', 'c at 2500', 'd at 2501']);
    assert.equal(clock.pending, 0);
  });

  it('makes nobody wait for what was paid for and not sent', async () => {
    const clock = new VirtualClock();
    const throttle = new Throttle({ items_per_second: 10, burst: 1000 }, { id: 'a', clock, meter: new TestMeter() });
    const large = { items: 10_000, bytes: 0 };
    await throttle.turn(large, NEVER);
    let hasTurn = false;
    void throttle.turn({ items: 1, bytes: 0 }, NEVER).then(() => (hasTurn = true));
    await clock.advance(1000);
    assert.equal(hasTurn, false);
    throttle.giveBack(large);
    await clock.advance(0);
    assert.equal(hasTurn, true);
    assert.equal(clock.pending, 0);
  });

  it('leaves no timer behind when the only one who waited has left', async () => {
    const clock = new VirtualClock();
    const throttle = new Throttle({ items_per_second: 1, burst: 1000 }, { id: 'a', clock, meter: new TestMeter() });
    const leaving = new AbortController();
    await throttle.turn({ items: 50, bytes: 0 }, NEVER);
    const turn = throttle.turn({ items: 1, bytes: 0 }, leaving.signal);
    assert.equal(clock.pending, 1);
    leaving.abort();
    assert.equal(await turn, false);
    assert.equal(clock.pending, 0);
    assert.equal(await throttle.turn({ items: 1, bytes: 0 }, leaving.signal), false);
  });
});

describe('a rate limit in bypass mode', () => {
  it('holds nobody back while it lasts, and those who wait go at its begin', async () => {
    const clock = new VirtualClock();
    const bypass = new BypassSwitch({ clock, log: silentLogger, maxMs: 60_000, onNotice: () => undefined });
    const settings = sendingSettings({ rate_limit: { items_per_second: 10 } }).rate_limit;
    assert.ok(settings !== undefined);
    const throttle = new Throttle(settings, { id: 'otlp', clock, meter: new TestMeter(), bypass });
    let turns = 0;
    const ask = (): void => void throttle.turn({ items: 100, bytes: 1 }, NEVER).then(() => (turns += 1));
    for (let i = 0; i < 3; i++) ask();
    await clock.advance(0);
    assert.equal(turns, 1);
    bypass.begin('signal');
    await clock.advance(0);
    assert.equal(turns, 3);
    for (let i = 0; i < 100; i++) ask();
    await clock.advance(0);
    assert.equal(turns, 103);
    bypass.end('signal');
    ask();
    await clock.advance(0);
    assert.equal(turns, 103, 'the first turn is still to be paid for');
    await clock.advance(10_000);
    assert.equal(turns, 104);
    assert.equal(clock.pending, 0);
  });
});
