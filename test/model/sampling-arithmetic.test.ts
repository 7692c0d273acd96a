import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { SPAN } from '../../src/otlp/fields.ts';
import {
  Dice,
  eachItem,
  ProcessorRig,
  randomnessOf,
  spanBatch,
  thresholdIn,
  weightOf,
  type SpanShape,
} from '../support/sampling.ts';

/**
 * The sum of adjusted counts of what a sampler keeps estimates what came in, without bias. Every check is two-sided at 4
 * standard errors: a right sampler fails one with a probability of 6.3e-5, and all of this file, about 250 checks, with
 * less than 2 %; the seeds are fixed, so that a run either always passes or never does. What is checked over all seeds
 * together would show a bias of a tenth of that of one seed.
 */
const SPANS = Number(process.env['SPANS'] ?? 40_000);
const SEEDS = 5;
const BATCH_SPANS = 2000;
const WHOLE = 2n ** 56n;

/** Spans of traces of their own; one run of bytes, of which only the ids change. */
class SpanSource {
  readonly #bytes: Uint8Array;
  readonly #idsAt: number[] = [];

  constructor(spans: number) {
    const batch = spanBatch(Array.from({ length: spans }, () => ({ traceId: new Uint8Array(16) })));
    this.#bytes = batch.chunks[0] ?? new Uint8Array(0);
    eachItem(batch, (span) => {
      while (span.next()) if (span.field === SPAN.traceId) this.#idsAt.push(span.start);
    });
  }

  next(dice: Dice): Batch {
    const bytes = Uint8Array.from(this.#bytes);
    for (const at of this.#idsAt) dice.fill(bytes, at, at + 16);
    return makeBatch('traces', [bytes], this.#idsAt.length);
  }
}

/** How many spans came out with each tracestate; all have one. */
function countStates(batches: readonly Batch[], counts: Map<string, number>): void {
  // Most are like the one before, which saves making a text of each.
  let last = Buffer.from('none yet');
  let run = 0;
  const end = (): void => {
    const text = last.toString('latin1');
    if (run > 0) counts.set(text, (counts.get(text) ?? 0) + run);
    run = 0;
  };
  for (const batch of batches) {
    eachItem(batch, (span) => {
      while (span.next()) {
        if (span.field !== SPAN.traceState) continue;
        if (!span.equals(last)) {
          end();
          last = Buffer.from(span.view());
        }
        run += 1;
      }
    });
  }
  end();
}

/** Kept with which thresholds, by how many. */
type Kept = ReadonlyMap<bigint | undefined, number>;

async function sample(config: object, spans: number, seed: number): Promise<Kept> {
  const rig = await ProcessorRig.start('probabilistic_sampler', config);
  const source = new SpanSource(BATCH_SPANS);
  const dice = new Dice(seed);
  const kept = new Map<bigint | undefined, number>();
  for (let sent = 0; sent < spans; sent += BATCH_SPANS) {
    await rig.offer(source.next(dice));
    const states = new Map<string, number>();
    countStates(rig.out.batches.splice(0), states);
    for (const [state, count] of states) {
      const threshold = thresholdIn(state);
      kept.set(threshold, (kept.get(threshold) ?? 0) + count);
    }
  }
  await rig.finish();
  return kept;
}

function standardErrors(kept: number, of: number, p: number): number {
  if (p === 1) return kept === of ? 0 : Number.POSITIVE_INFINITY;
  return (kept - of * p) / Math.sqrt(of * p * (1 - p));
}

/** Threshold by percentage. Precision 3, 4 and 5: pkg/sampling of the Collector's contrib; hash_seed: accept of 16,384. */
const PRECISE: Record<number, Record<number, string>> = {
  3: { 100: '0', 50: '8', 10: 'e66', 1: 'fd71', 0.1: 'ffbe7' },
  4: { 100: '0', 50: '8', 10: 'e666', 1: 'fd70a', 0.1: 'ffbe77' },
  5: { 100: '0', 50: '8', 10: 'e6666', 1: 'fd70a4', 0.1: 'ffbe76d' },
};
const HASHED: Record<number, number> = { 100: 16_384, 50: 8192, 10: 1638, 1: 163, 0.1: 16 };
const PERCENTAGES = [100, 50, 10, 1, 0.1] as const;

interface Case {
  readonly config: object;
  readonly threshold: bigint;
}

function cases(): [string, Case][] {
  const all: [string, Case][] = [];
  for (const percentage of PERCENTAGES) {
    const hashed = { mode: 'hash_seed', hash_seed: 22, sampling_percentage: percentage };
    const threshold = BigInt(16_384 - (HASHED[percentage] ?? 0)) << 42n;
    all.push([`hash_seed at ${percentage} %`, { config: hashed, threshold }]);
    for (const mode of ['proportional', 'equalizing']) {
      // The percentage is a float of 32 bits, which shows where all digits are written.
      const exact = WHOLE - BigInt(Math.round((Math.fround(percentage) / 100) * 2 ** 56));
      all.push([
        `${mode} at ${percentage} % with precision 14`,
        { config: { mode, sampling_percentage: percentage, sampling_precision: 14 }, threshold: exact },
      ]);
      for (const [precision, digits] of Object.entries(PRECISE)) {
        if (mode === 'equalizing' && precision !== '4') continue;
        const config = { mode, sampling_percentage: percentage, sampling_precision: Number(precision) };
        const expected = BigInt(`0x${(digits[percentage] ?? '').padEnd(14, '0')}`);
        all.push([`${mode} at ${percentage} % with precision ${precision}`, { config, threshold: expected }]);
      }
    }
  }
  return all;
}

test('each mode keeps the share that was asked for, and its adjusted counts add up to what came in', async (t) => {
  let [sum, checks] = [0, 0];
  for (const [index, [name, { config, threshold }]] of cases().entries()) {
    const p = Number(WHOLE - threshold) / Number(WHOLE);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const spans = Math.ceil(SPANS / SEEDS / BATCH_SPANS) * BATCH_SPANS;
      const kept = await sample(config, spans, 100 * index + seed);
      assert.deepEqual(
        [...kept.keys()].filter((key) => key !== threshold),
        [],
        `${name}: another threshold`,
      );
      const count = kept.get(threshold) ?? 0;
      const z = standardErrors(count, spans, p);
      assert.ok(Math.abs(z) <= 4, `${name}, seed ${seed}: ${count} of ${spans} is ${z.toFixed(2)} standard errors off`);
      if (p < 1) [sum, checks] = [sum + z, checks + 1];
      // Kept times weight: off by as many of its own standard errors as the share is.
      const estimate = count * weightOf(threshold);
      const bound = p === 1 ? 0 : 4 * Math.sqrt((spans * (1 - p)) / p);
      assert.ok(Math.abs(estimate - spans) <= bound + 1e-6 * spans, `${name}, seed ${seed}: adds up to ${estimate}`);
    }
  }
  const together = sum / Math.sqrt(checks);
  assert.ok(Math.abs(together) <= 4, `all together: ${together.toFixed(2)} standard errors off`);
  t.diagnostic(`${checks} shares; all together ${together.toFixed(2)} standard errors`);
});

/** The metric says the same as the spans do. */
function assertCounted(rig: ProcessorRig, estimate: number): void {
  const counted = rig.context.meter.total('remora_sampling_adjusted_items');
  assert.ok(Math.abs(counted - estimate) <= 1e-9 * estimate, `${counted} is counted for ${estimate}`);
}

/** What an earlier sampler left of a population: kept by the model, with the th it would have written. */
function sampledBefore(dice: Dice, count: number): { spans: SpanShape[]; population: number } {
  const spans: SpanShape[] = [];
  for (let i = 0; i < count; i++) {
    const digits = ['0', '8', 'c', 'e666'][dice.below(4)] ?? '0';
    const hasRv = dice.below(3) === 0;
    const traceId = dice.traceId();
    const rv = hasRv ? dice.traceId().toString('hex').slice(-14) : traceId.toString('hex').slice(-14);
    if (BigInt(`0x${rv}`) < BigInt(`0x${digits.padEnd(14, '0')}`)) continue;
    spans.push({ traceId, traceState: `other=1,ot=th:${digits}${hasRv ? `;rv:${rv}` : ''},last=x` });
  }
  return { spans, population: count };
}

for (const mode of ['proportional', 'equalizing']) {
  for (const percentage of [100, 40, 10, 1]) {
    test(`${mode} at ${percentage} % of a sampled stream: th only rises, and the counts still add up to the population`, async () => {
      let [sum, checks] = [0, 0];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const rig = await ProcessorRig.start('probabilistic_sampler', { mode, sampling_percentage: percentage });
        const dice = new Dice(1000 + seed);
        let [population, estimate, variance] = [0, 0, 0];
        for (let sent = 0; sent < SPANS / SEEDS; sent += BATCH_SPANS) {
          const before = sampledBefore(dice, BATCH_SPANS);
          population += before.population;
          const arrived = new Map(before.spans.map((span) => [Buffer.from(span.traceId ?? []).toString('hex'), span]));
          await rig.offer(spanBatch(before.spans));
          for (const span of rig.spans()) {
            const from = arrived.get(span.traceId)?.traceState;
            const [was, is] = [thresholdIn(typeof from === 'string' ? from : ''), thresholdIn(span.traceState)];
            assert.ok(was !== undefined && is !== undefined && is >= was, `${String(from)} became ${span.traceState}`);
            assert.ok(randomnessOf(span) >= is, 'no span is below its own threshold');
            const weight = weightOf(is);
            estimate += weight;
            // Of the whole way, from the population to here.
            variance += weight * (weight - 1);
          }
        }
        assertCounted(rig, estimate);
        const z = variance === 0 ? 0 : (estimate - population) / Math.sqrt(variance);
        assert.ok(
          Math.abs(z) <= 4,
          `seed ${seed}: ${estimate} for ${population} is ${z.toFixed(2)} standard errors off`,
        );
        [sum, checks] = [sum + z, checks + 1];
      }
      assert.ok(Math.abs(sum / Math.sqrt(checks)) <= 4, 'all seeds together');
    });
  }
}

interface Trace {
  readonly first: SpanShape[];
  /** Come when the trace is decided. */
  readonly late: SpanShape[];
}

/** Traces of one to six spans, each span an error one time of ten; what an earlier sampler left of them. */
function tracesBefore(dice: Dice, count: number): { traces: Trace[]; spans: number } {
  const traces: Trace[] = [];
  let spans = 0;
  for (let i = 0; i < count; i++) {
    const digits = ['', '0', '8', 'c'][dice.below(4)] ?? '';
    const traceId = dice.traceId();
    const shape = (): SpanShape => ({
      traceId,
      isError: dice.below(10) === 0,
      ...(digits === '' ? {} : { traceState: `ot=th:${digits}` }),
    });
    const trace = {
      first: Array.from({ length: 1 + dice.below(3) }, shape),
      late: Array.from({ length: dice.below(4) }, shape),
    };
    spans += trace.first.length + trace.late.length;
    const isThere =
      randomnessOf({ traceId: traceId.toString('hex'), traceState: '' }) >= BigInt(`0x${digits.padEnd(14, '0')}`);
    if (isThere) traces.push(trace);
  }
  return { traces, spans };
}

const ERRORS = { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } };
const share = (sampling_percentage: number) => ({
  name: `${sampling_percentage} %`,
  type: 'probabilistic',
  probabilistic: { sampling_percentage, consistent: true },
});

for (const [name, policies] of [
  ['a consistent share', [share(10)]],
  ['all errors and a consistent share', [ERRORS, share(10)]],
  [
    'shares for some and for all',
    [share(5), { name: 'and', type: 'and', and: { and_sub_policy: [ERRORS, share(50)] } }],
  ],
] as const) {
  test(`tail_sampling that keeps ${name} and records its thresholds estimates all that there was, late spans too`, async () => {
    let [sum, checks] = [0, 0];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const config = { decision_wait: '2s', record_threshold: true, policies };
      const rig = await ProcessorRig.start('tail_sampling', config);
      const dice = new Dice(2000 + seed);
      let population = 0;
      const found = new Map<string, number[]>();
      for (let sent = 0; sent < SPANS / SEEDS; sent += BATCH_SPANS) {
        const { traces, spans } = tracesBefore(dice, BATCH_SPANS / 4);
        population += spans;
        await rig.offer(spanBatch(traces.flatMap(({ first }) => first)));
        await rig.clock.advance(3000);
        await rig.offer(spanBatch(traces.flatMap(({ late }) => late)));
        for (const span of rig.spans()) {
          const weight = weightOf(thresholdIn(span.traceState) ?? 0n);
          const weights = found.get(span.traceId);
          if (weights === undefined) found.set(span.traceId, [weight]);
          else weights.push(weight);
        }
      }
      await rig.finish();
      let [estimate, variance] = [0, 0];
      for (const weights of found.values()) {
        const [weight = 1] = weights;
        assert.ok(
          weights.every((other) => other === weight),
          'a trace has one threshold',
        );
        estimate += weight * weights.length;
        // Spans of a trace are kept together.
        variance += weights.length ** 2 * weight * (weight - 1);
      }
      assertCounted(rig, estimate);
      const z = (estimate - population) / Math.sqrt(variance);
      assert.ok(Math.abs(z) <= 4, `seed ${seed}: ${estimate} for ${population} is ${z.toFixed(2)} standard errors off`);
      [sum, checks] = [sum + z, checks + 1];
    }
    assert.ok(Math.abs(sum / Math.sqrt(checks)) <= 4, 'all seeds together');
  });
}
