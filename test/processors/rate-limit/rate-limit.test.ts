import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import { fanout } from '../../../src/core/fanout.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { rateLimitProcessor } from '../../../src/processors/rate-limit/index.ts';
import { itemsOf } from '../../support/otlp-proto.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { logsOf, mixed, rateRig, ReservingConsumer } from './tenants.ts';

const NEVER = new AbortController().signal;
const BY_ATTRIBUTE = { by: { resource_attribute: 'tenant.id' } };
const BY_HEADER = { by: { metadata: 'X-Scope-OrgID' } };
const FULL = retry(new RemoraError('queue_full', 'Full.'));

function withHeader(batch: Batch, tenant: string): Batch {
  return { ...batch, metadata: new Map([['x-scope-orgid', tenant]]) };
}

function waitOf(verdict: Verdict): number | undefined {
  assert.equal(verdict.status, 'retry');
  assert.ok(verdict.reason instanceof RemoraError && verdict.reason.code === 'rate_limited');
  return verdict.afterMs;
}

describe('rate_limit that pushes back', () => {
  it('tells a sender over its limit when to come again, and is right about it', async () => {
    const { clock, next, offer, account, limited } = await rateRig({ items_per_second: 100 });
    assert.equal((await offer(logsOf('a', 350))).status, 'accepted');
    assert.equal(waitOf(await offer(logsOf('a', 10))), 2500);
    await clock.advance(2499);
    assert.equal(waitOf(await offer(logsOf('a', 10))), 1);
    await clock.advance(1);
    assert.equal((await offer(logsOf('a', 10))).status, 'accepted');
    assert.equal(next.items, 360);
    assert.equal(limited('other'), 20);
    assert.deepEqual([...account.dropped], []);
  });

  it('leaves other tenants alone, by resource attribute and by header', async () => {
    const rigs = [
      { raw: BY_ATTRIBUTE, batch: logsOf },
      { raw: BY_HEADER, batch: (tenant: string, items: number) => withHeader(logsOf(undefined, items), tenant) },
    ];
    for (const { raw, batch } of rigs) {
      const { clock, offer } = await rateRig({ items_per_second: 100, ...raw });
      assert.equal((await offer(batch('loud', 1000))).status, 'accepted');
      assert.equal(waitOf(await offer(batch('loud', 1))), 9000);
      for (let second = 0; second < 5; second++) {
        assert.equal((await offer(batch('quiet', 90))).status, 'accepted');
        await clock.advance(1000);
      }
      assert.equal(waitOf(await offer(batch('loud', 1))), 4000);
    }
  });

  it('passes a batch on as the very object that came, and changes no byte', async () => {
    const { next, offer } = await rateRig({ bytes_per_second: '1MiB', ...BY_ATTRIBUTE });
    const batches = [logsOf('a', 3), mixed(logsOf('a', 2), logsOf('b', 3), logsOf('a', 1))];
    for (const batch of batches) assert.equal((await offer(batch)).status, 'accepted');
    assert.deepEqual(next.batches, batches);
    batches.forEach((batch, index) => assert.equal(next.batches[index], batch));
  });

  it('refuses a whole batch when one of its tenants is over, and then takes nothing from the others', async () => {
    const { clock, offer, limited } = await rateRig({
      items_per_second: 100,
      overrides: { b: { items_per_second: 10 } },
      ...BY_ATTRIBUTE,
    });
    assert.equal((await offer(logsOf('b', 20))).status, 'accepted');
    assert.equal(waitOf(await offer(mixed(logsOf('a', 300), logsOf('b', 5)))), 1000);
    assert.equal(limited('b'), 5);
    assert.equal(limited('other'), 0);
    assert.equal((await offer(logsOf('a', 200))).status, 'accepted');
    assert.equal(waitOf(await offer(logsOf('a', 1))), 1000, 'only what was accepted counts');
    await clock.advance(1000);
    assert.equal((await offer(mixed(logsOf('a', 100), logsOf('b', 5)))).status, 'accepted');
  });

  it('charges each tenant of a mixed batch for its own part', async () => {
    const { offer } = await rateRig({ items_per_second: 100, burst: '100ms', ...BY_ATTRIBUTE });
    await offer(mixed(logsOf('a', 110), logsOf('b', 210), logsOf('a', 100), logsOf(undefined, 10)));
    assert.equal(waitOf(await offer(logsOf('a', 1))), 2000);
    assert.equal(waitOf(await offer(logsOf('b', 1))), 2000);
    assert.equal((await offer(logsOf(undefined, 1))).status, 'accepted');
  });

  it('takes overrides, and what they leave out is as for everybody', async () => {
    const { offer } = await rateRig({
      items_per_second: 10,
      bytes_per_second: 1_000_000,
      overrides: { gold: { items_per_second: 1000 }, default: { items_per_second: 1 }, 7: { items_per_second: 2 } },
      ...BY_ATTRIBUTE,
    });
    for (const [tenant, waitMs] of [
      ['gold', 1000],
      ['plain', 199_000],
      [7, 999_000],
      [undefined, 1_999_000],
      ['', 1_999_000 + 2_000_000],
    ] as const) {
      assert.equal((await offer(logsOf(tenant, tenant === '' ? 0 : 2000))).status, 'accepted', String(tenant));
      if (tenant !== '') assert.equal(waitOf(await offer(logsOf(tenant, 1))), waitMs, String(tenant));
    }
    assert.equal(waitOf(await offer(logsOf('', 1))), 1_999_000, 'an empty name is none');
  });

  it('gives tokens back when nobody further on took the batch', async () => {
    for (const verdict of [FULL, rejected(new RemoraError('item_too_large', 'Large.'))]) {
      const { next, offer } = await rateRig({ items_per_second: 100 });
      next.answer = () => verdict;
      assert.equal(await offer(logsOf('a', 5000)), verdict);
      next.answer = () => ({ status: 'accepted', rejectedItems: 3 });
      assert.equal((await offer(logsOf('a', 300))).status, 'accepted');
      assert.equal(waitOf(await offer(logsOf('a', 1))), 2000);
    }
  });

  it('counts what is under way, so that many at a time do not get through at once', async () => {
    const { next, offer } = await rateRig({ items_per_second: 100 });
    let answer: (verdict: Verdict) => void = () => undefined;
    next.answer = () => new Promise((resolve) => (answer = resolve));
    const first = offer(logsOf('a', 200));
    assert.equal(waitOf(await offer(logsOf('a', 200))), 1000);
    answer(FULL);
    assert.equal(await first, FULL);
  });
});

describe('rate_limit that drops', () => {
  it('lets go of the resources of tenants that are over, and only of those, with a count', async () => {
    const { next, offer, account, limited } = await rateRig({
      items_per_second: 10,
      when_exceeded: 'drop',
      overrides: { loud: { items_per_second: 10 } },
      ...BY_ATTRIBUTE,
    });
    await offer(logsOf('loud', 30));
    const parts = [
      logsOf('a', 2),
      logsOf('loud', 3),
      logsOf('b', 4),
      logsOf('c', 1),
      logsOf('loud', 5),
      logsOf('d', 6),
    ];
    const batch: Batch = { ...mixed(...parts), metadata: new Map([['x', 'y']]) };
    assert.equal((await offer(batch)).status, 'accepted');
    const left = next.batches.at(-1);
    assert.ok(left !== undefined);
    assert.equal(left.items, 13);
    assert.equal(left.chunks.length, 3, 'what adjoins stays together');
    assert.equal(left.metadata, batch.metadata);
    const kept = [parts[0], parts[2], parts[3], parts[5]].flatMap((part) => itemsOf('logs', part?.chunks ?? []));
    assert.deepEqual(itemsOf('logs', left.chunks), kept);
    assert.deepEqual([...account.dropped], [['rate_limited', 8]]);
    assert.equal(limited('loud'), 8);
    assert.equal(account.received - account.dropped.get('rate_limited')!, next.items);
  });

  it('accepts and counts a batch of which nothing is left', async () => {
    const { next, offer, account } = await rateRig({ items_per_second: 10, when_exceeded: 'drop' });
    await offer(logsOf('a', 20));
    assert.equal((await offer(logsOf('b', 7))).status, 'accepted');
    assert.equal(next.batches.length, 1);
    assert.deepEqual([...account.dropped], [['rate_limited', 7]]);
  });

  it('books nothing while the rest is not accepted, and is then charged once', async () => {
    const { clock, next, offer, account } = await rateRig({
      items_per_second: 10,
      when_exceeded: 'drop',
      ...BY_ATTRIBUTE,
    });
    await offer(logsOf('loud', 30));
    next.answer = () => FULL;
    const batch = mixed(logsOf('a', 30), logsOf('loud', 3));
    assert.equal(await offer(batch), FULL);
    assert.equal(await offer(batch), FULL);
    assert.deepEqual([...account.dropped], []);
    next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
    await offer(batch);
    assert.deepEqual([...account.dropped], [['rate_limited', 3]]);
    await clock.advance(2000);
    await offer(logsOf('a', 1));
    assert.deepEqual([...account.dropped], [['rate_limited', 3]], 'a had a debt of 2 seconds, not more');
  });

  it('rejects a batch that cannot be read', async () => {
    const { offer } = await rateRig({ items_per_second: 10, ...BY_ATTRIBUTE });
    const verdict = await offer(makeBatch('logs', [Uint8Array.of(0x0a, 0x7f, 1)], 1));
    assert.ok(verdict.status === 'rejected' && verdict.reason instanceof RemoraError);
    assert.equal(verdict.reason.code, 'payload_malformed');
  });
});

describe('rate_limit with more tenants than it has limits for', () => {
  it('has the newcomers share one limit, and forgets only tenants that lost nothing by it', async () => {
    const { clock, offer, overflowed, limited } = await rateRig({
      items_per_second: 10,
      max_tenants: 2,
      overrides: { vip: { items_per_second: 10 } },
      ...BY_ATTRIBUTE,
    });
    await offer(logsOf('a', 30));
    await offer(logsOf('b', 15));
    assert.equal((await offer(logsOf('c', 20))).status, 'accepted');
    assert.equal(overflowed(), 20);
    assert.equal(waitOf(await offer(logsOf('d', 1))), 1000, 'd pays for c');
    assert.equal((await offer(logsOf('vip', 1))).status, 'accepted');
    assert.equal(waitOf(await offer(logsOf('a', 1))), 2000);
    // b was seen least recently and has its whole burst again.
    await clock.advance(1500);
    assert.equal((await offer(logsOf('e', 25))).status, 'accepted');
    assert.equal(overflowed(), 21);
    assert.equal(waitOf(await offer(logsOf('e', 1))), 1500);
    assert.equal(waitOf(await offer(logsOf('a', 1))), 500, 'a is remembered while it owes');
    assert.equal(limited('vip'), 0);
  });

  it('takes no more than 256 characters of a name', async () => {
    const { offer } = await rateRig({ items_per_second: 10, ...BY_HEADER });
    const name = 'x'.repeat(256);
    await offer(withHeader(logsOf('', 20), `${name}1`));
    assert.equal(waitOf(await offer(withHeader(logsOf('', 20), `${name}2`))), 1000);
  });
});

describe('rate_limit in a fan-out', () => {
  const fanOptions = { clock: { now: () => 0, monotonic: () => 0, timer: () => ({ cancel: () => undefined }) } };

  it('reserves where the next one can, all or nothing, and gives tokens back on cancel', async () => {
    const next = new ReservingConsumer();
    const { processor, limited } = await rateRig({ items_per_second: 100 }, next);
    const reserve = (items: number) => processor.tryReserve?.(logsOf('a', items));
    const reservation = reserve(500);
    assert.ok(reservation?.status === 'reserved');
    assert.equal(reserve(1)?.status, 'retry', 'what is reserved counts');
    reservation.cancel();
    reservation.cancel();
    assert.equal(next.cancelled, 2);
    const second = reserve(300);
    assert.ok(second?.status === 'reserved');
    assert.equal((await second.commit(NEVER)).status, 'accepted');
    const third = reserve(1);
    assert.ok(third?.status === 'retry');
    assert.equal(waitOf(third.verdict), 2000);
    assert.equal(limited('other'), 2);
    assert.equal(next.items, 300);
  });

  it('takes nothing when the next one has no room, and cannot reserve where the next one cannot', async () => {
    const next = new ReservingConsumer();
    next.refusal = { status: 'retry', verdict: FULL };
    const { processor } = await rateRig({ items_per_second: 100 }, next);
    const reserve = () => processor.tryReserve?.(logsOf('a', 500));
    assert.equal(reserve(), next.refusal);
    next.refusal = undefined;
    assert.equal(reserve()?.status, 'reserved');
    const ending = await rateRig({ items_per_second: 100 });
    assert.ok(ending.processor.tryReserve === undefined);
  });

  it('keeps a fan-out whole: no branch gets a batch for which another is over its limit', async () => {
    const [free, limited] = [new ReservingConsumer(), new ReservingConsumer()];
    const { processor } = await rateRig({ items_per_second: 100 }, limited);
    const both = fanout([free, processor], { ...fanOptions, stopping: NEVER, onLost: () => assert.fail('lost') });
    assert.equal((await both.consume(logsOf('a', 300), NEVER)).status, 'accepted');
    assert.equal((await both.consume(logsOf('a', 1), NEVER)).status, 'retry');
    assert.deepEqual([free.items, limited.items], [300, 300]);
  });
});

describe('rate_limit on other signals', () => {
  it('finds the tenant of spans and counts them', async () => {
    const raw = { items_per_second: 10, by: { resource_attribute: 'service.name' }, when_exceeded: 'drop' };
    const { next, offer } = await rateRig(raw, undefined, 'traces');
    await offer(traceBatch(30, 2));
    await offer(traceBatch(31, 3));
    assert.equal(next.items, 30 + 10, 'checkout-2 is new');
    assert.ok(itemsOf('traces', next.batches[1]?.chunks ?? []).every((span) => span.includes('checkout-2')));
  });
});

describe('the configuration of rate_limit', () => {
  for (const [raw, path] of [
    [{}, ['bytes_per_second']],
    [{ bytes_per_second: 0 }, ['bytes_per_second']],
    [{ items_per_second: 0 }, ['items_per_second']],
    [{ items_per_second: 1, burst: 0 }, ['burst']],
    [{ items_per_second: 1, by: {} }, ['by']],
    [{ items_per_second: 1, by: { metadata: 'a', resource_attribute: 'b' } }, ['by']],
    [{ items_per_second: 1, by: { metadata: 'not a header' } }, ['by', 'metadata']],
    [{ items_per_second: 1, by: { metadata: 'Authorization' } }, ['by', 'metadata']],
    [{ items_per_second: 1, overrides: { a: { items_per_second: 2 } } }, ['overrides']],
    [{ items_per_second: 1, ...BY_HEADER, overrides: { a: {} } }, ['overrides', 'a', 'bytes_per_second']],
    [{ items_per_second: 1, when_exceeded: 'block' }, ['when_exceeded']],
  ] as const) {
    it(`refuses ${JSON.stringify(raw)}`, () => {
      const parsed = rateLimitProcessor.parse(raw);
      assert.ok(!parsed.ok);
      assert.deepEqual(parsed.issues[0]?.path, path);
    });
  }
});
