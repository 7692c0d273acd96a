import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { retry, ACCEPTED } from '../../../src/core/verdict.ts';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { bufferCollector } from '../../../src/service/buffer-reclaim.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { bodies, startRig, storageIn, tempDirectory } from './support.ts';

const MIB = 2 ** 20;

/** A file that nobody has written to for a while. */
function writeSettled(path: string, content: Uint8Array): void {
  writeFileSync(path, content);
  settle(path);
}

function settle(path: string): void {
  const then = Date.now() / 1000 - 60;
  utimesSync(path, then, then);
}

function lines(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => `line ${from + n} ${'x'.repeat(n % 100)}.`);
}

function gzipped(all: readonly string[]): Buffer {
  return gzipSync(all.map((line) => `${line}\n`).join(''));
}

async function startGzip(t: TestContext, directory: string, more: object = {}, options: object = {}) {
  const config = {
    include: [join(directory, 'app*')],
    start_at: 'beginning',
    poll_interval: '5ms',
    compression: 'auto',
  };
  return startRig(t, { ...config, ...more }, options);
}

test('compressed files are read whole, of several members, to a last line without its end, beside plain ones', async (t) => {
  const directory = tempDirectory(t);
  const all = lines(0, 60_000);
  writeSettled(
    join(directory, 'app.2.gz'),
    Buffer.concat([gzipped(all.slice(0, 30_000)), gzipped(all.slice(30_000)), gzipSync('last')]),
  );
  writeFileSync(join(directory, 'app.log'), 'plain\n');
  const rig = await startGzip(t, directory);
  await until(() => rig.consumer.items === 60_002, 'all lines arrived');
  assert.deepEqual(new Set(bodies(rig.consumer)), new Set([...all, 'last', 'plain']));
  await rig.stop();
});

test('many compressed files are read two at a time', async (t) => {
  const directory = tempDirectory(t);
  for (let n = 0; n < 20; n++) writeSettled(join(directory, `app.${n}`), gzipped([`one ${n}`, `two ${n}`]));
  const rig = await startGzip(t, directory, { compression: 'gzip' });
  await until(() => rig.consumer.items === 40, 'all lines arrived');
  await rig.stop();
});

test('a file that is compressed after it was read is not read again, with a checkpoint and over a restart', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const all = lines(0, 5000);
  writeFileSync(path, all.map((line) => `${line}\n`).join(''));
  const first = await startGzip(t, directory, {}, { storage });
  await until(() => first.consumer.items === 5000, 'all lines arrived');
  renameSync(path, join(directory, 'app.1'));
  writeSettled(join(directory, 'app.1.gz'), gzipped(all));
  rmSync(join(directory, 'app.1'));
  writeFileSync(path, 'next\n');
  await until(() => first.consumer.items === 5001, 'the next file was read');
  await first.stop();
  const second = await startGzip(t, directory, {}, { storage });
  appendFileSync(path, 'after\n');
  await until(() => second.consumer.items >= 1, 'the new line arrived');
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['after']);
});

test('a file that grew, was renamed and compressed while down goes on where it was', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'banner\none\n');
  const first = await startGzip(t, directory, {}, { storage });
  await until(() => first.consumer.items === 2, 'both lines arrived');
  await first.stop();
  writeSettled(join(directory, 'app.log.1.gz'), gzipped(['banner', 'one', 'two', 'three']));
  writeFileSync(path, 'banner\nfour\n');
  const second = await startGzip(t, directory, {}, { storage });
  await until(() => second.consumer.items === 4, 'what was not read arrived');
  await second.stop();
  assert.deepEqual(bodies(second.consumer).sort(), ['banner', 'four', 'three', 'two']);
});

test('a restart in the middle of a compressed file goes on where the pipeline had taken it', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const all = lines(0, 50_000);
  writeSettled(join(directory, 'app.1.gz'), gzipped(all));
  const consumer = new CollectingConsumer();
  consumer.answer = () => (consumer.batches.length < 2 ? ACCEPTED : retry(new Error('full')));
  const first = await startGzip(t, directory, {}, { storage, consumer });
  await until(() => consumer.batches.length === 2, 'two batches were taken');
  await first.stop();
  const second = await startGzip(t, directory, {}, { storage });
  await until(() => first.consumer.items + second.consumer.items === 50_000, 'the rest arrived');
  await second.stop();
  assert.deepEqual([...bodies(first.consumer), ...bodies(second.consumer)], all);
  const third = await startGzip(t, directory, {}, { storage });
  await third.stop();
  assert.equal(third.consumer.items, 0);
});

test('a damaged file is read up to the damage, counted, said once, and read on when it changes', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.1.gz');
  const all = lines(0, 50_000);
  const content = gzipped(all);
  const half = Math.floor(content.length / 2);
  writeSettled(path, content);
  truncateSync(path, half);
  settle(path);
  writeSettled(join(directory, 'app.2.gz'), Buffer.from('no gzip at all'));
  const rig = await startGzip(t, directory);
  await until(() => rig.context.meter.total('remora_filelog_unreadable') === 2, 'both were counted');
  const before = rig.consumer.items;
  assert.ok(before > 10_000 && before < 40_000);
  appendFileSync(path, content.subarray(half));
  settle(path);
  await until(() => rig.consumer.items === 50_000, 'the rest arrived');
  assert.deepEqual(bodies(rig.consumer), all);
  assert.equal(rig.context.meter.total('remora_filelog_unreadable'), 2);
  await rig.stop();
});

test('a file that is still being written waits', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.1.gz');
  writeFileSync(path, gzipSync('x').subarray(0, 5));
  const future = Date.now() / 1000 + 60;
  utimesSync(path, future, future);
  const rig = await startGzip(t, directory);
  writeFileSync(join(directory, 'app.log'), 'plain\n');
  await until(() => rig.consumer.items === 1, 'the plain file was read');
  writeSettled(path, gzipped(['one']));
  await until(() => rig.consumer.items === 2, 'the compressed one was read once it was whole');
  assert.equal(rig.context.meter.total('remora_filelog_unreadable'), 0);
  await rig.stop();
});

test('what is there at the first start is left out with start_at end', async (t) => {
  const directory = tempDirectory(t);
  writeSettled(join(directory, 'app.1.gz'), gzipped(['old']));
  const rig = await startGzip(t, directory, { start_at: 'end' });
  writeSettled(join(directory, 'app.2.gz'), gzipped(['new']));
  await until(() => rig.consumer.items === 1, 'the new one was read');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['new']);
});

test('a small file that holds a very long line needs no more memory than the limit of a line', async (t) => {
  const directory = tempDirectory(t);
  const megabytes = 160;
  writeLongLine(join(directory, 'app.1.gz'), megabytes * MIB);
  // What is alive counts: how much is dead is up to V8.
  const collect = bufferCollector();
  let [offered, bytes, peak] = [0, 0, 0];
  const consumer = new CollectingConsumer();
  consumer.answer = (batch) => {
    bytes += batch.bytes;
    if (offered++ % 8 === 0) {
      collect();
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
    }
    // Nothing is kept.
    return { status: 'rejected', reason: new Error('not wanted') };
  };
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const rig = await startGzip(t, directory, {}, { consumer });
  await until(() => bytes >= megabytes * MIB, 'all of it was read');
  await rig.stop();
  assert.ok(peak > 0 && peak - before < 32 * MIB, `it took ${peak - before} bytes`);
});

/** In a call of its own, so that nothing of it is alive when memory is measured. */
function writeLongLine(path: string, bytes: number): void {
  writeSettled(path, gzipSync(Buffer.alloc(bytes, 'x')));
}

test('other kinds of compression are refused', () => {
  const parsed = filelogReceiver.parse({ include: ['/tmp/x'], compression: 'zstd' });
  assert.ok(!parsed.ok && /gzip, and auto/.test(parsed.issues[0]?.message ?? ''));
});

for (const isArchive of [false, true]) {
  const owner = isArchive ? 'a damaged archive' : 'a file that was compressed while down';
  test(`a part of ${owner} that waited is there after a restart`, async (t) => {
    const directory = tempDirectory(t);
    const storage = storageIn(directory);
    const more = { operators: [{ type: 'container' }], force_flush_period: '1h' };
    const cri = (tag: string, text: string): string => `2024-04-13T07:59:37.5Z stdout ${tag} ${text}\n`;
    const content = gzipSync(cri('F', 'whole') + cri('P', 'part'));
    if (isArchive) writeSettled(join(directory, 'app.1.gz'), content.subarray(0, -8));
    else writeFileSync(join(directory, 'app.log'), cri('F', 'whole') + cri('P', 'part'));
    const first = await startGzip(t, directory, more, { storage });
    await until(() => first.consumer.items === 1, 'the whole line arrived');
    await first.stop();
    if (!isArchive) {
      rmSync(join(directory, 'app.log'));
      writeSettled(join(directory, 'app.1.gz'), content);
    }
    const second = await startGzip(t, directory, { ...more, force_flush_period: '10ms' }, { storage });
    await until(() => second.consumer.items > 0, 'the part arrived');
    await second.stop();
    assert.deepEqual([...bodies(first.consumer), ...bodies(second.consumer)], ['whole', 'part']);
  });
}

test('a part at the end of a compressed file is not waited for', async (t) => {
  const directory = tempDirectory(t);
  for (const n of [1, 2, 3]) {
    writeSettled(join(directory, `app.${n}.gz`), gzipSync(`2024-04-13T07:59:37.5Z stdout P part ${n}\n`));
  }
  const more = { operators: [{ type: 'container' }], force_flush_period: 0 };
  const rig = await startGzip(t, directory, more, { storage: storageIn(directory) });
  await until(() => rig.consumer.items === 3, 'all parts arrived');
  await rig.stop();
});
