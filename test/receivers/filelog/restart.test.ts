import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { FileClient } from '../../../src/storage/file-client.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { bodies, createRig, startRig, storageIn, tempDirectory } from './support.ts';

test('a restart goes on where the last run stopped, and reads new files from their beginning', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const config = { include: [join(directory, '*.log')], start_at: 'end' };
  const path = join(directory, 'app.log');
  writeFileSync(path, 'before the first start\n');
  const first = await startRig(t, config, { storage });
  appendFileSync(path, 'one\n');
  await until(() => first.consumer.items === 1, 'the line arrived');
  await first.stop();
  appendFileSync(path, 'two\n');
  writeFileSync(join(directory, 'other.log'), 'three\n');
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.deepEqual(bodies(second.consumer).sort(), ['three', 'two']);
});

test('a file that was renamed while down is read to its end, and its successor from the start', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const config = { include: [path], start_at: 'beginning' };
  writeFileSync(path, 'banner\n');
  const first = await startRig(t, config, { storage });
  await first.stop();
  appendFileSync(path, 'last words\n');
  renameSync(path, join(directory, 'app.log.1'));
  writeFileSync(path, 'banner\nnew\n');
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.deepEqual(bodies(first.consumer), ['banner']);
  assert.deepEqual(bodies(second.consumer).sort(), ['banner', 'last words', 'new']);
});

test('a file behind links that was rotated while down is found where the links lead, also by the run after a crash', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const real = join(directory, 'pod', '0.log');
  mkdirSync(join(directory, 'pod'));
  mkdirSync(join(directory, 'containers'));
  symlinkSync(real, join(directory, 'bridge'));
  symlinkSync('../bridge', join(directory, 'containers', 'web.log'));
  const config = { include: [join(directory, 'containers', '*.log')], start_at: 'beginning' };
  writeFileSync(real, 'one\n');
  const first = await startRig(t, config, { storage });
  await first.stop();
  appendFileSync(real, 'last words\n');
  renameSync(real, `${real}.20260102-030405`);
  writeFileSync(real, 'new\n');
  const consumer = new CollectingConsumer();
  consumer.answer = () => retry(new Error('full'));
  const refused = await startRig(t, config, { storage, consumer });
  await refused.stop();
  const third = await startRig(t, config, { storage });
  await third.stop();
  assert.deepEqual(bodies(third.consumer).sort(), ['last words', 'new']);
  assert.equal(refused.context.meter.total('remora_filelog_lost_bytes'), 0);
});

test('a file truncated or rewritten while down is read from its start, whatever start_at says', async (t) => {
  for (const content of ['x\n', 'other content, longer than before\nsecond\n']) {
    const directory = tempDirectory(t);
    const storage = storageIn(directory);
    const path = join(directory, 'app.log');
    writeFileSync(path, '');
    const first = await startRig(t, { include: [path] }, { storage });
    appendFileSync(path, 'one\ntwo\n');
    await until(() => first.consumer.items === 2, 'both lines arrived');
    await first.stop();
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
    appendFileSync(path, content);
    const second = await startRig(t, { include: [path] }, { storage });
    await second.stop();
    assert.deepEqual(bodies(second.consumer), content.trim().split('\n'));
  }
});

test('after a crash nothing is missing and only what was not in the checkpoint is repeated', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const config = { include: [path], start_at: 'beginning', poll_interval: '5ms' };
  const lines = Array.from({ length: 50_000 }, (_, n) => `line ${n}\n`);
  writeFileSync(path, lines.slice(0, 25_000).join(''));
  const consumer = new CollectingConsumer();
  const crashing = await createRig(config, { storage, consumer });
  await crashing.receiver.start?.();
  const unsaved = (): number => crashing.context.meter.total('remora_filelog_unacknowledged_bytes');
  await until(() => consumer.items === 25_000 && unsaved() === 0, 'a checkpoint with all lines was written');
  appendFileSync(path, lines.slice(25_000).join(''));
  consumer.answer = () => retry(new Error('upstream went away'));
  // The crash: a copy of what is on disk is what the next run finds.
  const found = join(directory, 'after-crash');
  const copy = new FileClient({ directory: found, fsync: false, onDamage: () => undefined });
  await copy.prepare();
  copyFileSync(join(storage.directory, 'value'), join(found, 'value'));
  const next = await startRig(t, config, { storage: copy });
  await next.stop();
  await crashing.stop(50);
  const seen = new Set([...bodies(consumer), ...bodies(next.consumer)]);
  assert.equal(seen.size, 50_000);
  assert.equal(next.consumer.items, 25_000, 'nothing acknowledged in the checkpoint is repeated');
});

test('the checkpoint does not pass what the pipeline has not taken', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const config = { include: [path], start_at: 'beginning', poll_interval: '5ms' };
  writeFileSync(path, 'one\n');
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 1, 'the first line was taken');
  first.consumer.answer = () => retry(new Error('full'));
  appendFileSync(path, 'two\n');
  await until(() => first.context.meter.total('remora_filelog_unread_bytes') === 4, 'the second line waits');
  await first.stop();
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['two']);
});

test('batches that are taken out of order move the checkpoint over the contiguous part only', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const config = { include: [path], start_at: 'beginning' };
  writeFileSync(path, `${'x'.repeat(99)}\n`.repeat(10_000));
  const consumer = new CollectingConsumer();
  let offered = 0;
  // The second of four chunks is refused, after the others were taken.
  consumer.answer = async () => {
    offered += 1;
    if (offered === 2) await until(() => offered === 4, 'the others were offered');
    else if (offered <= 4) return ACCEPTED;
    return retry(new Error('full'));
  };
  const first = await startRig(t, config, { storage, consumer });
  await until(() => consumer.batches.length === 3, 'all others were taken');
  const [head] = consumer.batches;
  await first.stop();
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.equal(second.consumer.items, 10_000 - (head?.items ?? 0));
});

test('a damaged checkpoint is put aside, counted, and no reason not to start', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'one\n');
  let damaged = '';
  const place = join(directory, 'storage');
  const open = (): FileClient =>
    new FileClient({ directory: place, fsync: false, onDamage: (aside) => (damaged = aside) });
  const config = { include: [path], start_at: 'beginning' };
  const first = await startRig(t, config, { storage: open() });
  await first.stop();
  truncateSync(join(place, 'value'), 100);
  const second = await startRig(t, config, { storage: open() });
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['one']);
  assert.equal(damaged, join(place, 'value.damaged-1'));
  assert.ok(readdirSync(place).includes('value.damaged-1'));
  rmSync(place, { recursive: true });
});

test('what is written while down is not missed although the run before saw no line, or not even a file', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const config = { include: [join(directory, '*.log')], start_at: 'end' };
  await (await startRig(t, config, { storage })).stop();
  const path = join(directory, 'app.log');
  writeFileSync(path, 'one\n');
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['one']);

  const place = join(directory, 'other');
  const fresh = new FileClient({ directory: place, fsync: false, onDamage: () => undefined });
  await (await startRig(t, config, { storage: fresh })).stop();
  appendFileSync(path, 'two\n');
  const third = await startRig(t, config, { storage: fresh });
  await third.stop();
  assert.deepEqual(bodies(third.consumer), ['two']);
});

test('a checkpoint that cannot be understood is counted as a failure', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  await storage.write(Buffer.from('{"version":99,"files":[]}'));
  const rig = await startRig(t, { include: [join(directory, '*.log')] }, { storage });
  assert.equal(rig.context.meter.total('remora_filelog_checkpoint_failures'), 1);
});

test('stopping does not wait for the time at which a refused batch would be offered again', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'one\n');
  const consumer = new CollectingConsumer();
  let offered = false;
  consumer.answer = () => {
    offered = true;
    return retry(new Error('full'), 86_400_000);
  };
  const config = { include: [path], start_at: 'beginning' };
  const rig = await startRig(t, config, { storage: storageIn(directory), consumer });
  await until(() => offered, 'the line was refused');
  // Neither the deadline nor the day until the next offer passes meanwhile.
  const deadline = new AbortController();
  await rig.receiver.stop?.(deadline.signal);
  assert.equal(consumer.items, 0);
});

test('files created and rotated away while down are read, under whatever name they have then', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const config = { include: [path], start_at: 'end' };
  writeFileSync(join(directory, 'app.log.7'), 'rotated long before\n');
  await until(() => Date.now() > statSync(join(directory, 'app.log.7')).birthtimeMs + 200, 'it is old');
  await (await startRig(t, config, { storage })).stop();
  for (const name of ['app.log.1', 'app-20260102.log', 'app.log.old']) {
    writeFileSync(path, `${name}\n`);
    renameSync(path, join(directory, name));
  }
  writeFileSync(join(directory, 'app.log.1.gz'), 'compressed\n');
  writeFileSync(join(directory, 'other.log.1'), 'not asked for\n');
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.deepEqual(bodies(second.consumer).sort(), ['app-20260102.log', 'app.log.1', 'app.log.old']);
});

test('files rotated away while down, and copies, are told apart where links lead, to files and to directories', async (t) => {
  for (const kind of ['file', 'directory']) {
    const directory = tempDirectory(t);
    const storage = storageIn(directory);
    const real = join(directory, 'real', 'app.log');
    mkdirSync(dirname(real));
    mkdirSync(join(directory, 'links'));
    if (kind === 'file') symlinkSync(real, join(directory, 'links', 'app.log'));
    else symlinkSync(dirname(real), join(directory, 'links', 'pod'));
    const include = join(directory, 'links', kind === 'file' ? 'app.log' : 'pod/app.log');
    const config = { include: [include], start_at: 'beginning' };
    writeFileSync(real, 'one\n');
    await (await startRig(t, config, { storage })).stop();
    appendFileSync(real, 'two\n');
    renameSync(real, `${real}.2`);
    writeFileSync(real, 'three\n');
    renameSync(real, `${real}.1`);
    writeFileSync(real, 'four\n');
    const second = await startRig(t, config, { storage });
    await second.stop();
    assert.deepEqual(bodies(second.consumer).sort(), ['four', 'three', 'two'], kind);
    appendFileSync(real, 'five\n');
    copyFileSync(real, `${real}.3`);
    writeFileSync(real, 'six\n');
    const third = await startRig(t, config, { storage });
    await third.stop();
    assert.deepEqual(bodies(third.consumer).sort(), ['five', 'six'], kind);
  }
});

test('a crash right after the first start makes no difference to what is read then', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'before the first start\n');
  const consumer = new CollectingConsumer();
  consumer.answer = () => retry(new Error('full'));
  const first = await startRig(t, { include: [path] }, { storage, consumer });
  const found = join(directory, 'after-crash');
  const copy = new FileClient({ directory: found, fsync: false, onDamage: () => undefined });
  await copy.prepare();
  copyFileSync(join(storage.directory, 'value'), join(found, 'value'));
  await first.stop();
  appendFileSync(path, 'one\n');
  const second = await startRig(t, { include: [path] }, { storage: copy });
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['one']);
});

test('a file that was first seen under its rotated name is gone on with there by the next run', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const consumer = new CollectingConsumer();
  consumer.answer = () => retry(new Error('full'));
  const first = await startRig(t, { include: [path] }, { storage, consumer });
  writeFileSync(path, 'one\n');
  renameSync(path, `${path}.1`);
  await until(() => first.context.meter.total('remora_filelog_unread_bytes') === 4, 'the file is open');
  await first.stop();
  const second = await startRig(t, { include: [path] }, { storage });
  await until(() => second.consumer.items === 1, 'the line arrived');
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['one']);
});
