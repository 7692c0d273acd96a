import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { numberedLogs, numbersIn, opaqueBatch, range } from '../../support/batches.ts';
import { senderRig } from '../../support/sender.ts';

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const REFUSED = rejected(new RemoraError('upstream_rejected', 'Refused.'));
const LABELS = { exporter: 'otlp', data_type: 'logs' };

type Rig = ReturnType<typeof senderRig>;

function offer({ consumer, caller }: Rig, items = 1): Promise<Verdict> {
  return consumer.consume(opaqueBatch(items), caller.signal);
}

function codeOf(verdict: Verdict): string {
  return verdict.status !== 'accepted' && verdict.reason instanceof RemoraError ? verdict.reason.code : verdict.status;
}

function closes({ account }: Rig): void {
  assert.equal(account.imbalance, 0);
}

/** The first answer of a promise that must settle without time passing. */
async function now<T>(rig: Rig, promise: Promise<T>): Promise<T> {
  const open = Symbol('open');
  await rig.clock.advance(0);
  const result = await Promise.race([promise, Promise.resolve(open)]);
  assert.notEqual(result, open, 'still open');
  return promise;
}

describe('sender with a queue', () => {
  it('accepts once queued, keeps what is offered before start, and delivers in order', async () => {
    const rig = senderRig({ sending_queue: { num_consumers: 1 } });
    for (const first of [1, 4, 7]) {
      assert.deepEqual(await rig.consumer.consume(numberedLogs(first, 3), rig.caller.signal), ACCEPTED);
    }
    assert.equal(rig.exporter.attempts.length, 0);
    assert.equal(rig.account.held(), 9);
    closes(rig);
    await rig.sender.start();
    await rig.clock.advance(0);
    assert.deepEqual(numbersIn(rig.exporter.delivered), range(1, 9));
    assert.equal(rig.account.passed, 9);
    assert.equal(rig.meter.value('otelcol_exporter_sent_log_records', { exporter: 'otlp' }), 9);
    assert.equal(rig.clock.pending, 0);
    closes(rig);
  });

  it('has at most num_consumers requests in flight, and shows them', async () => {
    const rig = senderRig({ sending_queue: { num_consumers: 3 }, adaptive_concurrency: { initial: 3 } });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 5; i++) await offer(rig, 2);
    await rig.clock.advance(0);
    assert.equal(rig.exporter.waiting, 3);
    assert.equal(rig.meter.value('otelcol_exporter_in_flight_requests', LABELS), 3);
    assert.equal(rig.meter.value('otelcol_exporter_queue_size', LABELS), 5, 'in flight counts as queued');
    assert.equal(rig.meter.value('remora_exporter_queue_bytes', LABELS), 100);
    rig.exporter.answer();
    await rig.clock.advance(0);
    assert.equal(rig.exporter.waiting, 3);
    assert.equal(rig.meter.value('otelcol_exporter_queue_size', LABELS), 4);
    rig.exporter.release();
    await rig.clock.advance(0);
    assert.equal(rig.exporter.maxInFlight, 3);
    assert.equal(rig.account.passed, 10);
  });

  it('shows the queue in the unit of its sizer, and the age of its oldest entry', async () => {
    const rig = senderRig({ sending_queue: { sizer: 'items', queue_size: 50 } });
    await offer(rig, 7);
    await rig.clock.advance(1500);
    assert.equal(rig.meter.value('otelcol_exporter_queue_size', LABELS), 7);
    assert.equal(rig.meter.value('otelcol_exporter_queue_capacity', LABELS), 50);
    assert.equal(rig.meter.value('remora_exporter_queue_oldest_age_seconds', LABELS), 1.5);
  });

  it('accepts an empty batch without sending it', async () => {
    const rig = senderRig();
    await rig.sender.start();
    assert.deepEqual(await offer(rig, 0), ACCEPTED);
    await rig.clock.advance(0);
    assert.equal(rig.exporter.attempts.length, 0);
  });

  it('says retry when full, with a hint of at least a second, and counts the refusal', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 2 } });
    await offer(rig);
    await offer(rig);
    const verdict = await offer(rig, 3);
    assert.equal(codeOf(verdict), 'queue_full');
    assert.ok(verdict.status === 'retry' && verdict.afterMs !== undefined);
    assert.ok(verdict.afterMs >= 1000 && verdict.afterMs <= 1500, String(verdict.afterMs));
    assert.equal(rig.meter.value('otelcol_exporter_enqueue_failed_log_records', { exporter: 'otlp' }), 3);
    closes(rig);
  });

  it('computes the hint from how fast the queue drains', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 1000, sizer: 'items', num_consumers: 1 } });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 100; i++) await offer(rig, 10);
    // 10 items a second.
    for (let second = 0; second < 60; second++) {
      await rig.clock.advance(1000);
      rig.exporter.answer();
      await rig.clock.advance(0);
      await offer(rig, 10);
    }
    const verdict = await offer(rig, 100);
    assert.ok(verdict.status === 'retry' && verdict.afterMs !== undefined);
    assert.ok(verdict.afterMs > 8000 && verdict.afterMs < 18_000, String(verdict.afterMs));
    await rig.clock.advance(300_000);
    const stalled = await offer(rig, 100);
    assert.ok(stalled.status === 'retry' && stalled.afterMs !== undefined, 'nothing drains: the cap');
    assert.ok(stalled.afterMs >= 30_000 && stalled.afterMs <= 45_000, String(stalled.afterMs));
  });

  it('waits for room with block_on_overflow until there is some', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 1, block_on_overflow: true } });
    await offer(rig);
    const blocked = offer(rig, 2);
    await rig.clock.advance(60_000);
    assert.equal(rig.account.received, 1);
    await rig.sender.start();
    assert.deepEqual(await now(rig, blocked), ACCEPTED);
    assert.equal(rig.meter.value('otelcol_exporter_enqueue_failed_log_records', { exporter: 'otlp' }), 0);
    closes(rig);
  });

  it('stops waiting for room when the caller leaves or the sender stops', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 1, block_on_overflow: true } });
    await offer(rig);
    const leaver = new AbortController();
    const left = rig.consumer.consume(opaqueBatch(2), leaver.signal);
    leaver.abort();
    assert.equal(codeOf(await now(rig, left)), 'queue_full');
    const stopped = offer(rig, 3);
    await rig.sender.stop(AbortSignal.abort());
    assert.equal(codeOf(await now(rig, stopped)), 'shutting_down');
    assert.equal(rig.account.received, 1);
    closes(rig);
  });

  it('rejects what can never fit', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 10, sizer: 'items' } });
    assert.equal(codeOf(await offer(rig, 11)), 'item_too_large');
    assert.deepEqual(rig.log.lines, ['ERROR A request is larger than the whole sending queue and was refused.']);
    assert.equal(rig.meter.value('otelcol_exporter_enqueue_failed_log_records', { exporter: 'otlp' }), 11);
    closes(rig);
  });

  it('accepts and drops with a count when optional and full', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 1, optional: true } });
    await offer(rig, 5);
    assert.deepEqual(await offer(rig, 7), ACCEPTED);
    assert.deepEqual([...rig.account.dropped], [['queue_full', 7]]);
    assert.equal(rig.meter.value('remora_exporter_dropped_items', { ...LABELS, reason: 'queue_full' }), 7);
    closes(rig);
  });
});

describe('sender attempts', () => {
  it('retries until the upstream takes it, with full jitter below the growing interval', async () => {
    const rig = senderRig();
    rig.exporter.script(BUSY, BUSY, BUSY);
    await rig.sender.start();
    await offer(rig, 4);
    const waits: number[] = [];
    for (let tries = 1; tries < 4; tries++) {
      await rig.clock.advance(0);
      assert.equal(rig.exporter.attempts.length, tries);
      const nextMs = rig.clock.nextMs ?? 0;
      waits.push(nextMs - rig.clock.now());
      await rig.clock.advance(nextMs - rig.clock.now());
    }
    assert.equal(rig.exporter.deliveredItems, 4);
    waits.forEach((wait, at) => assert.ok(wait >= 0 && wait <= 5000 * 1.5 ** at, `${wait} ms at ${at}`));
    assert.equal(rig.meter.value('remora_exporter_retries', LABELS), 3);
    assert.equal(rig.meter.value('otelcol_exporter_send_failed_log_records', { exporter: 'otlp' }), 0);
    closes(rig);
  });

  it('waits at least as long as the upstream asks for', async () => {
    const rig = senderRig();
    rig.exporter.script(retry(new Error('Slow down.'), 20_000));
    await rig.sender.start();
    await offer(rig);
    await rig.clock.advance(19_999);
    assert.equal(rig.exporter.attempts.length, 1);
    await rig.clock.advance(10_001);
    assert.equal(rig.exporter.deliveredItems, 1);
  });

  it('drops as retry_exhausted when the next try would come after max_elapsed_time', async () => {
    const rig = senderRig({ retry_on_failure: { max_elapsed_time: '1m' } });
    rig.exporter.fallback = BUSY;
    await rig.sender.start();
    await offer(rig, 6);
    await rig.clock.advance(60_000);
    assert.deepEqual([...rig.account.dropped], [['retry_exhausted', 6]]);
    assert.equal(rig.meter.value('otelcol_exporter_send_failed_log_records', { exporter: 'otlp' }), 6);
    assert.equal(rig.meter.value('remora_exporter_dropped_items', { ...LABELS, reason: 'retry_exhausted' }), 6);
    assert.ok(rig.log.lines.includes('ERROR A request could not be delivered.'));
    closes(rig);
  });

  it('retries for ever with max_elapsed_time 0', async () => {
    const rig = senderRig({ retry_on_failure: { max_elapsed_time: 0 } });
    rig.exporter.fallback = BUSY;
    await rig.sender.start();
    await offer(rig, 6);
    await rig.clock.advance(3_600_000);
    assert.equal(rig.account.held(), 6);
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(30_000);
    assert.equal(rig.account.passed, 6);
  });

  it('drops as send_failed without retries', async () => {
    const rig = senderRig({ retry_on_failure: { enabled: false } });
    rig.exporter.script(BUSY);
    await rig.sender.start();
    await offer(rig, 6);
    await rig.clock.advance(0);
    assert.deepEqual([...rig.account.dropped], [['send_failed', 6]]);
    closes(rig);
  });

  it('counts a refusal for good under its code and does not try again', async () => {
    const rig = senderRig();
    rig.exporter.script(REFUSED);
    await rig.sender.start();
    await offer(rig, 6);
    await rig.clock.advance(60_000);
    assert.equal(rig.exporter.attempts.length, 1);
    assert.deepEqual([...rig.account.rejected], [['upstream_rejected', 6]]);
    assert.equal(rig.meter.value('remora_exporter_rejected_items', { ...LABELS, reason: 'upstream_rejected' }), 6);
    assert.ok(rig.log.lines.includes('ERROR The upstream refused a request for good.'));
    closes(rig);
  });

  it('counts a partial success as sent and rejected', async () => {
    const rig = senderRig();
    rig.exporter.script(acceptedPartly(2, 'Too old.'), acceptedPartly(0, 'Please upgrade.'));
    await rig.sender.start();
    await offer(rig, 5);
    await offer(rig, 1);
    await rig.clock.advance(0);
    assert.equal(rig.account.passed, 4);
    assert.deepEqual([...rig.account.rejected], [['partial_success', 2]]);
    assert.equal(rig.meter.value('otelcol_exporter_sent_log_records', { exporter: 'otlp' }), 4);
    assert.deepEqual(rig.log.lines, [
      'ERROR The upstream refused part of a request for good.',
      'WARN The upstream took a request with a warning.',
    ]);
    closes(rig);
  });

  it('survives an upstream that claims to refuse more than it was sent', async () => {
    const rig = senderRig();
    rig.exporter.script(acceptedPartly(50, 'All of them and more.'));
    await rig.sender.start();
    await offer(rig, 5);
    await rig.clock.advance(0);
    assert.deepEqual([...rig.account.rejected], [['partial_success', 5]]);
    closes(rig);
  });

  it('counts a throw of the exporter as failed, names it in the log, and lives', async () => {
    const rig = senderRig();
    rig.exporter.script(new Error('A bug.'));
    await rig.sender.start();
    await offer(rig, 6);
    await offer(rig, 1);
    await rig.clock.advance(0);
    assert.deepEqual([...rig.account.dropped], [['failed', 6]]);
    assert.equal(rig.account.passed, 1);
    assert.equal(rig.log.fields[0]?.exporter, 'otlp');
    closes(rig);
  });

  it('ends an attempt at the timeout, tells the exporter, and tries again', async () => {
    const rig = senderRig({ timeout: '2s' });
    rig.exporter.script('never');
    await rig.sender.start();
    await offer(rig, 6);
    await rig.clock.advance(1999);
    const aborted = (at: number): boolean | undefined => rig.exporter.aborts[at]?.aborted;
    assert.equal(aborted(0), false);
    await rig.clock.advance(1);
    assert.equal(aborted(0), true);
    await rig.clock.advance(5000);
    assert.equal(rig.exporter.deliveredItems, 6);
    assert.equal(aborted(1), false);
    assert.equal(rig.clock.pending, 0);
    closes(rig);
  });

  it('does not limit an attempt with timeout 0', async () => {
    const rig = senderRig({ timeout: 0 });
    rig.exporter.hold();
    await rig.sender.start();
    await offer(rig);
    await rig.clock.advance(3_600_000);
    rig.exporter.answer();
    await rig.clock.advance(0);
    assert.equal(rig.account.passed, 1);
  });
});

describe('sender health', () => {
  it('is unwell after three failed attempts in a row and well again after a success', async () => {
    const rig = senderRig({ sending_queue: { num_consumers: 1 } });
    rig.exporter.script(BUSY, BUSY, ACCEPTED, BUSY, BUSY, BUSY, ACCEPTED);
    await rig.sender.start();
    await offer(rig);
    await rig.clock.advance(60_000);
    assert.deepEqual(rig.health, []);
    await offer(rig);
    await rig.clock.advance(120_000);
    assert.deepEqual(rig.health, ['The last attempts failed: Busy.', undefined]);
  });

  it('is unwell while the queue is over 90 % full, without flapping', async () => {
    const rig = senderRig({ sending_queue: { queue_size: 100, num_consumers: 1 } });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 90; i++) await offer(rig);
    assert.deepEqual(rig.health, []);
    await offer(rig);
    assert.deepEqual(rig.health, ['The sending queue is over 90 % full.']);
    await rig.clock.advance(0);
    for (let i = 0; i < 10; i++) {
      rig.exporter.answer();
      await rig.clock.advance(0);
    }
    assert.equal(rig.health.length, 1);
    rig.exporter.release();
    await rig.clock.advance(0);
    assert.deepEqual(rig.health.slice(1), [undefined]);
  });
});

describe('sender whose callers wait for the result', () => {
  const waiting = { sending_queue: { wait_for_result: true }, adaptive_concurrency: { initial: 10 } };

  it('answers as the upstream did, once it did', async () => {
    const rig = senderRig(waiting);
    rig.exporter.hold();
    await rig.sender.start();
    const verdicts = [offer(rig, 5), offer(rig, 6)];
    await rig.clock.advance(0);
    assert.equal(rig.account.received, 0);
    rig.exporter.answer(acceptedPartly(2, 'Too old.'));
    rig.exporter.answer(REFUSED);
    assert.deepEqual(await Promise.all(verdicts), [acceptedPartly(2, 'Too old.'), REFUSED]);
    assert.deepEqual([rig.account.received, rig.account.passed, rig.account.held()], [5, 3, 0]);
    assert.deepEqual([...rig.account.rejected], [['partial_success', 2]], 'the refused 6 are for the caller to count');
    closes(rig);
  });

  it('answers retry when retries ran out, because the data never left the caller', async () => {
    const rig = senderRig({ ...waiting, retry_on_failure: { max_elapsed_time: '10s' } });
    rig.exporter.fallback = BUSY;
    await rig.sender.start();
    const verdict = offer(rig, 5);
    await rig.clock.advance(20_000);
    assert.equal(codeOf(await verdict), 'retry_exhausted');
    assert.equal((await verdict).status, 'retry');
    assert.deepEqual([rig.account.received, rig.account.dropped.size], [0, 0]);
    closes(rig);
  });

  it('withdraws what is not under way when the caller leaves', async () => {
    const rig = senderRig({ sending_queue: { wait_for_result: true, num_consumers: 1 } });
    rig.exporter.hold();
    await rig.sender.start();
    const first = offer(rig, 1);
    const leaver = new AbortController();
    const second = rig.consumer.consume(opaqueBatch(2), leaver.signal);
    await rig.clock.advance(0);
    leaver.abort();
    assert.equal((await now(rig, second)).status, 'retry');
    assert.equal(rig.sender.queue?.items, 1);
    rig.exporter.release();
    assert.deepEqual(await now(rig, first), ACCEPTED);
    assert.equal(rig.exporter.deliveredItems, 1);
    closes(rig);
  });

  it('stops retrying what nobody waits for', async () => {
    const rig = senderRig(waiting);
    rig.exporter.script(BUSY);
    await rig.sender.start();
    const verdict = offer(rig, 5);
    await rig.clock.advance(0);
    rig.caller.abort();
    assert.equal((await now(rig, verdict)).status, 'retry');
    await rig.clock.advance(60_000);
    assert.equal(rig.exporter.attempts.length, 1);
    assert.equal(rig.sender.queue?.requests, 0);
    closes(rig);
  });

  it('answers retry at the deadline of a shutdown', async () => {
    const rig = senderRig(waiting);
    rig.exporter.hold();
    await rig.sender.start();
    const verdict = offer(rig, 5);
    await rig.clock.advance(0);
    await rig.sender.stop(AbortSignal.abort());
    assert.equal(codeOf(await verdict), 'shutting_down');
    assert.ok(rig.log.lines.every((line) => line.startsWith('WARN')));
    closes(rig);
  });
});

describe('sender without a queue', () => {
  const direct = { sending_queue: { enabled: false } };

  it('answers with the final verdict and books only what was taken', async () => {
    const rig = senderRig({ ...direct, retry_on_failure: { max_elapsed_time: '10s' } });
    rig.exporter.script(ACCEPTED, REFUSED, acceptedPartly(1, 'One.'), BUSY);
    assert.equal(rig.sender.queue, undefined);
    assert.ok(!('tryReserve' in rig.sender));
    assert.deepEqual(await offer(rig, 5), ACCEPTED);
    assert.deepEqual(await offer(rig, 5), REFUSED);
    assert.deepEqual(await offer(rig, 5), acceptedPartly(1, 'One.'));
    const retried = offer(rig, 5);
    await rig.clock.advance(5000);
    assert.deepEqual(await retried, ACCEPTED);
    rig.exporter.fallback = BUSY;
    const exhausted = offer(rig, 5);
    await rig.clock.advance(20_000);
    assert.equal(codeOf(await exhausted), 'retry_exhausted');
    assert.deepEqual([rig.account.received, rig.account.passed], [15, 14]);
    closes(rig);
  });

  it('settles with retry as soon as the caller leaves', async () => {
    const rig = senderRig(direct);
    rig.exporter.hold();
    const verdict = offer(rig);
    rig.caller.abort();
    assert.equal((await now(rig, verdict)).status, 'retry');
    assert.equal(rig.exporter.aborts[0]?.aborted, true);
    assert.equal(rig.clock.pending, 0);
    closes(rig);
  });

  it('answers a throw of the exporter with rejected', async () => {
    const rig = senderRig(direct);
    rig.exporter.script(new Error('A bug.'));
    assert.equal((await offer(rig)).status, 'rejected');
  });

  it('lets what is under way finish when it stops, until the deadline', async () => {
    const rig = senderRig(direct);
    rig.exporter.hold();
    const [first, second] = [offer(rig), offer(rig)];
    await rig.clock.advance(0);
    const stopped = rig.sender.stop(rig.deadline.signal);
    assert.equal(codeOf(await offer(rig)), 'shutting_down');
    rig.exporter.answer();
    assert.deepEqual(await now(rig, first), ACCEPTED);
    rig.deadline.abort();
    assert.equal(codeOf(await now(rig, second)), 'shutting_down');
    await now(rig, stopped);
    closes(rig);
  });
});

describe('sender shutdown', () => {
  it('may stop before it started, twice, and then refuses', async () => {
    const rig = senderRig();
    await rig.sender.stop(rig.deadline.signal);
    await rig.sender.stop(rig.deadline.signal);
    assert.equal(codeOf(await offer(rig)), 'shutting_down');
    assert.deepEqual(rig.log.lines, []);
  });

  it('delivers all that is queued, retrying with short waits, and then settles', async () => {
    const rig = senderRig({ sending_queue: { num_consumers: 4 }, retry_on_failure: { max_elapsed_time: 0 } });
    rig.exporter.fallback = retry(new Error('Come back in a minute.'), 60_000);
    await rig.sender.start();
    for (let i = 0; i < 20; i++) await offer(rig);
    await rig.clock.advance(1000);
    const stopped = rig.sender.stop(rig.deadline.signal);
    await rig.clock.advance(1000);
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(5000);
    await now(rig, stopped);
    assert.equal(rig.account.passed, 20);
    assert.deepEqual(rig.sender.leftover(), { requests: 0, items: 0, bytes: 0 });
    assert.equal(rig.clock.pending, 0);
    closes(rig);
  });

  it('drops all that is left in the tick of the deadline, tells the exporter, and names it', async () => {
    const rig = senderRig({ sending_queue: { num_consumers: 2 }, adaptive_concurrency: { initial: 2 } });
    rig.exporter.hold();
    await rig.sender.start();
    for (let items = 1; items <= 5; items++) await offer(rig, items);
    await rig.clock.advance(0);
    const stopped = rig.sender.stop(rig.deadline.signal);
    rig.exporter.answer();
    await rig.clock.advance(10_000);
    // Both slots are held by attempts that timed out, are retried and hang again.
    rig.deadline.abort();
    await now(rig, stopped);
    assert.equal(rig.account.passed, 1);
    assert.deepEqual([...rig.account.dropped], [['shutdown', 14]]);
    assert.deepEqual(rig.sender.leftover(), { requests: 4, items: 14, bytes: 140 });
    assert.ok(rig.exporter.aborts.every((abort, at) => at === 0 || abort.aborted));
    const at = rig.log.lines.indexOf('ERROR The stop ended before everything was delivered; what was left is lost.');
    assert.deepEqual(
      { ...rig.log.fields[at] },
      { exporter: 'otlp', signal: 'logs', requests: 4, items: 14, bytes: 140 },
    );
    assert.equal(rig.clock.pending, 0);
    rig.exporter.release();
    await rig.clock.advance(0);
    assert.equal(rig.account.passed, 1, 'what is answered after the deadline changes nothing');
    closes(rig);
  });

  it('drops at once what was offered but never started', async () => {
    const rig = senderRig();
    await offer(rig, 3);
    await now(rig, rig.sender.stop(rig.deadline.signal));
    assert.deepEqual([...rig.account.dropped], [['shutdown', 3]]);
    closes(rig);
  });

  it('warns of no listeners however many consumers it has', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const rig = senderRig({ sending_queue: { num_consumers: 200 }, adaptive_concurrency: { initial: 200 } });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 200; i++) await offer(rig);
    await rig.clock.advance(0);
    assert.equal(rig.exporter.waiting, 200);
    await rig.sender.stop(AbortSignal.abort());
    await rig.clock.advance(0);
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });
});
