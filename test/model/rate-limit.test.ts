import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RemoraError } from '../../src/core/errors.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { batchBytes, type Batch } from '../../src/core/batch.ts';
import { itemsOf } from '../support/otlp-proto.ts';
import { logsOf, mixed, rateRig } from '../processors/rate-limit/tenants.ts';

/** Any tenants, any batches, any verdicts further on: the books close, and nobody gets more than the rate. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 150);
const RATE = 100;
const BURST_MS = 500;
const TENANTS = ['a', 'b', 'c'] as const;

const DOWNSTREAM: Readonly<Record<string, Verdict>> = {
  accepted: ACCEPTED,
  retry: retry(new RemoraError('queue_full', 'Full.')),
  rejected: rejected(new RemoraError('item_too_large', 'Large.')),
};

const part = fc.record({ tenant: fc.constantFrom(...TENANTS), items: fc.integer({ min: 1, max: 60 }) });
const step = fc.record({
  pauseMs: fc.integer({ min: 0, max: 700 }),
  parts: fc.array(part, { minLength: 1, maxLength: 4 }),
  downstream: fc.constantFrom('accepted', 'accepted', 'accepted', 'retry', 'rejected'),
});

interface Passed {
  readonly atMs: number;
  readonly items: ReadonlyMap<string, number>;
}

function itemsByTenant(batch: Batch): Map<string, number> {
  const items = new Map<string, number>();
  for (const text of itemsOf('logs', batchBytes(batch))) {
    const tenant = TENANTS.find((name) => text.includes(`"${name}"`)) ?? '';
    items.set(tenant, (items.get(tenant) ?? 0) + 1);
  }
  return items;
}

function staysWithin(passed: readonly Passed[], tenant: string): void {
  const taken = passed.map(({ atMs, items }) => ({ atMs, items: items.get(tenant) ?? 0 }));
  const largest = Math.max(0, ...taken.map(({ items }) => items));
  taken.forEach((first, from) => {
    let sum = 0;
    for (const { atMs, items } of taken.slice(from)) {
      sum += items;
      assert.ok(sum <= (RATE * (atMs - first.atMs + BURST_MS)) / 1000 + largest, `${tenant} got ${sum}`);
    }
  });
}

for (const mode of ['push_back', 'drop']) {
  test(`no tenant gets more than its rate and the books close, with when_exceeded: ${mode}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const rig = await rateRig({
          items_per_second: RATE,
          burst: `${BURST_MS}ms`,
          by: { resource_attribute: 'tenant.id' },
          when_exceeded: mode,
        });
        const passed: Passed[] = [];
        let acceptedItems = 0;
        for (const { pauseMs, parts, downstream } of steps) {
          await rig.clock.advance(pauseMs);
          rig.next.answer = () => DOWNSTREAM[downstream] ?? ACCEPTED;
          const before = rig.next.batches.length;
          const batch = mixed(...parts.map(({ tenant, items }) => logsOf(tenant, items)));
          const verdict = await rig.offer(batch);
          if (verdict.status === 'accepted') acceptedItems += batch.items;
          const [arrived] = rig.next.batches.slice(before);
          if (arrived === undefined) continue;
          const items = itemsByTenant(arrived);
          assert.equal(
            [...items.values()].reduce((sum, more) => sum + more, 0),
            arrived.items,
          );
          passed.push({ atMs: rig.clock.monotonic(), items });
        }
        for (const tenant of TENANTS) staysWithin(passed, tenant);
        const dropped = rig.account.dropped.get('rate_limited') ?? 0;
        assert.equal(acceptedItems, rig.next.items + dropped);
        if (mode === 'push_back') assert.equal(dropped, 0);
      }),
      { numRuns: RUNS },
    );
  });
}
