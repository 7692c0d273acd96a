import assert from 'node:assert/strict';
import type { Consumer } from '../../../src/core/component.ts';
import { freeBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { cardinalityLimitProcessor } from '../../../src/processors/cardinality-limit/index.ts';
import { processorContext } from '../../support/context.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import type { CeilingScenario } from '../scenario.ts';

const SPANS = 512;
const REQUESTS = 200;
const NEVER = new AbortController().signal;

/**
 * Spans of nine attributes, one of which and the name are bounded: CPU for each, in this very process, of the processor
 * alone. With a limit that all values fit in, or one that most are beyond.
 */
export function values(name: string, limit: number, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'µs per span',
    ceiling,
    async run({ seconds }) {
      await pass(limit);
      let [cpuMicros, passes] = [0, 0];
      for (const fromMs = performance.now(); passes === 0 || performance.now() - fromMs < seconds * 1000; passes++) {
        cpuMicros += await pass(limit);
      }
      const value = cpuMicros / (passes * REQUESTS * SPANS);
      return { value, detail: `${Math.round(1000 / value)} k spans per CPU-second` };
    },
  };
}

/** CPU in microseconds. */
async function pass(limit: number): Promise<number> {
  let arrived = 0;
  const next: Consumer = {
    consume(batch) {
      arrived += batch.items;
      freeBytes(batch);
      return Promise.resolve(ACCEPTED);
    },
  };
  const parsed = cardinalityLimitProcessor.parse({ spans: { name: {}, attributes: [{ key: 'url.path', limit }] } });
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(processorContext('traces', next));
  const batch = traceBatch(SPANS);
  await processor.consume(batch, NEVER);
  const before = process.cpuUsage();
  for (let request = 0; request < REQUESTS; request++) await processor.consume(batch, NEVER);
  const { user, system } = process.cpuUsage(before);
  assert.equal(arrived, (REQUESTS + 1) * SPANS);
  return user + system;
}
