import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { batchBytes } from '../../../src/core/batch.ts';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { bodies, frozenStorage, startRig, storageIn, tempDirectory } from './support.ts';

const CONTAINER = { start_at: 'beginning', operators: [{ type: 'container' }], force_flush_period: '1h' };

function cri(tag: string, content: string, stream = 'stdout'): string {
  return `2024-04-13T07:59:37.5Z ${stream} ${tag} ${content}\n`;
}

test('a file that was rotated before anything was in it does not keep back the one after it', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, cri('F', 'before') + cri('P', 'one '));
  const rig = await startRig(t, { include: [path], ...CONTAINER });
  await until(() => rig.consumer.items === 1, 'the whole line arrived');
  renameSync(path, `${path}.1`);
  writeFileSync(path, '');
  await until(() => rig.context.meter.total('otelcol_fileconsumer_open_files') === 2, 'the empty file is open');
  renameSync(path, `${path}.2`);
  writeFileSync(path, cri('F', 'line') + cri('F', 'after'));
  await until(() => rig.consumer.items === 3, 'the lines of the third file arrived');
  assert.deepEqual(bodies(rig.consumer), ['before', 'one line', 'after']);
});

test('parts in a file that came and went within one look are joined with those before and after it', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, cri('F', 'before') + cri('P', 'one '));
  const rig = await startRig(t, { include: [path], ...CONTAINER });
  await until(() => rig.consumer.items === 1, 'the whole line arrived');
  renameSync(path, `${path}.2`);
  writeFileSync(path, cri('F', 'line') + cri('P', 'two '));
  renameSync(path, `${path}.1`);
  writeFileSync(path, cri('F', 'lines') + cri('F', 'after'));
  await until(() => bodies(rig.consumer).includes('after'), 'the lines of the third file arrived');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['before', 'one line', 'two lines', 'after']);
});

test('parts on both sides of a rotation while down are joined when the new name matches as well', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  const path = join(logs, 'app.log');
  const config = { include: [join(logs, '*')], ...CONTAINER };
  writeFileSync(path, cri('F', 'before') + cri('P', 'one '));
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 1, 'the whole line arrived');
  await first.stop();
  renameSync(path, `${path}.1`);
  writeFileSync(path, cri('F', 'line') + cri('F', 'after'));
  const second = await startRig(t, config, { storage });
  await until(() => bodies(second.consumer).includes('after'), 'the lines of the new file arrived');
  await second.stop();
  assert.deepEqual(bodies(second.consumer), ['one line', 'after']);
});

test('a stop while the older file is refused does not join its part with a line of the newer one', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const consumer = new CollectingConsumer();
  const config = { include: [path], ...CONTAINER };
  writeFileSync(path, cri('P', 'one '));
  const first = await startRig(t, config, { storage, consumer });
  await until(() => first.context.meter.total('remora_filelog_held_bytes') > 0, 'the part waits');
  consumer.answer = () => retry(new Error('full'));
  appendFileSync(path, cri('F', 'other', 'stderr'));
  await until(() => first.context.meter.total('remora_filelog_unread_bytes') > 0, 'the file is paused');
  appendFileSync(path, cri('F', 'line'));
  renameSync(path, `${path}.1`);
  writeFileSync(path, cri('F', 'new'));
  await until(() => first.context.meter.total('otelcol_fileconsumer_open_files') === 2, 'the new file is open');
  consumer.answer = (batch) => (Buffer.from(batchBytes(batch)).includes('other') ? retry(new Error('full')) : ACCEPTED);
  await first.stop();
  const second = await startRig(t, config, { storage });
  await until(() => bodies(second.consumer).includes('new') || consumer.items > 0, 'the new file was read');
  await second.stop();
  assert.deepEqual([...bodies(consumer), ...bodies(second.consumer)], ['other', 'one line', 'new']);
});

test('a part of an older file is settled by a batch that comes back after the newer file was truncated', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const path = join(directory, 'app.log');
  const consumer = new CollectingConsumer();
  writeFileSync(path, cri('P', 'one '));
  const rig = await startRig(t, { include: [path], ...CONTAINER }, { storage, consumer });
  await until(() => rig.context.meter.total('remora_filelog_held_bytes') > 0, 'the part waits');
  const late = Promise.withResolvers<typeof ACCEPTED>();
  consumer.answer = () => late.promise;
  renameSync(path, `${path}.1`);
  writeFileSync(path, cri('F', 'line'));
  await until(() => rig.context.meter.total('remora_filelog_held_bytes') === 0, 'the joined line is under way');
  consumer.answer = () => ACCEPTED;
  truncateSync(path, 0);
  writeFileSync(path, cri('F', 'x'));
  await until(() => rig.consumer.items === 1, 'the new content arrived');
  late.resolve(ACCEPTED);
  await until(() => rig.consumer.items === 2, 'the joined line is settled');
  await rig.stop();
  const next = await startRig(t, { include: [path], ...CONTAINER }, { storage });
  await next.stop();
  assert.equal(next.context.meter.total('remora_filelog_held_bytes'), 0, 'nothing waits again');
});

test('after a crash what two operators hold waits again in its order', async (t) => {
  const storage = storageIn(tempDirectory(t));
  const path = join(tempDirectory(t), 'app.log');
  const config = {
    include: [path],
    ...CONTAINER,
    operators: [{ type: 'container' }, { type: 'recombine', preset: 'java', force_flush_period: '1h' }],
  };
  writeFileSync(path, cri('F', 'java.lang.Error: boom') + cri('P', '\tat a.b.'));
  const before = await startRig(t, config, { storage });
  const { meter } = before.context;
  await until(() => meter.total('remora_filelog_held_bytes') > 0, 'lines wait');
  const writes = meter.total('remora_filelog_checkpoint_writes');
  await until(() => meter.total('remora_filelog_checkpoint_writes') > writes, 'a checkpoint is written');
  const copy = await frozenStorage(t, storage);
  appendFileSync(path, cri('F', 'C.d(C.java:1)') + cri('F', 'next'));
  const after = await startRig(t, config, { storage: copy });
  await until(() => after.consumer.items >= 1, 'the trace arrived');
  await after.stop();
  assert.deepEqual(bodies(after.consumer), ['java.lang.Error: boom\n\tat a.b.C.d(C.java:1)', 'next']);
});
