import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fc } from '../../support/property.ts';
import { BlockStore, makeChain, STEP_BYTES, type Chain } from '../../../src/processors/tail-sampling/block-store.ts';
import { DecisionCache, decisionCacheBytes } from '../../../src/processors/tail-sampling/decision-cache.ts';
import { SlotQueue } from '../../../src/processors/tail-sampling/slot-queue.ts';
import { SpanBuffer } from '../../../src/processors/tail-sampling/span-buffer.ts';
import { nextCapacity, TraceIds } from '../../../src/processors/tail-sampling/trace-ids.ts';
import { traceId } from './rig.ts';

const SOURCE = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

function contents(store: BlockStore, chain: Chain): [number, string][] {
  const found: [number, string][] = [];
  store.rewind(chain);
  while (store.next(chain)) {
    const { reference, length } = store.reader;
    const content = Buffer.alloc(length);
    store.copyOut(store.position(), length, content, 0);
    found.push([reference, content.toString('hex')]);
  }
  return found;
}

describe('blocks', () => {
  const append = fc.record({
    chain: fc.integer({ min: 0, max: 9 }),
    from: fc.integer({ min: 0, max: 5000 }),
    length: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(112, 120, 128, 240, 248, 12_000)),
  });
  const free = fc.record({ chain: fc.integer({ min: 0, max: 9 }), from: fc.constant(-1), length: fc.constant(0) });

  test('hold what was appended to each chain, whatever else is appended and freed', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(append, append, append, free), { maxLength: 150 }), (steps) => {
        const store = new BlockStore();
        const chains = new Map<number, { chain: Chain; expected: [number, string][] }>();
        for (const [reference, { chain: key, from, length }] of steps.entries()) {
          const known = chains.get(key) ?? { chain: makeChain(), expected: [] };
          if (from < 0) {
            store.free(known.chain);
            chains.delete(key);
            continue;
          }
          chains.set(key, known);
          store.append(known.chain, reference, SOURCE, from, from + length);
          known.expected.push([reference, SOURCE.toString('hex', from, from + length)]);
        }
        for (const { chain, expected } of chains.values()) assert.deepEqual(contents(store, chain), expected);
        for (const { chain } of chains.values()) store.free(chain);
        assert.equal(store.usedBytes, 0);
        assert.ok(store.allocatedBytes <= STEP_BYTES);
      }),
      { numRuns: 200 },
    );
  });

  test('reading goes on where it was left', () => {
    const buffer = new SpanBuffer();
    const scope = buffer.pin('resource', 'scope');
    const chain = makeChain();
    for (const end of [10, 300, 7]) buffer.append(chain, scope, SOURCE, 0, end);
    buffer.rewind(chain, undefined);
    buffer.next(chain);
    const mark = buffer.mark();
    while (buffer.next(chain));
    buffer.rewind(chain, mark);
    const lengths: number[] = [];
    while (buffer.next(chain)) lengths.push(buffer.length);
    assert.deepEqual(lengths, [300, 7]);
  });

  test('what surrounds spans is there once, and as long as a span is under it', () => {
    const buffer = new SpanBuffer();
    const chains = [makeChain(), makeChain(), makeChain()];
    for (const [i, chain] of chains.entries()) {
      const scope = buffer.pin('resource', `scope ${i % 2}`);
      buffer.append(chain, scope, SOURCE, 0, 50);
      buffer.unpin(scope);
    }
    const mixed = chains[0]!;
    const other = buffer.pin('another resource', 'scope');
    buffer.append(mixed, other, SOURCE, 0, 50);
    buffer.unpin(other);
    const full = buffer.usedBytes;
    buffer.free(mixed, 2);
    assert.ok(buffer.usedBytes < full - 600, 'the other resource is gone');
    buffer.free(chains[1]!, 1);
    buffer.free(chains[2]!, 1);
    assert.equal(buffer.usedBytes, 0);
  });
});

describe('ids of traces', () => {
  test('have a number of their own from add to remove, while tables grow', () => {
    const step = fc.record({
      id: fc.integer({ min: 0, max: 2500 }),
      removes: fc.boolean(),
      packs: fc.integer({ min: 0, max: 200 }),
    });
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 3000, size: 'max' }), (seed, steps) => {
        const ids = new TraceIds(seed);
        const model = new Map<number, number>();
        for (const { id, removes, packs } of steps) {
          if (packs === 0) pack(ids, model);
          const bytes = traceId(id);
          const known = model.get(id);
          assert.equal(ids.find(bytes, 0), known ?? -1);
          if (known !== undefined && removes) {
            ids.remove(known);
            model.delete(id);
          } else if (known === undefined) {
            if (ids.size >= ids.capacity) ids.grow(nextCapacity(ids.capacity, 5000));
            const slot = ids.add(bytes, 0);
            assert.ok(![...model.values()].includes(slot));
            model.set(id, slot);
          }
        }
        assert.equal(ids.size, model.size);
        const copy = new Uint8Array(20);
        for (const [id, slot] of model) {
          ids.copy(slot, copy, 4);
          assert.deepEqual(Buffer.from(copy.subarray(4)), traceId(id));
        }
      }),
      { numRuns: 15 },
    );
  });

  /** Gives them other numbers. */
  function pack(ids: TraceIds, model: Map<number, number>): void {
    const slots = [...model.values()].sort((a, b) => a - b);
    const numbers = new Map(slots.map((slot, number) => [slot, number]));
    ids.renumber(numbers, Math.max(64, slots.length * 2));
    for (const [id, slot] of model) model.set(id, numbers.get(slot)!);
  }

  test('a queue gives them in order, without those that were taken out', () => {
    const queue = new SlotQueue();
    queue.grow(8);
    for (const slot of [3, 1, 4, 0, 5]) queue.append(slot);
    for (const slot of [1, 3, 5]) queue.remove(slot);
    queue.append(1);
    const order: number[] = [];
    for (let first = queue.first; first >= 0; first = queue.first) {
      order.push(first);
      queue.remove(first);
    }
    assert.deepEqual(order, [4, 0, 1]);
  });
});

describe('remembered decisions', () => {
  test('are the last ones by use', () => {
    const limit = 5;
    const step = fc.record({ id: fc.integer({ min: 0, max: 12 }), adds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const cache = new DecisionCache(limit, 1);
        const model = new Map<number, number>();
        for (const [decidedMs, { id, adds }] of steps.entries()) {
          const used = cache.use(traceId(id), 0, true);
          const known = model.get(id);
          assert.equal(used?.decidedMs, known);
          if (known !== undefined) {
            model.delete(id);
            model.set(id, known);
          } else if (adds) {
            const threshold = id % 2 === 0 ? undefined : { high: id, low: 7 };
            cache.add(traceId(id), 0, { decidedMs, threshold, probability: id === 0 ? undefined : 1 / id });
            assert.deepEqual(cache.use(traceId(id), 0, true)?.threshold, threshold);
            model.set(id, decidedMs);
            if (model.size > limit) model.delete([...model.keys()][0]!);
          }
        }
        assert.equal(cache.size, model.size);
      }),
    );
  });

  test('take what is claimed for them', () => {
    assert.ok(decisionCacheBytes(50_000) < 62 * 50_000);
    const none = new DecisionCache(0, 1);
    none.add(traceId(1), 0, { decidedMs: 0, threshold: undefined, probability: undefined });
    assert.equal(none.find(traceId(1), 0), -1);
  });
});
