import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Dice,
  ProcessorRig,
  randomnessOf,
  spanBatch,
  thresholdIn,
  weightOf,
  type SpanShape,
} from '../support/sampling.ts';

/**
 * The adaptive sampler changes its thresholds all the time, by what came before: each span must still stand for the right
 * number of spans. Checked at 4 standard errors for each seed, and for all seeds together.
 */
const SPANS = Number(process.env['SPANS'] ?? 40_000);
const SEEDS = 5;

/** Routes of very different rates, one of which bursts; a few errors; what an earlier sampler left of them. */
function traffic(dice: Dice, second: number): { traces: SpanShape[][]; spans: number } {
  const traces: SpanShape[][] = [];
  let spans = 0;
  const bursts = second % 20 >= 10;
  for (let route = 0; route < 6; route++) {
    const count = Math.ceil((route === 0 && bursts ? 300 : 80) / 2 ** route);
    for (let i = 0; i < count; i++) {
      const traceId = dice.traceId();
      const digits = ['', '', '8', 'c'][dice.below(4)] ?? '';
      const trace = Array.from({ length: 1 + dice.below(4) }, (_, at) => ({
        traceId,
        // Spans of one trace have different keys, and so different thresholds of their own.
        name: `GET /${(route + at) % 6}`,
        isError: dice.below(40) === 0,
        ...(digits === '' ? {} : { traceState: `ot=th:${digits}` }),
      }));
      spans += trace.length;
      const arrived = BigInt(`0x${digits.padEnd(14, '0')}`);
      if (randomnessOf({ traceId: traceId.toString('hex'), traceState: '' }) >= arrived) traces.push(trace);
    }
  }
  return { traces, spans };
}

/** Spans of traces go out in two requests, some of a trace with the first, the others with the second or later. */
function requests(traces: readonly SpanShape[][], held: SpanShape[], dice: Dice): [SpanShape[], SpanShape[]] {
  const [first, second]: [SpanShape[], SpanShape[]] = [[], held.splice(0)];
  for (const span of traces.flat()) [first, second, held][dice.below(3)]?.push(span);
  return [first, second];
}

for (const scope of ['trace', 'span']) {
  for (const [name, target, memory] of [
    ['a target that nearly fits', 250, {}],
    ['a hard target', 20, {}],
    ['a memory of few traces', 60, { max_traces: 64 }],
  ] as const) {
    test(`adaptive_sampler by ${scope} with ${name} estimates all that there was, in a burst and before and after`, async (t) => {
      let [sum, checks] = [0, 0];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const config = { items_per_second: target, scope, ...memory };
        const rig = await ProcessorRig.start('adaptive_sampler', config, 'traces', `seed ${seed}`);
        const dice = new Dice(3000 + seed);
        let population = 0;
        const found = new Map<string, number[]>();
        const held: SpanShape[] = [];
        const take = async (spans: SpanShape[]): Promise<void> => {
          if (spans.length > 0) await rig.offer(spanBatch(spans));
          for (const span of rig.spans()) {
            const threshold = thresholdIn(span.traceState) ?? 0n;
            assert.ok(randomnessOf(span) >= threshold, 'no span is below its own threshold');
            const weights = found.get(span.traceId);
            if (weights === undefined) found.set(span.traceId, [weightOf(threshold)]);
            else weights.push(weightOf(threshold));
          }
        };
        for (let second = 0; population < SPANS / SEEDS; second++) {
          const { traces, spans } = traffic(dice, second);
          population += spans;
          for (const request of requests(traces, held, dice)) {
            await take(request);
            await rig.clock.advance(500);
          }
        }
        await take(held);
        await rig.finish();
        let [estimate, variance, kept] = [0, 0, 0];
        for (const weights of found.values()) {
          kept += weights.length;
          for (const a of weights) {
            estimate += a;
            // Spans of a trace share its randomness: both are kept when the one with the higher threshold is.
            for (const b of weights) variance += Math.max(a, b) * (Math.max(a, b) - 1);
          }
        }
        const counted = rig.context.meter.total('remora_sampling_adjusted_items');
        assert.ok(Math.abs(counted - estimate) <= 1e-9 * estimate, `${counted} is counted for ${estimate}`);
        assert.ok(kept < population, 'it thins');
        const z = (estimate - population) / Math.sqrt(variance);
        assert.ok(
          Math.abs(z) <= 4,
          `seed ${seed}: ${estimate} for ${population} is ${z.toFixed(2)} standard errors off`,
        );
        [sum, checks] = [sum + z, checks + 1];
      }
      const together = sum / Math.sqrt(checks);
      t.diagnostic(`${together.toFixed(2)} standard errors, all seeds together`);
      assert.ok(Math.abs(together) <= 4, 'all seeds together');
    });
  }
}
