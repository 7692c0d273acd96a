import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { retry, ACCEPTED } from '../../../src/core/verdict.ts';
import { markOf, type FileRecord } from '../../../src/receivers/filelog/identity.ts';
import { openFile } from '../../../src/receivers/filelog/opening.ts';
import { parkingOrder } from '../../../src/receivers/filelog/parking.ts';
import { Remembered } from '../../../src/receivers/filelog/remembered.ts';
import type { TrackedFile } from '../../../src/receivers/filelog/tracked-file.ts';
import { until } from '../../support/until.ts';
import { bodies, startRig, storageIn, tempDirectory } from './support.ts';

const FILES = Number(process.env['REMORA_TEST_FILES'] ?? 1000);

function record(ino: number, more: Partial<FileRecord> = {}): FileRecord {
  const mark = markOf(new Uint8Array(0));
  const path = `/logs/${ino}.log`;
  return { path, dev: 1, ino, birthMs: 0, offset: 0, head: mark, tail: mark, afterCut: false, records: 0, ...more };
}

test('many more files than may be open are each read once, then once more when they grow, also over a restart', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', max_concurrent_files: 50 };
  const path = (n: number): string => join(directory, `app-${n}.log`);
  for (let n = 0; n < FILES; n++) writeFileSync(path(n), `first ${n}\n`);
  const rig = await startRig(t, config, { storage });
  await until(() => rig.consumer.items >= FILES, 'every file was read');
  assert.ok(rig.context.meter.total('otelcol_fileconsumer_open_files') <= 50);
  for (let n = 0; n < FILES; n += 3) appendFileSync(path(n), `second ${n}\n`);
  const grown = Math.ceil(FILES / 3);
  await until(() => rig.consumer.items >= FILES + grown, 'what grew was read');
  await until(() => rig.context.meter.total('remora_filelog_waiting_files') === 0, 'no file waits');
  await rig.stop();
  assert.equal(new Set(bodies(rig.consumer)).size, FILES + grown);
  assert.equal(rig.consumer.items, FILES + grown);
  for (let n = 0; n < FILES; n += 100) appendFileSync(path(n), `third ${n}\n`);
  const next = await startRig(t, config, { storage });
  await until(() => next.consumer.items >= FILES / 100, 'what was written while down was read');
  await next.stop();
  assert.equal(next.consumer.items, Math.ceil(FILES / 100));
});

test('quiet files give way first, then files that had their turn, and never one with bytes under way or no name', (t) => {
  const directory = tempDirectory(t);
  const open = (name: string, change: Partial<TrackedFile>, acked = 10): TrackedFile => {
    writeFileSync(join(directory, name), 'x'.repeat(10));
    const file = openFile(nodeFileSystem, join(directory, name));
    t.after(() => file.close());
    file.startAt(acked, new Uint8Array(0));
    return Object.assign(file, { openedMs: 50_000 }, change);
  };
  const files = [
    open('busy', {}, 5),
    open('had its turn', { openedMs: 10_000 }, 5),
    open('had its turn long ago', { openedMs: 1000 }, 5),
    open('quiet', { grewMs: 2000 }),
    open('quiet for longer', { grewMs: 1000 }),
    open('paused', { paused: true }),
    open('being read', { inTurn: true }),
    open('rotated', { matched: false }),
  ];
  const order = parkingOrder(files, 55_000).map(({ path }) => path.slice(directory.length + 1));
  assert.deepEqual(order.reverse(), ['quiet for longer', 'quiet', 'had its turn long ago', 'had its turn']);
});

test('a closed file that is renamed away with lines to read is found by its identity', async (t) => {
  const directory = tempDirectory(t);
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', max_concurrent_files: 2 };
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(directory, `${name}.log`), `${name} first\n`);
  const rig = await startRig(t, config);
  await until(() => rig.consumer.items === 4, 'all files were read');
  await until(() => rig.context.meter.total('remora_filelog_waiting_files') === 0, 'no file waits');
  for (const name of ['a', 'b', 'c', 'd']) {
    const path = join(directory, `${name}.log`);
    appendFileSync(path, `${name} second\n`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, `${name} third\n`);
  }
  await until(() => rig.consumer.items >= 12, 'every line arrived');
  await rig.stop();
  assert.deepEqual(
    bodies(rig.consumer).map(String).sort(),
    ['a', 'b', 'c', 'd'].flatMap((name) => [`${name} first`, `${name} second`, `${name} third`]),
  );
  assert.equal(rig.context.meter.total('remora_filelog_lost_bytes'), 0);
});

test('a file that is gone with lines that were not read is counted, at the next start and with what is known', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', poll_interval: '5ms' };
  const path = join(directory, 'a.log');
  writeFileSync(path, 'one\n');
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 1, 'the line arrived');
  first.consumer.answer = () => retry(new Error('full'));
  appendFileSync(path, 'two\n');
  await until(() => first.context.meter.total('remora_filelog_unread_bytes') === 4, 'the second line waits');
  await first.stop();
  rmSync(path);
  const second = await startRig(t, config, { storage });
  assert.equal(second.context.meter.total('remora_filelog_lost_bytes'), 4);
  await second.stop();
  const third = await startRig(t, config, { storage });
  assert.equal(third.context.meter.total('remora_filelog_lost_bytes'), 0, 'it is said once');
});

test('bytes that a truncation cuts off before they were read are counted', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'a.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  rig.consumer.answer = () => retry(new Error('full'), 10);
  appendFileSync(path, `${'x'.repeat(99)}\n`.repeat(5000));
  const { meter } = rig.context;
  const seen = (): number =>
    meter.total('remora_filelog_unread_bytes') + meter.total('remora_filelog_unacknowledged_bytes');
  await until(() => seen() > 500_000, 'all of it was seen, and some was offered');
  writeFileSync(path, 'after\n');
  rig.consumer.answer = () => ACCEPTED;
  await until(() => bodies(rig.consumer).includes('after'), 'the new content arrived');
  await rig.stop();
  const lost = rig.context.meter.total('remora_filelog_lost_bytes');
  assert.equal(lost, 500_000 - (rig.consumer.items - 1) * 100);
});

test('of closed files those that no path leads to are forgotten first, oldest first, and it is told', () => {
  const forgotten: string[] = [];
  const remembered = new Remembered({ present: 3, gone: 2 }, ({ path }) => forgotten.push(path));
  for (let ino = 1; ino <= 3; ino++) remembered.add(record(ino), 1);
  assert.ok(remembered.full);
  const here = remembered.see('1:3');
  assert.ok(here);
  here.look = 2;
  assert.deepEqual(
    remembered.vanished(2).map(({ ino }) => ino),
    [1, 2],
  );
  assert.deepEqual(remembered.vanished(2), []);
  assert.ok(!remembered.full);
  remembered.add(record(4, { rotated: true }), 2);
  assert.deepEqual(forgotten, ['/logs/1.log']);
  assert.ok(!remembered.has('1:1'));
  assert.equal(remembered.see('1:2')?.record.ino, 2);
  assert.equal(remembered.presentSize, 2);
  assert.deepEqual(
    remembered.ofInode({ ino: 4, birthMs: 0 }).map(({ path }) => path),
    ['/logs/4.log'],
  );
  remembered.delete('1:4');
  assert.deepEqual(remembered.ofInode({ ino: 4, birthMs: 0 }), []);
});
