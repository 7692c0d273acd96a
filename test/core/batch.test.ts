import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchBytes, compactBatch, copyBatch, joinBatches, makeBatch, retainedBytes } from '../../src/core/batch.ts';
import { opaqueBatch } from '../support/batches.ts';

const parent = Uint8Array.from({ length: 100 }, (_, at) => at);

describe('batch', () => {
  it('joins by listing chunks, without a copy', () => {
    const [a, b] = [makeBatch('logs', [parent.subarray(0, 10)], 1), makeBatch('logs', [parent.subarray(10, 30)], 2)];
    const joined = joinBatches([a, b]);
    assert.deepEqual([joined.items, joined.bytes, joined.chunks.length], [3, 30, 2]);
    assert.equal(joined.chunks[0], a.chunks[0]);
    assert.deepEqual([...batchBytes(joined)], [...parent.subarray(0, 30)]);
    assert.equal(joinBatches([a]), a);
    assert.equal(joinBatches([{ ...a, metadata: new Map([['tenant', 'a']]) }]).metadata, undefined, 'even of one');
  });

  it('does not join nothing, or two signals', () => {
    assert.throws(() => joinBatches([]), RangeError);
    assert.throws(() => joinBatches([opaqueBatch(1), opaqueBatch(1, 10, 'traces')]), TypeError);
  });

  it('counts each parent that it pins once and in full', () => {
    const other = new Uint8Array(7);
    const batch = makeBatch('logs', [parent.subarray(0, 1), parent.subarray(5, 6), other], 3);
    assert.equal(retainedBytes(batch), 107);
    assert.equal(retainedBytes(makeBatch('logs', [parent.subarray(3, 4)], 1)), 100);
    assert.equal(retainedBytes(makeBatch('logs', [], 0)), 0);
  });

  it('is compacted when it uses under half of what it pins, and only then', () => {
    const small = makeBatch('logs', [parent.subarray(0, 20), parent.subarray(50, 79)], 2);
    const compact = compactBatch(small);
    assert.equal(retainedBytes(compact), 49);
    assert.deepEqual([...batchBytes(compact)], [...batchBytes(small)]);
    assert.deepEqual([compact.items, compact.bytes], [2, 49]);
    const half = makeBatch('logs', [parent.subarray(0, 50)], 1);
    assert.equal(compactBatch(half), half);
    assert.equal(retainedBytes(copyBatch(half)), 50);
  });
});
