import assert from 'node:assert/strict';
import { appendFileSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import { ACCEPTED, rejected } from '../../../src/core/verdict.ts';
import { bufferCollector } from '../../../src/service/buffer-reclaim.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { splitAll, splitRig } from './split-support.ts';
import { bodies, startRig, storageIn, tempDirectory, text } from './support.ts';

const MIB = 1024 * 1024;
const MEGABYTES = Number(process.env['REMORA_LONG_LINE_MEGABYTES'] ?? 160);

test('a line that is longer than memory should be is read to its end in bounded memory, and the file goes on', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  const file = openSync(path, 'w');
  const piece = Buffer.alloc(MIB, 'x');
  for (let n = 0; n < MEGABYTES; n++) writeSync(file, piece);
  writeSync(file, '\nlast\n');
  closeSync(file);
  const consumer = new CollectingConsumer();
  // What is alive counts: how much is dead is up to V8.
  const collect = bufferCollector();
  let [offered, bytes, peak] = [0, 0, 0];
  consumer.answer = (batch) => {
    bytes += batch.bytes;
    if (offered++ % 8 === 0) {
      collect();
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
    }
    // The last batch alone is kept.
    return batch.bytes < MIB ? ACCEPTED : rejected(new Error('not wanted'));
  };
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const rig = await startRig(t, { include: [path], start_at: 'beginning' }, { consumer });
  await until(() => bodies(consumer).includes('last'), 'the line behind it arrived');
  await rig.stop();
  assert.ok(bytes >= MEGABYTES * MIB && peak > 0);
  assert.ok(peak - before < 32 * MIB, `it took ${peak - before} bytes`);
});

test('what is left of a truncated line is skipped over turns and over a restart', async (t) => {
  const rig = splitRig(t, { maxLogSize: 10, truncate: true, chunkBytes: 16 });
  await rig.append(Buffer.from('a'.repeat(100)));
  await rig.restart();
  assert.equal(rig.file().afterCut, true);
  await rig.append(Buffer.from('b'.repeat(100)));
  await rig.flush();
  await rig.restart();
  await rig.append(Buffer.from('c\nnext\n'));
  assert.deepEqual(rig.found, [
    ['a'.repeat(10), true],
    ['next', false],
  ]);
});

test('the rest of a split line is marked over a restart', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'x'.repeat(1500));
  const config = { include: [path], start_at: 'beginning', max_log_size: 1000, force_flush_period: '0s' };
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 1, 'the first part arrived');
  await first.stop();
  appendFileSync(path, 'x'.repeat(100));
  appendFileSync(path, '\nnext\n');
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.equal([...bodies(first.consumer), ...bodies(second.consumer)].map(text).join('').length, 1604);
});

test('a limit that is larger than a chunk keeps lines whole', async (t) => {
  const content = `${'x'.repeat(5000)}\n${'y'.repeat(5001)}\n`;
  const found = await splitAll(t, Buffer.from(content), { maxLogSize: 5000, chunkBytes: 64 });
  assert.deepEqual(
    found.map(([body, cut]) => [body.length, cut]),
    [
      [5000, false],
      [5000, true],
      [1, true],
    ],
  );
});

test('a line of exactly the limit is not cut for the return in its line end', async (t) => {
  assert.deepEqual(await splitAll(t, Buffer.from('12345\r\n12345\n'), { maxLogSize: 5 }), [
    ['12345', false],
    ['12345', false],
  ]);
});

test('a character is never split, in UTF-8 and UTF-16', async (t) => {
  const faces = `${'😀'.repeat(50)}\n`;
  for (const [encoding, bytes, unit] of [
    ['utf-8', Buffer.from(faces), 4],
    ['utf-16le', Buffer.from(faces, 'utf16le'), 4],
  ] as const) {
    for (const maxLogSize of [40, 41, 42, 43]) {
      const found = await splitAll(t, bytes, { encoding, maxLogSize, chunkBytes: 32 });
      assert.deepEqual(
        found.map(([body]) => body),
        Array.from({ length: 5 }, () => '😀'.repeat(Math.floor(maxLogSize / unit))),
      );
    }
  }
});

test('a file with megabytes waiting does not keep others from being read, with a slow consumer too', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'a-large.log'), `${'x'.repeat(99)}\n`.repeat(400_000));
  for (let n = 0; n < 5; n++) writeFileSync(join(directory, `small-${n}.log`), 'small\n');
  const consumer = new CollectingConsumer();
  let largeBytes = 0;
  let small = 0;
  const largeBefore: number[] = [];
  consumer.answer = async (batch) => {
    if (batch.bytes > 1000) largeBytes += batch.bytes;
    else {
      small += 1;
      largeBefore.push(largeBytes);
    }
    await new Promise((resolve) => setImmediate(resolve));
    return rejected(new Error('not kept'));
  };
  const rig = await startRig(t, { include: [join(directory, '*.log')], start_at: 'beginning' }, { consumer });
  await until(() => small === 5 && largeBytes > 40 * 1000 * 1000, 'everything was read');
  await rig.stop();
  assert.ok(Math.max(...largeBefore) < 4 * MIB, `${Math.max(...largeBefore)} bytes of the large file came before`);
});

test('half a unit of UTF-16 at the end does not keep the reader busy', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'half.log'), Buffer.from('one\ntwo', 'utf16le'));
  appendFileSync(join(directory, 'half.log'), 'x');
  let timers = 0;
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    timer(afterMs, run) {
      timers += 1;
      return systemClock.timer(afterMs, run);
    },
  };
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', encoding: 'utf-16le' };
  const rig = await startRig(t, { ...config, poll_interval: '5ms', force_flush_period: '20ms' }, { clock });
  await until(() => rig.consumer.items === 2, 'the partial line was flushed');
  timers = 0;
  const fromMs = performance.now();
  for (let n = 0; n < 5; n++) {
    appendFileSync(join(directory, 'other.log'), Buffer.from('partial', 'utf16le'));
    await until(() => rig.consumer.items === 3 + n, 'the other partial line was flushed');
  }
  // Twenty for the five lines, and five for each second that the machine takes for them; a busy reader sets one in each millisecond.
  const tookMs = performance.now() - fromMs;
  assert.ok(timers < 60 + tookMs / 20, `${timers} timers in ${tookMs} ms`);
  await rig.stop();
});
