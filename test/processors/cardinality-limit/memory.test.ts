import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import type { Consumer } from '../../../src/core/component.ts';
import { freeBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { cardinalityLimitProcessor } from '../../../src/processors/cardinality-limit/index.ts';
import { processorContext } from '../../support/context.ts';
import { heldBytes } from '../../support/held-bytes.ts';
import { metricBatch, type Temporality } from '../../support/metric-points.ts';
import { UniquePoints } from '../../support/unique-points.ts';

/** Label sets of the flood; the whole of it is REMORA_FLOOD_SERIES=10000000. */
const FLOOD = Number(process.env['REMORA_FLOOD_SERIES'] ?? 300_000);
const BATCH = 1000;
const NEVER = new AbortController().signal;

/** What passes is counted and let go. */
class Sink implements Consumer {
  items = 0;
  consume(batch: Batch) {
    this.items += batch.items;
    freeBytes(batch);
    return Promise.resolve(ACCEPTED);
  }
}

async function limiterOf(config: object) {
  const parsed = cardinalityLimitProcessor.parse(config);
  assert.ok(parsed.ok);
  const sink = new Sink();
  const context = processorContext('metrics', sink);
  return { context, sink, processor: await parsed.prepared.create(context) };
}

test('a tracked series takes less than 200 bytes, whether its values are remembered or not', async () => {
  for (const temporality of ['cumulative', 'delta'] as const) {
    const series = 100_000;
    const points = new UniquePoints(BATCH, { metric: 'requests', kind: 'sum', temporality });
    const { processor, context } = await limiterOf({
      limit: series,
      max_series: series,
      max_bytes: '64MiB',
      explain: false,
    });
    await processor.consume(points.batch(), NEVER);
    const before = await heldBytes();
    for (let i = BATCH; i < series; i += BATCH) await processor.consume(points.batch(), NEVER);
    const each = ((await heldBytes()) - before) / series;
    assert.equal(
      context.meter.value('remora_cardinality_tracked_series', {
        processor: 'test',
        pipeline: 'metrics',
        state: 'kept',
      }),
      series,
    );
    assert.ok(each < 200, `${Math.round(each)} bytes a series of ${temporality} sums`);
    await processor.stop?.(NEVER);
  }
});

for (const temporality of ['delta', 'cumulative'] as const) {
  test(`memory is flat under ${FLOOD} label sets that no other has: ${temporality}`, async () => {
    await flood(temporality);
  });
}

test('names of a megabyte each are not kept', async () => {
  const { processor } = await limiterOf({ explain: false, per_tenant: { resource_attribute: 'tenant', limit: 9 } });
  const long = (text: string): string => text + 'x'.repeat(1_000_000);
  const before = await heldBytes();
  for (let i = 0; i < 20; i++) {
    const resource = { 'service.name': long(`s${i}`), tenant: long(`t${i}`) };
    const point = { kind: 'sum', temporality: 'delta', attributes: [], start: 1, time: 2, value: 3 } as const;
    await processor.consume(metricBatch([{ ...point, metric: long(`m${i}`), resource }]), NEVER);
  }
  const grownMib = ((await heldBytes()) - before) / 2 ** 20;
  assert.ok(grownMib < 20, `grew by ${grownMib.toFixed(1)} MiB`);
  await processor.stop?.(NEVER);
});

async function flood(temporality: Temporality): Promise<void> {
  const maxBytes = 8 * 2 ** 20;
  const { processor, sink, context } = await limiterOf({ max_bytes: maxBytes, max_series: 20_000 });
  const points = new UniquePoints(BATCH, { metric: 'requests', kind: 'sum', temporality });
  const others = new UniquePoints(BATCH, { metric: 'others', kind: 'sum', temporality });
  const other = others.batch();
  await processor.consume(other, NEVER);
  for (let i = 0; i < FLOOD / 2; i += BATCH) await processor.consume(points.batch(), NEVER);
  const half = await heldBytes();
  for (let i = 0; i < FLOOD / 2; i += BATCH) await processor.consume(points.batch(), NEVER);
  const grownMib = ((await heldBytes()) - half) / 2 ** 20;
  const tables = context.meter.value('remora_cardinality_table_bytes', { processor: 'test', pipeline: 'metrics' }) ?? 0;
  assert.ok(tables <= maxBytes, `${tables} bytes`);
  assert.ok(grownMib < 4, `grew by ${grownMib.toFixed(1)} MiB`);
  // The other metric is as it was: all of it passes.
  const before = sink.items;
  await processor.consume(other, NEVER);
  assert.equal(sink.items - before, BATCH);
  await processor.stop?.(NEVER);
}
