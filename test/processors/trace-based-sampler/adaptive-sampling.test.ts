import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { ProcessorDefinition } from '../../../src/core/component.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { DecisionBook } from '../../../src/core/trace-decisions.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { adaptiveSamplerProcessor } from '../../../src/processors/adaptive-sampler/index.ts';
import { traceBasedSampler } from '../../../src/processors/trace-based-sampler/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

/** Spans of one trace come one by one, on a hot route first and on a rare one later, and a log with each of them. */
const never = new AbortController().signal;
const TRACES = 3000;
const random = seededRandom('adaptive');

const batchOf = (signal: 'traces' | 'logs', items: PlainObject[]): Batch => {
  const request =
    signal === 'traces'
      ? { resourceSpans: [{ scopeSpans: [{ spans: items }] }] }
      : { resourceLogs: [{ scopeLogs: [{ logRecords: items }] }] };
  return makeBatch(signal, [encodeRequest(signal, request)], items.length);
};

const idsIn = ({ batches }: CollectingConsumer): string[] =>
  batches.flatMap(({ signal, chunks }) => {
    const text = JSON.stringify(decodeRequest(signal, Buffer.concat(chunks)));
    return Array.from(text.matchAll(/"traceId":"([^"]+)"/g), ([, id = '']) => id);
  });

async function start(
  definition: ProcessorDefinition,
  signal: 'traces' | 'logs',
  settings: object,
  clock: VirtualClock,
) {
  const next = new CollectingConsumer();
  const context = { ...processorContext(signal, next, { clock, id: definition.type }), decisions };
  const parsed = definition.parse(settings);
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(context);
  return { processor, next, context };
}

const decisions = new DecisionBook();

test('logs follow an adaptive sampler, and every orphan is counted', async () => {
  const clock = new VirtualClock();
  const traces = await start(adaptiveSamplerProcessor, 'traces', { items_per_second: 100, window: '1s' }, clock);
  const logs = await start(traceBasedSampler, 'logs', { follow: 'adaptive_sampler', wait: '2s' }, clock);
  await logs.processor.start?.();
  const ids = Array.from({ length: TRACES }, () => Buffer.from(Array.from({ length: 16 }, () => random() * 256)));
  const offered = new Map<string, number>();
  const giveLogs = async (some: Buffer[]): Promise<void> => {
    for (const id of some) offered.set(id.toString('base64'), (offered.get(id.toString('base64')) ?? 0) + 1);
    await logs.processor.consume(
      batchOf(
        'logs',
        some.map((traceId) => ({ traceId })),
      ),
      never,
    );
  };
  for (let at = 0; at < TRACES; at += 100) {
    const some = ids.slice(at, at + 100);
    await giveLogs(some);
    await traces.processor.consume(
      batchOf(
        'traces',
        some.map((traceId) => ({ traceId, name: 'hot' })),
      ),
      never,
    );
    await giveLogs(some);
    await clock.advance(100);
    // Every tenth trace goes on somewhere where little happens.
    const later = ids.slice(Math.max(0, at - 100), at).filter((_, index) => index % 10 === 0);
    const rare = later.map((traceId, index) => ({ traceId, name: `rare ${(at + index) % 50}` }));
    if (rare.length > 0) await traces.processor.consume(batchOf('traces', rare), never);
    await giveLogs(later);
  }
  await clock.advance(5000);

  const keptTraces = new Set(idsIn(traces.next));
  const keptLogs = Map.groupBy(idsIn(logs.next), (id) => id);
  let [orphans, strays] = [0, 0];
  for (const [id, count] of offered) {
    const kept = keptLogs.get(id)?.length ?? 0;
    if (keptTraces.has(id)) orphans += count - kept;
    else strays += kept;
  }
  const counted = (outcome: string): number | undefined =>
    logs.context.meter.value('remora_coherence_orphan_items', {
      processor: 'trace_based_sampler',
      pipeline: 'logs',
      outcome,
    });
  assert.deepEqual([counted('dropped'), counted('kept')], [orphans, strays]);
  assert.ok(orphans > 0, 'no trace was decided otherwise later');
  assert.equal(strays, 0);
  assert.ok(keptTraces.size < TRACES / 2, `${keptTraces.size}`);
  const { account } = logs.context;
  assert.equal(
    logs.next.items + account.droppedItems,
    [...offered.values()].reduce((sum, one) => sum + one, 0),
  );
});
