import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { ProcessorDefinition } from '../../../src/core/component.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { DecisionBook } from '../../../src/core/trace-decisions.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { probabilisticSamplerProcessor } from '../../../src/processors/probabilistic-sampler/index.ts';
import { traceBasedSampler } from '../../../src/processors/trace-based-sampler/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { decodeRequest, encodeRequest } from '../../support/otlp-proto.ts';

/** Traces and their logs, each signal through a processor of its own, and no wait in between. */
const never = new AbortController().signal;
const TRACES = 4000;

const random = seededRandom('traces');
const ids = Array.from({ length: TRACES }, () =>
  Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256))),
);
const spans = (): Batch =>
  makeBatch(
    'traces',
    [
      encodeRequest('traces', {
        resourceSpans: [{ scopeSpans: [{ spans: ids.map((traceId) => ({ name: 's', traceId })) }] }],
      }),
    ],
    TRACES,
  );
const logs = (): Batch =>
  makeBatch(
    'logs',
    [encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: ids.map((traceId) => ({ traceId })) }] }] })],
    TRACES,
  );

interface Run {
  readonly definition: ProcessorDefinition;
  readonly settings: object;
  readonly batch: Batch;
  readonly decisions: DecisionBook;
}

/** Ids of the traces whose item comes out at once. */
async function keptBy({ definition, settings, batch, decisions }: Run): Promise<string[]> {
  const next = new CollectingConsumer();
  const clock = new VirtualClock();
  const context = { ...processorContext(batch.signal, next, { clock, id: definition.type }), decisions };
  const parsed = definition.parse(settings);
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(context);
  await processor.start?.();
  assert.equal((await processor.consume(batch, never)).status, 'accepted');
  assert.deepEqual([context.account.held(), clock.pending], [0, 0]);
  const text = next.batches.map(({ signal, chunks }) =>
    JSON.stringify(decodeRequest(signal, Buffer.concat(chunks))).matchAll(/"traceId":"([^"]+)"/g),
  );
  return text.flatMap((found) => Array.from(found, ([, id = '']) => id));
}

for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
  for (const percentage of [3, 50]) {
    test(`${mode} at ${percentage} %: logs keep to their traces at once, by the same rule or by following`, async () => {
      const decisions = new DecisionBook();
      const head = { mode, sampling_percentage: percentage, hash_seed: 22 };
      const traces = await keptBy({
        definition: probabilisticSamplerProcessor,
        settings: head,
        batch: spans(),
        decisions,
      });
      const share = traces.length / TRACES;
      assert.ok(Math.abs(share - percentage / 100) < 0.03, `${share}`);
      const sameRule = { definition: probabilisticSamplerProcessor, settings: head, batch: logs() };
      assert.deepEqual(await keptBy({ ...sameRule, decisions: new DecisionBook() }), traces);
      const following = { definition: traceBasedSampler, settings: { follow: 'probabilistic_sampler' }, batch: logs() };
      assert.deepEqual(await keptBy({ ...following, decisions }), traces);
    });
  }
}
