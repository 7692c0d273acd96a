import assert from 'node:assert/strict';
import type { Batch } from '../../../src/core/batch.ts';
import type { Processor } from '../../../src/core/component.ts';
import type { Account } from '../../../src/core/ledger.ts';
import type { Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { cardinalityLimitProcessor } from '../../../src/processors/cardinality-limit/index.ts';
import { CollectingConsumer, processorContext, type TestMeter } from '../../support/context.ts';
import { metricBatch, pointsIn, type MetricPoint } from '../../support/metric-points.ts';

const NEVER = new AbortController().signal;

/** A limiter that runs, with what came out of it. */
export interface Limited {
  readonly clock: VirtualClock;
  readonly next: CollectingConsumer;
  readonly account: Account;
  readonly meter: TestMeter;
  readonly processor: Processor;
  /** Offers points as one batch; returns what came of them when it was accepted. */
  send(points: readonly MetricPoint[] | Batch): Promise<MetricPoint[]>;
  offer(batch: Batch): Promise<Verdict>;
  dropped(reason: string): number;
}

export async function limited(config: object): Promise<Limited> {
  const clock = new VirtualClock();
  const next = new CollectingConsumer();
  const parsed = cardinalityLimitProcessor.parse(config);
  assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.issues));
  const context = processorContext('metrics', next, { clock });
  const processor = await parsed.prepared.create(context);
  await processor.start?.();
  const { account, meter } = context;
  const offer = async (batch: Batch): Promise<Verdict> => {
    const verdict = await processor.consume(batch, NEVER);
    // As the edges of the graph would book it.
    if (verdict.status === 'accepted') account.received += batch.items;
    return verdict;
  };
  return {
    clock,
    next,
    account,
    meter,
    processor,
    offer,
    async send(points) {
      const before = next.batches.length;
      const batch = 'items' in points ? points : metricBatch(points);
      assert.equal((await offer(batch)).status, 'accepted');
      return next.batches.slice(before).flatMap(pointsIn);
    },
    dropped: (reason) => account.dropped.get(reason) ?? 0,
  };
}

/** Received is what passed and what was dropped. */
export function assertClosed({ account, next }: Limited): void {
  account.passed = next.items;
  assert.equal(account.imbalance, 0);
}
