import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { loadPlan, type Catalog } from '../../src/config/plan.ts';
import type { Batch } from '../../src/core/batch.ts';
import { defineExporter, defineProcessor, defineReceiver, type ReceiverContext } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { sendingShape } from '../../src/core/sending.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { transformer } from '../../src/core/transform.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { batchProcessor } from '../../src/processors/batch.ts';
import { rateLimitProcessor } from '../../src/processors/rate-limit/index.ts';
import { ledgerText } from '../../src/service/ledger-text.ts';
import { createService } from '../../src/service/service.ts';
import { Log } from '../../src/telemetry/log.ts';
import { numberedLogs } from '../support/batches.ts';

/**
 * Whole services under random load, random upstreams and a stop at a random moment: whatever happens, every call is
 * answered, the ledger closes, the stop ends in time, and no timer is left.
 */

const QUEUES = [
  '{ sending_queue: { enabled: false } }',
  '{ sending_queue: { queue_size: 2 } }',
  '{ sending_queue: { queue_size: 2, block_on_overflow: true } }',
  '{ sending_queue: { queue_size: 20, sizer: items, wait_for_result: true } }',
  '{ sending_queue: { queue_size: 12, sizer: items, batch: { min_size: 8, max_size: 9 } } }',
  '{ sending_queue: { queue_size: 2, optional: true }, retry_on_failure: { enabled: false } }',
  '{ timeout: 0, sending_queue: { num_consumers: 1, wait_for_result: true } }',
  '{ sending_queue: { queue_size: 4, overflow: drop_oldest }, rate_limit: { items_per_second: 5 } }',
  '{ sending_queue: { queue_size: 4, optional: true, overflow: drop_oldest, fresh_first: true } }',
  '{ sending_queue: { wait_for_result: true, overflow: drop_newest }, circuit_breaker: { failure_threshold: 1, max_open: 2s } }',
  '{ sending_queue: { enabled: false }, circuit_breaker: { failure_threshold: 1 }, rate_limit: { items_per_second: 20 } }',
];
const PIPELINES = [
  '{ logs: { receivers: [hand], exporters: [up/a] } }',
  '{ logs: { receivers: [hand], exporters: [up/a, up/b] } }',
  '{ logs: { receivers: [hand], processors: [halve, batch], exporters: [up/a, up/b] } }',
  '{ logs: { receivers: [hand], exporters: [up/a] }, logs/x: { receivers: [hand], processors: [halve], exporters: [up/b] } }',
  '{ logs: { receivers: [hand], processors: [batch], exporters: [up/a] }, logs/x: { receivers: [hand], exporters: [up/a, up/b] } }',
  '{ logs: { receivers: [hand], processors: [rate_limit, batch], exporters: [up/a, up/b] } }',
  '{ logs: { receivers: [hand], processors: [rate_limit/drop], exporters: [up/a] }, logs/x: { receivers: [hand], processors: [rate_limit], exporters: [up/b] } }',
];

const answer = fc.oneof(
  { weight: 6, arbitrary: fc.constant('ok' as const) },
  { weight: 3, arbitrary: fc.constantFrom('later' as const, 'no' as const, 'part' as const, 'slow' as const) },
  { weight: 1, arbitrary: fc.constantFrom('never' as const, 'throw' as const) },
);
const step = fc.oneof(
  fc.record({
    do: fc.constant('send' as const),
    items: fc.integer({ min: 1, max: 14 }),
    patienceMs: fc.constantFrom(0, 10, 3000, 1e9),
  }),
  fc.record({ do: fc.constant('bypass' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 200, 1000, 7000) }),
);

interface Scene {
  readonly clock: VirtualClock;
  readonly answers: Iterator<string>;
  receiver: ReceiverContext | undefined;
}

function catalogOf(scene: Scene): Catalog {
  const { clock } = scene;
  const settle = async (batch: Batch): Promise<Verdict> => {
    switch (scene.answers.next().value) {
      case 'later':
        return retry(new RemoraError('upstream_unavailable', 'Away.'), 1500);
      case 'no':
        return rejected(new RemoraError('upstream_rejected', 'No.'));
      case 'part':
        return acceptedPartly(Math.ceil(batch.items / 3), 'Not all.');
      case 'slow':
        return new Promise((resolve) => void clock.timer(4000, () => resolve(ACCEPTED)));
      case 'never':
        return new Promise(() => undefined);
      case 'throw':
        throw new Error('Boom.');
      default:
        return ACCEPTED;
    }
  };
  return {
    receivers: [
      defineReceiver({
        type: 'hand',
        summary: 'Gives what the test gives.',
        signals: SIGNALS,
        config: () => z.strictObject({}),
        create: (_config, context) => ((scene.receiver = context), {}),
      }),
    ],
    processors: [
      batchProcessor,
      rateLimitProcessor,
      defineProcessor({
        type: 'halve',
        summary: 'Drops some batches as a whole.',
        signals: SIGNALS,
        config: () => z.strictObject({}),
        bypass: 'skip',
        create: (_config, context) =>
          transformer(context, (batch) =>
            batch.items % 4 === 0 ? { batch: undefined, dropped: { even: batch.items } } : { batch },
          ),
      }),
    ],
    exporters: [
      defineExporter({
        type: 'up',
        summary: 'Answers at random.',
        signals: SIGNALS,
        config: () => z.strictObject(sendingShape('5s')),
        sending: (config) => config,
        create: () => ({ send: (batch) => settle(batch) }),
      }),
    ],
    connectors: [],
    extensions: [],
  };
}

test('the ledger closes and the stop ends, whatever the upstreams do and whenever it comes', async () => {
  const property = fc.asyncProperty(
    fc.record({
      a: fc.constantFrom(...QUEUES),
      b: fc.constantFrom(...QUEUES),
      pipelines: fc.constantFrom(...PIPELINES),
      steps: fc.array(step, { maxLength: 25 }),
      answers: fc.infiniteStream(answer),
      hurryAfterMs: fc.constantFrom(undefined, 0, 900, 9000),
    }),
    async ({ a, b, pipelines, steps, answers, hurryAfterMs }) => {
      const scene: Scene = { clock: new VirtualClock(), answers: answers[Symbol.iterator](), receiver: undefined };
      const { clock } = scene;
      const yaml = `
receivers: { hand: }
processors:
  rate_limit: { items_per_second: 10 }
  rate_limit/drop: { items_per_second: 10, when_exceeded: drop }
  halve:
  batch: { send_batch_size: 10, send_batch_max_size: 12 }
exporters: { up/a: ${a}, up/b: ${b} }
service: { telemetry: { metrics: { level: none } }, pipelines: ${pipelines} }`;
      const loaded = await loadPlan({ configs: [`yaml:${yaml}`], sets: [], env: {}, catalog: catalogOf(scene) });
      assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
      const log = new Log({ level: 'error', encoding: 'text', clock, write: () => undefined });
      const service = await createService({ plan: loaded.plan, clock, log, instanceId: 'x' });
      await service.start();
      let open = 0;
      let accepted = 0;
      for (const each of steps) {
        if (each.do === 'wait') {
          await clock.advance(each.ms);
          continue;
        }
        if (each.do === 'bypass') {
          service.bypass.toggle('admin');
          continue;
        }
        const patience = new AbortController();
        const timer = clock.timer(each.patienceMs, () => patience.abort());
        open += 1;
        void scene.receiver?.next.logs?.consume(numberedLogs(0, each.items), patience.signal).then((verdict) => {
          timer.cancel();
          open -= 1;
          if (verdict.status === 'accepted') accepted += each.items;
        });
      }
      const hurry = new AbortController();
      let isStopped = false;
      void service.stop(hurry.signal).then(() => (isStopped = true));
      if (hurryAfterMs !== undefined) {
        await clock.advance(hurryAfterMs);
        hurry.abort();
        await clock.advance(1000);
        assert.ok(isStopped, 'a hurried stop takes longer than a second');
      }
      await clock.advance(26_000);
      assert.ok(isStopped, 'the stop takes longer than its timeout and a second');
      assert.equal(open, 0, 'a call was never answered');
      assert.ok(service.ledger.closed, ledgerText(service.ledger));
      const rows = service.ledger.rows();
      assert.equal(rows.find(({ stage, node }) => stage === 'receiver' && node === 'hand')?.passed, accepted);
      // Without processors all that was accepted is answered for by every exporter.
      const exporters = pipelines.includes('processors') ? [] : rows.filter(({ stage }) => stage === 'exporter');
      for (const { received } of exporters) assert.equal(received, accepted);
      await clock.advance(10_000);
      assert.equal(clock.pending, 0, 'a timer is left');
    },
  );
  await fc.assert(property, { numRuns: Number(process.env['MODEL_RUNS'] ?? 150) });
});
