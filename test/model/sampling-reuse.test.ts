import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchBytes, type Batch } from '../../src/core/batch.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { freeBytes, offerBytes } from '../../src/core/reuse.ts';
import { ACCEPTED, retry } from '../../src/core/verdict.ts';
import { joinBatches } from '../../src/core/batch.ts';
import { Dice, logBatch, ProcessorRig, spanBatch, type LogShape, type SpanShape } from '../support/sampling.ts';

/**
 * Memory goes round: a request whose bytes were let go of is written over at once, and what came out of a sampler is held
 * for a while, as a queue does, before it is let go of. Nothing that is still held may change.
 */
const BATCHES = 300;
const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const SCRIBBLE = 0xee;

interface Held {
  readonly batch: Batch;
  readonly asItWas: Buffer;
}

function keep(batch: Batch): Held {
  return { batch, asItWas: Buffer.from(batchBytes(batch)) };
}

function letGo({ batch, asItWas }: Held): void {
  assert.ok(asItWas.equals(batchBytes(batch)), 'what was held has changed');
  freeBytes(batch);
}

/** A request whose bytes are of no more use to anybody once somebody said so. */
function offered(batch: Batch): Batch {
  offerBytes(batch, () => {
    for (const chunk of batch.chunks) chunk.fill(SCRIBBLE);
  });
  return batch;
}

const SAMPLERS: readonly (readonly [string, string, object, 'traces' | 'logs'])[] = [
  ['hash_seed', 'probabilistic_sampler', { sampling_percentage: 50 }, 'traces'],
  ['equalizing', 'probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 10 }, 'traces'],
  ['everything', 'probabilistic_sampler', { mode: 'proportional', sampling_percentage: 100 }, 'traces'],
  ['equalizing of logs', 'probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 50 }, 'logs'],
  ['adaptive', 'adaptive_sampler', { items_per_second: 200 }, 'traces'],
  ['adaptive that keeps all', 'adaptive_sampler', { items_per_second: 1_000_000 }, 'traces'],
  ['adaptive of logs', 'adaptive_sampler', { items_per_second: 200 }, 'logs'],
  [
    'tail',
    'tail_sampling',
    {
      decision_wait: '1s',
      record_threshold: true,
      policies: [{ name: 'a', type: 'probabilistic', probabilistic: { sampling_percentage: 50, consistent: true } }],
    },
    'traces',
  ],
];

/** Requests of one to three chunks. What already has `th:0` may stay as it is, so that chunks are handed on. */
function request(dice: Dice, signal: 'traces' | 'logs'): Batch {
  const chunks = Array.from({ length: 1 + dice.below(3) }, () => {
    const stays = dice.below(2) === 0;
    const items = Array.from({ length: 1 + dice.below(60) }, (): SpanShape & LogShape => ({
      traceId: dice.traceId(),
      ...(stays && signal === 'traces' ? { traceState: 'ot=th:0' } : {}),
      name: `GET /${dice.below(4)}`,
    }));
    return signal === 'traces' ? spanBatch(items) : logBatch(items);
  });
  return joinBatches(chunks);
}

for (const [name, type, config, signal] of SAMPLERS) {
  test(`nothing that is held changes behind ${name}, whatever memory goes round`, async () => {
    const rig = await ProcessorRig.start(type, config, signal);
    const dice = new Dice(6000);
    const held: Held[] = [];
    let taken = 0;
    rig.out.answer = (batch) => {
      if (dice.below(4) === 0) return BUSY;
      held.push(keep(batch));
      taken += batch.items;
      return ACCEPTED;
    };
    for (let sent = 0; sent < BATCHES; sent++) {
      const batch = offered(request(dice, signal));
      const before = keep(batch);
      for (let tries = 0; (await rig.offer(batch)).status === 'retry'; tries++) {
        assert.ok(before.asItWas.equals(batchBytes(batch)), 'what is still the caller’s is left alone');
        assert.ok(tries < 200);
        await rig.clock.advance(50);
      }
      await rig.clock.advance(dice.below(300));
      rig.out.batches.length = 0;
      while (held.length > 8 || (held.length > 0 && dice.below(3) === 0)) {
        const [one] = held.splice(dice.below(held.length), 1);
        if (one !== undefined) letGo(one);
      }
    }
    rig.out.answer = (batch) => {
      held.push(keep(batch));
      taken += batch.items;
      return ACCEPTED;
    };
    rig.processor.drain?.();
    await rig.processor.stop?.(new AbortController().signal);
    for (const one of held) letGo(one);
    rig.context.account.passed = taken;
    assert.equal(rig.context.account.imbalance, 0);
    assert.ok(taken > 100);
  });
}
