import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { NEVER, spansBatch, tailRig, type TestSpan } from './rig.ts';

const MAX_BYTES = 4 * 2 ** 20;

type Rig = ReturnType<typeof tailRig>;

const memory = (rig: Rig): number => rig.count('remora_tail_sampling_memory_bytes') ?? Infinity;
const traces = (rig: Rig): number => rig.count('remora_tail_sampling_traces') ?? 0;
const early = (rig: Rig): number => rig.count('remora_tail_sampling_decided_early', { cause: 'max_bytes' }) ?? 0;

/** So many traces of one span each, in requests of 100. */
async function flood(rig: Rig, count: number, span: (trace: number) => Partial<TestSpan>): Promise<void> {
  for (let first = 0; first < count; first += 100) {
    const spans = Array.from({ length: 100 }, (_, i) => ({ trace: first + i, name: 'flood', ...span(first + i) }));
    assert.equal((await rig.send(...spans)).status, 'accepted');
  }
}

describe('what is bound by max_bytes', () => {
  test('is memory, also when every piece of it is held by a few spans and other things take the rest', async () => {
    const settings = { maxBytes: MAX_BYTES, afterRootMs: 10, numTraces: 100_000, decisionWaitMs: 60_000 };
    const rig = tailRig(() => false, settings);
    await flood(rig, 7000, (trace) => ({ padding: 200, isRoot: trace % 4 !== 0 }));
    await rig.clock.advance(1000);
    assert.equal(traces(rig), 1750, 'those without a root are spread over all of the memory');
    for (let round = 0; round < 40; round++) {
      const of = (i: number): TestSpan => ({
        trace: 1e6 + round * 100 + i,
        name: 'y',
        service: `${round} ${i}`.repeat(90),
      });
      assert.equal((await rig.send(...Array.from({ length: 100 }, (_, i) => of(i)))).status, 'accepted');
      assert.ok(memory(rig) <= MAX_BYTES, `${memory(rig)} bytes`);
    }
    assert.ok(early(rig) > 0);
    await rig.closes();
  });

  test('is what a flood of traces does not take for good', async () => {
    const rig = tailRig(() => false, { maxBytes: MAX_BYTES, numTraces: 1_000_000 });
    const large = Array.from({ length: 30 }, () => ({ trace: 1, name: 'large', padding: 100_000 }));
    await flood(rig, 10_000, () => ({}));
    assert.equal((await rig.send(...large)).status, 'accepted', 'what fits alone is taken');
    await rig.clock.advance(20_000);
    assert.equal(traces(rig), 0);
    await flood(rig, 10_000, () => ({}));
    const fullBytes = memory(rig);
    await rig.clock.advance(20_000);
    assert.ok(memory(rig) < fullBytes / 2, `${memory(rig)} of ${fullBytes} bytes`);
    await rig.closes();
  });

  test('is given back after a flood of traces also while some are pending, which are then decided as ever', async () => {
    const settings = { maxBytes: 64 * 2 ** 20, numTraces: 1_000_000, decisionWaitMs: 10_000, afterRootMs: 5000 };
    const rig = tailRig((trace) => trace.met(1), settings);
    await flood(rig, 20_000, () => ({}));
    await rig.clock.advance(9000);
    const late = (name: string, trace: TestSpan['trace'], more: Partial<TestSpan> = {}): TestSpan => ({
      trace,
      name,
      ...more,
    });
    await rig.send(late('special no id', null), late('plain', 30_001), late('special a', 30_002, { isRoot: true }));
    await rig.send(late('special b', 30_003));
    const fullBytes = memory(rig);
    await rig.clock.advance(3000);
    assert.equal(traces(rig), 4);
    const leftBytes = memory(rig);
    assert.ok(fullBytes - leftBytes > 3e6, `${leftBytes} of ${fullBytes} bytes`);
    await rig.send(late('later no id', null), late('later a', 30_002), late('later plain', 30_001));
    await flood(rig, 2000, (trace) => ({ trace: 50_000 + trace }));
    assert.deepEqual(rig.names(), []);
    await rig.clock.advance(2000);
    assert.deepEqual(rig.names(), ['special a', 'later a'], 'its root counts as before');
    await rig.clock.advance(5000);
    assert.deepEqual(rig.names().slice(2), ['special no id', 'later no id', 'special b']);
    await rig.clock.advance(10_000);
    assert.equal(traces(rig), 0);
    await rig.closes();
  });

  test('is not taken from others for a request that is refused', async () => {
    const rig = tailRig(() => true, { maxBytes: MAX_BYTES, numTraces: 100_000 });
    await flood(rig, 5000, () => ({ padding: 300 }));
    const pending = traces(rig);
    const before = early(rig);
    const good = spansBatch(Array.from({ length: 20 }, () => ({ trace: 1, name: 'x', padding: 100_000 })));
    const [bytes] = good.chunks;
    assert.ok(bytes);
    const malformed = makeBatch('traces', [bytes, Buffer.from([10, 0xff])], good.items);
    assert.equal((await rig.sampler.consume(malformed, NEVER)).status, 'rejected');
    const surrounded = spansBatch(
      Array.from({ length: 6000 }, (_, i) => ({ trace: i, name: '', service: `${i}`, scope: '' })),
    );
    assert.equal((await rig.sampler.consume(surrounded, NEVER)).status, 'rejected');
    assert.deepEqual([traces(rig), early(rig)], [pending, before]);
    assert.equal((await rig.sampler.consume(good, NEVER)).status, 'accepted');
    assert.ok(early(rig) > before, 'there was no room for it');
  });
});
