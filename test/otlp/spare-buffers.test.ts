import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { freeBytes, keepBytes } from '../../src/core/reuse.ts';
import { rewriteRequest, type RequestEdit } from '../../src/otlp/edit.ts';
import { SpareBuffers } from '../../src/otlp/spare-buffers.ts';
import { spansBatch } from '../processors/tail-sampling/rig.ts';

const MIB = 1024 * 1024;

function requestOf(letter: string): Batch {
  return spansBatch(Array.from({ length: 20 }, (_, at) => ({ trace: at, name: letter.repeat(400) })));
}

/** Without its first span. */
function editWith(spare?: SpareBuffers): RequestEdit {
  let previous: Uint8Array | undefined;
  const dropItem = ({ bytes }: { readonly bytes: Uint8Array }): boolean => {
    const isFirst = bytes !== previous;
    previous = bytes;
    return isFirst;
  };
  return spare === undefined ? { dropItem } : { dropItem, spare };
}

function rewritten(edit: RequestEdit, letter: string): Batch {
  const { batch } = rewriteRequest(requestOf(letter), edit);
  assert.ok(batch !== undefined && batch.items === 19);
  return batch;
}

const memoryOf = ({ chunks }: Batch): ArrayBufferLike | undefined => chunks[0]?.buffer;

test('what was delivered is written over by the next result of the same edit', () => {
  const edit = editWith(new SpareBuffers());
  const first = rewritten(edit, 'a');
  freeBytes(first);
  assert.equal(memoryOf(rewritten(edit, 'b')), memoryOf(first));
});

test('what was delivered is never written over by another edit, which may be of another pipeline', () => {
  const first = rewritten(editWith(new SpareBuffers()), 'a');
  const before = Buffer.concat(first.chunks);
  freeBytes(first);
  for (const edit of [editWith(new SpareBuffers()), editWith()]) {
    for (let request = 0; request < 5; request++) freeBytes(rewritten(edit, 'b'));
  }
  assert.deepEqual(Buffer.concat(first.chunks), before);
});

test('results of an edit without spare memory, and those that somebody keeps, are left alone', () => {
  const spared = editWith(new SpareBuffers());
  const kept = rewritten(spared, 'a');
  keepBytes(kept);
  const own = rewritten(editWith(), 'a');
  const before = Buffer.concat([...kept.chunks, ...own.chunks]);
  for (const batch of [kept, own]) freeBytes(batch);
  for (const edit of [spared, editWith()]) for (let request = 0; request < 5; request++) rewritten(edit, 'b');
  assert.deepEqual(Buffer.concat([...kept.chunks, ...own.chunks]), before);
});

test('a batch that was made of another one by a second edit outlives the first one', () => {
  const [one, two] = [editWith(new SpareBuffers()), editWith(new SpareBuffers())];
  const first = rewritten(one, 'a');
  const shared = makeBatch('traces', [...first.chunks, ...requestOf('c').chunks], first.items + 20);
  let spans = 0;
  const { batch, copied } = rewriteRequest(shared, { ...two, dropItem: () => ++spans > first.items });
  assert.ok(batch !== undefined && !copied);
  const before = Buffer.concat(batch.chunks);
  freeBytes(shared);
  for (let request = 0; request < 5; request++) for (const edit of [one, two]) freeBytes(rewritten(edit, 'b'));
  assert.deepEqual(Buffer.concat(batch.chunks), before);
});

test('all of them together keep 8 MiB, and those that were not given to lately let go first', () => {
  const [idle, busy] = [new SpareBuffers(), new SpareBuffers()];
  const [old, ...others] = Array.from({ length: 5 }, () => idle.take(MIB));
  assert.ok(old !== undefined);
  for (const buffer of [old, ...others]) idle.give(buffer);
  const given = Array.from({ length: 4 }, () => busy.take(MIB));
  for (const buffer of given) busy.give(buffer);
  const takenAgain = (spare: SpareBuffers, from: readonly Buffer[], times: number): number =>
    Array.from({ length: times }, () => spare.take(MIB).buffer).filter((memory) =>
      from.some(({ buffer }) => buffer === memory),
    ).length;
  assert.equal(takenAgain(busy, given, 4), 4);
  assert.equal(takenAgain(idle, [old], 5), 0);
});
