import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import { freeBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { BufferPool } from '../../../src/receivers/filelog/encode/buffer-pool.ts';
import { until } from '../../support/until.ts';
import { records, startRig, tempDirectory } from './support.ts';

test('a pool keeps a bounded number of its own buffers, and few of them at rest', () => {
  const pool = new BufferPool(8, { working: 3, resting: 1 });
  const taken = Array.from({ length: 5 }, () => pool.take());
  for (const buffer of taken) pool.give(buffer);
  pool.give(Buffer.alloc(9));
  const again = new Set(Array.from({ length: 4 }, () => pool.take()));
  assert.equal(taken.filter((buffer) => again.has(buffer)).length, 3);
  for (const buffer of again) pool.give(buffer);
  pool.rest();
  const last = [pool.take(), pool.take()];
  assert.equal(last.filter((buffer) => again.has(buffer)).length, 1);
});

test('lines are right although the buffers of delivered batches are written over', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  const lines = Array.from({ length: 60_000 }, (_, i) => `line ${i} ${'x'.repeat(1 + (i % 97))}`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  const seen: unknown[] = [];
  const rig = await startRig(t, { include: [path], start_at: 'beginning' });
  const kept: Batch[] = [];
  // What a queue and an exporter do: hold a few batches for a while, then read them, then let them go.
  const deliver = (batch: Batch): void => {
    for (const { body } of records([batch])) seen.push(body);
    freeBytes(batch);
  };
  const buffers = new Set<ArrayBufferLike>();
  rig.consumer.answer = (batch) => {
    kept.push(batch);
    for (const { buffer } of batch.chunks) buffers.add(buffer);
    const oldest = kept.length > 3 ? kept.shift() : undefined;
    if (oldest !== undefined) deliver(oldest);
    return ACCEPTED;
  };
  await until(() => rig.consumer.items === lines.length, 'all lines arrived');
  for (const batch of kept) deliver(batch);
  assert.deepEqual(seen, lines);
  assert.ok(buffers.size < rig.consumer.batches.length, 'buffers were used again');
});
