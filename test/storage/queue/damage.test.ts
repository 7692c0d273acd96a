import assert from 'node:assert/strict';
import { linkSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { encodeHead, parseName } from '../../../src/storage/queue/format.ts';
import { CrashingDisk } from '../../model/disk-queue/crashing-disk.ts';
import { range } from '../../support/batches.ts';
import { leaseAll, offerAll, openedQueue, openQueue, shutNow, tagOf, temporaryDirectory } from './rig.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 200);

test('each spoiled bit costs one record at most, whatever it is a bit of, and nothing wrong comes out', async () => {
  const cases = fc.record({
    seed: fc.nat(1e6),
    records: fc.integer({ min: 1, max: 40 }),
    done: fc.nat(20),
    sealed: fc.boolean(),
    flips: fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 1, maxLength: 6 }),
    of: fc.constantFrom('.segment', '.segment', '.done', ''),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ seed, records, done, sealed, flips, of }) => {
      const written = new CrashingDisk(seededRandom(String(seed)));
      const options = { segmentBytes: 1500, maxBytes: 1e6, random: seededRandom(String(seed)) };
      const first = await openedQueue({ ...options, folder: () => Promise.resolve(written) });
      await offerAll(first.queue, 1, records);
      for (const lease of await leaseAll(first.queue, Math.min(done, records))) lease.done(ACCEPTED);
      if (sealed) await shutNow(first.queue);
      const disk = written.crash('kill');
      let spoiled = 0;
      for (const place of flips) if (disk.flip(place, of)?.endsWith('.segment') === true) spoiled += 1;
      // Whoever waits for a lease waits for no more than what is lost next, which may be all that there was.
      let waiting = new AbortController();
      const onLost = (): void => waiting.abort();
      const second = await openedQueue({ ...options, folder: () => Promise.resolve(disk), onLost });
      const seen: number[] = [];
      while (second.queue.requests > 0) {
        waiting = new AbortController();
        const lease = second.queue.tryLease() ?? (await second.queue.lease(waiting.signal));
        if (lease !== undefined) seen.push(tagOf(lease.batch));
        lease?.done(ACCEPTED);
      }
      assert.deepEqual([second.queue.requests, second.queue.items, second.queue.bytes], [0, 0, 0]);
      assert.deepEqual(
        seen,
        [...new Set(seen)].sort((a, b) => a - b),
        'in order, and once',
      );
      const missing = range(Math.min(done, records) + 1, records).filter((tag) => !seen.includes(tag));
      assert.ok(missing.length <= spoiled, `${missing.length} are missing after ${spoiled} spoiled bits`);
      if (missing.length > 0) assert.ok(second.meter.total('remora_exporter_queue_damaged_records') > 0);
      await shutNow(second.queue);
    }),
    { numRuns: RUNS },
  );
});

/** Truncates the segment in the middle of its fifth and last request, as a kill while it is written does. */
function tear(directory: string): string {
  const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.segment'));
  truncateSync(join(directory, name), 64 + 4 * 1032 + 500);
  return name;
}

test('a write that a kill cut off is no damage: it is left out with a count of its own, once', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openQueue(t, directory);
  await offerAll(first.queue, 1, 5, 1000);
  await shutNow(first.queue);
  const name = tear(directory);
  const second = await openQueue(t, directory);
  assert.equal(second.queue.requests, 4);
  assert.equal(second.meter.total('remora_exporter_queue_torn_records'), 1);
  assert.equal(second.meter.total('remora_exporter_queue_damaged_records'), 0);
  assert.ok(!readdirSync(directory).includes(`${name}.damaged-1`));
  await shutNow(second.queue);
  const third = await openQueue(t, directory);
  assert.equal(third.queue.requests, 4);
  assert.equal(third.meter.total('remora_exporter_queue_torn_records'), 0);
  assert.deepEqual(
    (await leaseAll(third.queue, 4)).map(({ batch }) => tagOf(batch)),
    range(1, 4),
  );
});

test('an end that no kill leaves is damage, put aside and counted once', async (t) => {
  const lastHead = 64 + 4 * 1032;
  const spoils: Record<string, (path: string) => void> = {
    'a header that makes no sense': (path) => {
      const bytes = readFileSync(path);
      bytes[lastHead + 8] = 255;
      writeFileSync(path, bytes);
    },
    'a request before it is gone too': (path) => {
      const bytes = readFileSync(path);
      writeFileSync(path, Buffer.concat([bytes.subarray(0, lastHead - 1032), bytes.subarray(lastHead)]));
    },
    'a later segment was begun after it': (path) => {
      const head = encodeHead({ number: 99, salt: 99, signal: 'logs', createdMs: 0 });
      writeFileSync(join(path, '..', '00000063-00000063.segment'), head, { mode: 0o600 });
    },
  };
  for (const [what, spoil] of Object.entries(spoils)) {
    const directory = temporaryDirectory(t);
    const first = await openQueue(t, directory);
    await offerAll(first.queue, 1, 5, 1000);
    await shutNow(first.queue);
    const name = tear(directory);
    spoil(join(directory, name));
    const second = await openQueue(t, directory);
    assert.equal(second.meter.total('remora_exporter_queue_torn_records'), 0, what);
    assert.equal(second.meter.total('remora_exporter_queue_damaged_records'), 1, what);
    assert.ok(readdirSync(directory).includes(`${name}.damaged-1`), what);
    await shutNow(second.queue);
    const third = await openQueue(t, directory);
    assert.equal(third.meter.total('remora_exporter_queue_damaged_records'), 0, what);
    await shutNow(third.queue);
  }
});

test('damage that is met while reading is reported with what was lost', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openQueue(t, directory);
  await offerAll(first.queue, 1, 5, 1000);
  await shutNow(first.queue);
  const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.segment'));
  const bytes = readFileSync(join(directory, name));
  const headOfThird = 64 + 2 * 1032;
  bytes[headOfThird + 5] = 255;
  bytes[64 + 500] = (bytes[64 + 500] ?? 0) ^ 1;
  writeFileSync(join(directory, name), bytes);
  const { queue, lost } = await openQueue(t, directory, { clock: new VirtualClock() });
  assert.equal(queue.requests, 5, 'the totals of a sealed segment are believed until it is read');
  assert.deepEqual(
    (await leaseAll(queue, 3)).map(({ batch }) => tagOf(batch)),
    [2, 4, 5],
  );
  assert.deepEqual(lost, [
    { requests: 1, items: 1, bytes: 1000, reason: 'damaged' },
    { requests: 1, items: 1, bytes: 1000, reason: 'damaged' },
  ]);
  assert.equal(queue.requests, 3);
});

test('garbage, links and segments of a newer version are left alone and counted, and the rest works', async (t) => {
  const directory = temporaryDirectory(t);
  const outside = join(temporaryDirectory(t), 'outside');
  writeFileSync(outside, 'precious');
  symlinkSync(outside, join(directory, '00000001-00000001.segment'));
  linkSync(outside, join(directory, '00000002-00000002.segment'));
  writeFileSync(join(directory, '00000003-00000003.segment'), 'rmrq', { mode: 0o600 });
  writeFileSync(join(directory, '00000004-00000004.segment'), Buffer.alloc(5000, 'garbage '));
  const newer = encodeHead({ number: 5, salt: 5, signal: 'logs', createdMs: 0 }, 2);
  writeFileSync(join(directory, '00000005-00000005.segment'), Buffer.concat([newer, Buffer.alloc(100)]));
  writeFileSync(join(directory, 'notes.txt'), 'mine');
  const { queue, meter } = await openQueue(t, directory);
  assert.equal(queue.requests, 0);
  assert.equal(meter.total('remora_exporter_queue_strange_files'), 3);
  await offerAll(queue, 1, 3);
  await shutNow(queue);
  assert.equal(readFileSync(outside, 'utf8'), 'precious');
  const names = readdirSync(directory);
  assert.ok(names.includes('00000004-00000004.segment.damaged-1'));
  assert.ok(names.includes('00000005-00000005.segment'));
  assert.ok(names.some((name) => (parseName(name)?.number ?? 0) > 5));
});

test('torn notes of what was evicted unseen leave the counts right', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { segmentBytes: 2500, maxBytes: 5000, overflow: 'drop_oldest' as const };
  const first = await openQueue(t, directory, options);
  await offerAll(first.queue, 0, 10, 200);
  const leases = await leaseAll(first.queue, 5);
  for (const at of [1, 3]) leases[at]?.giveBack();
  for (let tag = 10; tag < 22; tag++) await offerAll(first.queue, tag, 1, 200);
  assert.equal(first.lost[0]?.requests, 7, 'all of the segment that is not leased');
  for (const at of [0, 2, 4]) leases[at]?.giveBack();
  await shutNow(first.queue);
  const [notes = ''] = readdirSync(directory).filter((file) => file.endsWith('.done'));
  truncateSync(join(directory, notes), readFileSync(join(directory, notes)).length - 32);
  const { queue } = await openQueue(t, directory, { ...options, memoryBytes: 1e6 });
  const { requests } = queue;
  for (const lease of await leaseAll(queue, requests)) lease.done(ACCEPTED);
  assert.deepEqual([queue.requests, queue.items, queue.bytes], [0, 0, 0]);
});
