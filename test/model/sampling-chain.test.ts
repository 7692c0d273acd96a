import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../src/core/batch.ts';
import { ANY_VALUE, KEY_VALUE, LOG } from '../../src/otlp/fields.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import {
  Dice,
  eachItem,
  logBatch,
  ProcessorRig,
  randomnessOf,
  spanBatch,
  spansIn,
  thresholdIn,
  weightOf,
  type LogShape,
  type SeenSpan,
  type SpanShape,
} from '../support/sampling.ts';

/**
 * What one sampler left goes through the next: thresholds only rise, no item is below its own, and the sums still estimate
 * what there was before the first. Logs too, whose thresholds are attributes. Each check at 4 standard errors.
 */
const ITEMS = Number(process.env['SPANS'] ?? 20_000);
const BATCH_ITEMS = 1000;

const share = (sampling_percentage: number) => ({ mode: 'equalizing', sampling_percentage });
const part = (sampling_percentage: number) => ({ mode: 'proportional', sampling_percentage });
const errorsAnd = (sampling_percentage: number) => ({
  decision_wait: '1s',
  record_threshold: true,
  policies: [
    { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
    { name: 'share', type: 'probabilistic', probabilistic: { sampling_percentage, consistent: true } },
  ],
});

const CHAINS: readonly (readonly [string, readonly (readonly [string, object])[]])[] = [
  [
    'a share after a larger share',
    [
      ['probabilistic_sampler', share(50)],
      ['probabilistic_sampler', share(10)],
    ],
  ],
  [
    'a share after a smaller share',
    [
      ['probabilistic_sampler', share(10)],
      ['probabilistic_sampler', share(50)],
    ],
  ],
  [
    'a part of a part',
    [
      ['probabilistic_sampler', part(30)],
      ['probabilistic_sampler', part(30)],
    ],
  ],
  [
    'a share of what a hash left',
    [
      ['probabilistic_sampler', { sampling_percentage: 50 }],
      ['probabilistic_sampler', share(10)],
    ],
  ],
  [
    'all of them, one after the other',
    [
      ['probabilistic_sampler', share(70)],
      ['adaptive_sampler', { items_per_second: 400 }],
      ['tail_sampling', errorsAnd(40)],
      ['probabilistic_sampler', part(50)],
      ['adaptive_sampler', { items_per_second: 50 }],
    ],
  ],
];

function spans(dice: Dice): SpanShape[] {
  return Array.from({ length: BATCH_ITEMS }, () => ({
    traceId: dice.traceId(),
    isError: dice.below(20) === 0,
    name: `GET /${Math.min(dice.below(8), dice.below(8))}`,
  }));
}

for (const [name, stages] of CHAINS) {
  test(`${name}: thresholds only rise, and the sum is that of the beginning`, async (t) => {
    const rigs = await Promise.all(stages.map(([type, config]) => ProcessorRig.start(type, config)));
    const dice = new Dice(4000);
    let [population, estimate, variance] = [0, 0, 0];
    /** Passes on what one stage let out; the spans before and after it. */
    const pass = async (rig: ProcessorRig, batches: readonly Batch[]): Promise<Batch[]> => {
      for (const batch of batches) await rig.offer(batch);
      await rig.clock.advance(2000);
      return rig.out.batches.splice(0);
    };
    while (population < ITEMS) {
      let batches: Batch[] = [spanBatch(spans(dice))];
      population += BATCH_ITEMS;
      let before = new Map<string, bigint>();
      for (const rig of rigs) {
        batches = await pass(rig, batches);
        const after = new Map<string, bigint>();
        for (const span of spansIn(batches)) {
          after.set(span.traceId, checkedThreshold(span, before.get(span.traceId) ?? 0n));
        }
        before = after;
      }
      for (const threshold of before.values()) {
        const weight = weightOf(threshold);
        estimate += weight;
        variance += weight * (weight - 1);
      }
    }
    const z = (estimate - population) / Math.sqrt(variance);
    t.diagnostic(`${z.toFixed(2)} standard errors`);
    assert.ok(Math.abs(z) <= 4, `${estimate} for ${population} is ${z.toFixed(2)} standard errors off`);
  });
}

function checkedThreshold(span: SeenSpan, before: bigint): bigint {
  const threshold = thresholdIn(span.traceState) ?? 0n;
  assert.ok(threshold >= before, 'a threshold fell');
  assert.ok(randomnessOf(span) >= threshold, 'a span is below its own threshold');
  return threshold;
}

/** The texts of the attributes of each log record. */
function attributesIn(batches: readonly Batch[]): Map<string, string>[] {
  const found: Map<string, string>[] = [];
  const [pair, any] = [new Cursor(), new Cursor()];
  for (const batch of batches) {
    eachItem(batch, (record) => {
      const attributes = new Map<string, string>();
      found.push(attributes);
      while (record.next()) {
        if (record.field !== LOG.attributes) continue;
        let key = '';
        for (pair.enter(record); pair.next();) {
          if (pair.field === KEY_VALUE.key) key = pair.string();
          else if (any.enter(pair).next() && any.field === ANY_VALUE.string) attributes.set(key, any.string());
        }
      }
    });
  }
  return found;
}

const LOG_SAMPLERS: readonly (readonly [string, string, object])[] = [
  ['hash_seed', 'probabilistic_sampler', { mode: 'hash_seed', sampling_percentage: 20 }],
  [
    'hash_seed by an attribute',
    'probabilistic_sampler',
    { sampling_percentage: 20, attribute_source: 'record', from_attribute: 'user' },
  ],
  ['equalizing', 'probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 20 }],
  ['proportional', 'probabilistic_sampler', { mode: 'proportional', sampling_percentage: 1 }],
  ['adaptive', 'adaptive_sampler', { items_per_second: 150 }],
];

for (const [name, type, config] of LOG_SAMPLERS) {
  test(`log records that ${name} kept stand for all that there were, by their attributes`, async (t) => {
    const rig = await ProcessorRig.start(type, config, 'logs');
    const dice = new Dice(5000);
    let [population, estimate, variance] = [0, 0, 0];
    while (population < ITEMS) {
      const records: LogShape[] = Array.from({ length: BATCH_ITEMS }, () => {
        const user = dice.traceId().toString('hex');
        return { traceId: dice.traceId(), attributes: { user } };
      });
      population += records.length;
      await rig.offer(logBatch(records));
      await rig.clock.advance(1000);
      for (const attributes of attributesIn(rig.out.batches.splice(0))) {
        const digits = attributes.get('sampling.threshold') ?? '0';
        const weight = weightOf(BigInt(`0x${digits.padEnd(14, '0')}`));
        estimate += weight;
        variance += weight * (weight - 1);
      }
    }
    await rig.finish();
    assert.ok(variance > 0, 'it thins');
    const counted = rig.context.meter.total('remora_sampling_adjusted_items');
    assert.ok(Math.abs(counted - estimate) <= 1e-9 * estimate, `${counted} is counted for ${estimate}`);
    const z = (estimate - population) / Math.sqrt(variance);
    t.diagnostic(`${z.toFixed(2)} standard errors`);
    assert.ok(Math.abs(z) <= 4, `${estimate} for ${population} is ${z.toFixed(2)} standard errors off`);
  });
}
