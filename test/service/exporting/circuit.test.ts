import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, rejected, retry } from '../../../src/core/verdict.ts';
import { opaqueBatch } from '../../support/batches.ts';
import { senderRig } from '../../support/sender.ts';

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const REFUSED = rejected(new RemoraError('upstream_rejected', 'Refused.'));
const LABELS = { exporter: 'otlp', data_type: 'logs' };
const AWAY = 'WARN The upstream is away: nothing is sent but a probe now and then; the data is kept.';

type Rig = ReturnType<typeof senderRig>;

async function offer({ consumer, caller, clock }: Rig, requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) await consumer.consume(opaqueBatch(1), caller.signal);
  await clock.advance(0);
}

function state({ meter }: Rig): string {
  const states = ['closed', 'open', 'half_open'];
  const on = states.filter((name) => meter.value('remora_exporter_circuit_state', { ...LABELS, state: name }) === 1);
  return on.join(' ');
}

function entered({ meter }: Rig, name: string): number | undefined {
  return meter.value('remora_exporter_circuit_transitions', { ...LABELS, state: name });
}

/** Ten requests, of which the first five failures opened the circuit. */
async function away(raw: Parameters<typeof senderRig>[0] = {}): Promise<Rig> {
  const rig = senderRig({ retry_on_failure: { max_elapsed_time: 0 }, ...raw });
  rig.exporter.fallback = BUSY;
  await rig.sender.start();
  await offer(rig, 10);
  assert.equal(state(rig), 'open');
  return rig;
}

/** Until the next timer has fired. */
async function next({ clock }: Rig): Promise<number> {
  const waitMs = (clock.nextMs ?? 0) - clock.now();
  await clock.advance(waitMs);
  return waitMs;
}

describe('circuit', () => {
  it('opens after the failures in a row that the setting names, and says so once in log, health and metrics', async () => {
    const rig = senderRig({
      circuit_breaker: { failure_threshold: 3 },
      sending_queue: { num_consumers: 2 },
      adaptive_concurrency: { initial: 2 },
    });
    rig.exporter.hold();
    await rig.sender.start();
    await offer(rig, 2);
    assert.equal(state(rig), 'closed');
    rig.exporter.answer(BUSY);
    rig.exporter.answer(BUSY);
    await rig.clock.advance(5000);
    rig.exporter.answer(BUSY);
    await rig.clock.advance(0);
    assert.equal(state(rig), 'open');
    assert.equal(rig.health.at(-1), 'The upstream is away and is only probed: Busy.');
    rig.exporter.fallback = BUSY;
    rig.exporter.release(BUSY);
    await rig.clock.advance(60_000);
    assert.equal(rig.log.lines.filter((line) => line === AWAY).length, 1);
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(30_000);
    assert.equal(state(rig), 'closed');
    assert.equal(rig.account.passed, 2);
    assert.equal(rig.health.at(-1), undefined);
    assert.equal(rig.log.lines.at(-1), 'INFO The upstream is back.');
    assert.equal(entered(rig, 'closed'), 1);
    assert.ok((entered(rig, 'open') ?? 0) > 2, 'each failed probe opened it again');
    assert.equal(entered(rig, 'open'), entered(rig, 'half_open'));
  });

  it('makes no attempt while open and one at a time as a probe, and lets the others follow once one is answered', async () => {
    const rig = await away();
    const before = rig.exporter.attempts.length;
    rig.exporter.hold();
    await next(rig);
    assert.equal(state(rig), 'half_open');
    assert.equal(rig.exporter.attempts.length, before + 1);
    await rig.clock.advance(4000);
    assert.equal(rig.exporter.attempts.length, before + 1, 'the others wait for the answer to the probe');
    assert.equal(rig.account.held(), 10);
    rig.exporter.fallback = ACCEPTED;
    rig.exporter.release();
    await rig.clock.advance(0);
    assert.equal(rig.account.passed, 10);
    assert.equal(rig.clock.pending, 0);
  });

  it('waits longer from probe to probe, up to the bound, and asks another request each time', async () => {
    const rig = await away({
      retry_on_failure: { initial_interval: '1s', multiplier: 2, randomization_factor: 0, max_elapsed_time: 0 },
      circuit_breaker: { max_open: '6s' },
    });
    const first = rig.exporter.attempts.length;
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) waits.push(await next(rig));
    assert.deepEqual(waits, [1000, 2000, 4000, 6000, 6000]);
    assert.equal(new Set(rig.exporter.attempts.slice(first)).size, 5);
  });

  it('is back within one interval of the bound after the upstream is', async () => {
    const rig = await away({ circuit_breaker: { max_open: '10s' }, retry_on_failure: { max_elapsed_time: 0 } });
    await rig.clock.advance(600_000);
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(10_000);
    assert.equal(rig.account.passed, 10);
  });

  it('stays closed while answers come between the failures, a refusal for good is one', async () => {
    const rig = senderRig({ sending_queue: { num_consumers: 1 }, retry_on_failure: { max_elapsed_time: 0 } });
    rig.exporter.script(BUSY, BUSY, BUSY, BUSY, REFUSED, BUSY, BUSY, BUSY, BUSY, ACCEPTED, BUSY);
    await rig.sender.start();
    await offer(rig, 3);
    await rig.clock.advance(300_000);
    assert.equal(entered(rig, 'open'), 0);
    assert.deepEqual([rig.account.passed, [...rig.account.rejected]], [2, [['upstream_rejected', 1]]]);
  });

  it('is closed by a probe that is refused for good: the upstream lives', async () => {
    const rig = await away();
    rig.exporter.script(REFUSED);
    rig.exporter.fallback = ACCEPTED;
    await next(rig);
    assert.equal(state(rig), 'closed');
    assert.deepEqual([rig.account.passed, [...rig.account.rejected]], [9, [['upstream_rejected', 1]]]);
  });

  it('probes no earlier than the upstream asked, even where a late answer asked', async () => {
    const rig = senderRig({
      sending_queue: { num_consumers: 6 },
      adaptive_concurrency: { initial: 6 },
      retry_on_failure: { max_elapsed_time: 0 },
    });
    rig.exporter.hold();
    await rig.sender.start();
    await offer(rig, 6);
    for (let i = 0; i < 5; i++) rig.exporter.answer(retry(new Error('Later.'), 20_000));
    await rig.clock.advance(0);
    assert.equal(state(rig), 'open');
    rig.exporter.answer(retry(new Error('Much later.'), 60_000));
    const attempts = (): number => rig.exporter.attempts.length;
    await rig.clock.advance(59_999);
    assert.equal(attempts(), 6);
    await rig.clock.advance(30_000);
    assert.ok(attempts() > 6);
  });

  it('forgets how long it was open only after the upstream has been well for a while', async () => {
    const rig = await away({
      retry_on_failure: { initial_interval: '1s', multiplier: 2, randomization_factor: 0, max_elapsed_time: 0 },
    });
    for (let i = 0; i < 3; i++) await next(rig);
    rig.exporter.script(ACCEPTED);
    await next(rig);
    assert.equal(state(rig), 'open', 'the one that follows fails again');
    assert.equal(await next(rig), 16_000);
    rig.exporter.fallback = ACCEPTED;
    await next(rig);
    assert.equal(rig.account.passed, 10);
    rig.exporter.fallback = BUSY;
    await offer(rig, 5);
    assert.equal(await next(rig), 1000);
  });

  it('counts no max_elapsed_time for those who wait for their turn while the upstream lives, until it is away', async () => {
    const rig = senderRig({ timeout: 0, retry_on_failure: { max_elapsed_time: '1m' } });
    rig.exporter.hold();
    await rig.sender.start();
    await offer(rig, 5);
    for (let i = 0; i < 3; i++) {
      await rig.clock.advance(40_000);
      assert.equal(rig.exporter.waiting, 1);
      rig.exporter.answer(ACCEPTED);
    }
    await rig.clock.advance(0);
    assert.deepEqual([rig.account.passed, [...rig.account.dropped]], [3, []]);
    rig.exporter.release(BUSY);
    rig.exporter.fallback = BUSY;
    await rig.clock.advance(70_000);
    assert.deepEqual([...rig.account.dropped], [['retry_exhausted', 2]]);
    assert.equal(rig.account.imbalance, 0);
  });

  it('counts max_elapsed_time while open', async () => {
    const rig = await away({ retry_on_failure: { max_elapsed_time: '1m' } });
    await rig.clock.advance(60_000);
    assert.deepEqual([...rig.account.dropped], [['retry_exhausted', 10]]);
    assert.equal(rig.account.imbalance, 0);
    await rig.sender.stop(rig.deadline.signal);
    assert.equal(rig.clock.pending, 0);
  });

  it('probes often while draining, whatever the upstream asked for', async () => {
    const rig = await away();
    rig.exporter.fallback = retry(new Error('In an hour.'), 3_600_000);
    await rig.clock.advance(60_000);
    const stopped = rig.sender.stop(rig.deadline.signal);
    const before = rig.exporter.attempts.length;
    await rig.clock.advance(5000);
    assert.ok(rig.exporter.attempts.length - before >= 4);
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(1000);
    await stopped;
    assert.equal(rig.account.passed, 10);
    assert.equal(rig.clock.pending, 0);
  });

  it('gives the probe to the next when nobody waits for the first any more, or when the exporter threw', async () => {
    const rig = senderRig({ sending_queue: { wait_for_result: true }, retry_on_failure: { max_elapsed_time: 0 } });
    rig.exporter.fallback = BUSY;
    await rig.sender.start();
    const leaver = new AbortController();
    const gone = rig.consumer.consume(opaqueBatch(1), leaver.signal);
    const verdicts = Array.from({ length: 7 }, () => rig.consumer.consume(opaqueBatch(1), rig.caller.signal));
    await rig.clock.advance(0);
    assert.equal(state(rig), 'open');
    const before = rig.exporter.attempts.length;
    leaver.abort();
    rig.exporter.script(new Error('A bug.'));
    rig.exporter.fallback = ACCEPTED;
    await next(rig);
    assert.equal((await gone).status, 'retry');
    const statuses = (await Promise.all(verdicts)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [...Array.from({ length: 6 }, () => 'accepted'), 'rejected']);
    assert.equal(rig.exporter.attempts.length - before, 7);
    assert.equal(rig.account.imbalance, 0);
  });

  it('pauses between probes even where retries do not', async () => {
    const rig = await away({ retry_on_failure: { initial_interval: 0, max_interval: 0, max_elapsed_time: 0 } });
    const before = rig.exporter.attempts.length;
    await rig.clock.advance(10_000);
    const probes = rig.exporter.attempts.length - before;
    assert.ok(probes > 100 && probes < 1000, `${probes} probes in 10 s`);
    assert.throws(() => senderRig({ circuit_breaker: { max_open: 0 } }), /more than 0/);
  });

  it('never opens when it is off, nor without retries', async () => {
    for (const raw of [{ circuit_breaker: { enabled: false } }, { retry_on_failure: { enabled: false } }]) {
      const rig = senderRig(raw);
      rig.exporter.fallback = BUSY;
      await rig.sender.start();
      await offer(rig, 20);
      await rig.clock.advance(60_000);
      assert.equal(entered(rig, 'open'), 0);
      assert.ok(rig.exporter.attempts.length >= 20);
    }
  });

  it('holds those who send without a queue, until they leave', async () => {
    const rig = senderRig({ sending_queue: { enabled: false } });
    rig.exporter.fallback = BUSY;
    const callers = Array.from({ length: 6 }, () => new AbortController());
    const verdicts = callers.map(({ signal }) => rig.consumer.consume(opaqueBatch(1), signal));
    await rig.clock.advance(0);
    assert.equal(state(rig), 'open');
    assert.equal(rig.exporter.attempts.length, 6);
    callers[0]?.abort();
    assert.equal((await verdicts[0])?.status, 'retry');
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(10_000);
    assert.ok((await Promise.all(verdicts.slice(1))).every(({ status }) => status === 'accepted'));
    await rig.sender.stop(rig.deadline.signal);
    assert.equal(rig.clock.pending, 0);
  });
});
