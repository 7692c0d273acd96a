import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, chownSync, existsSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import type { FoundFile } from '../../../src/receivers/filelog/discovery/finder.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { makeOrdering } from '../../../src/receivers/filelog/discovery/ordering.ts';
import { orderingSetting } from '../../../src/receivers/filelog/discovery/ordering-settings.ts';
import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { until } from '../../support/until.ts';
import { bodies, records, startRig, storageIn, tempDirectory } from './support.ts';

const ONE_DAY_S = 86_400;

function issues(config: object): string {
  const parsed = filelogReceiver.parse({ include: ['/tmp/*.log'], ...config });
  return parsed.ok ? '' : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
}

test('keys that choose files are taken as the Collector has them, or refused with what to do', () => {
  assert.equal(issues({ polls_to_archive: 10, exclude_older_than: '24h', on_truncate: 'read_whole_file' }), '');
  assert.equal(issues({ max_batches: 0, acquire_fs_lock: false, file_cache_advise: false }), '');
  assert.equal(issues({ delete_after_read: true, start_at: 'beginning' }), '');
  assert.match(issues({ delete_after_read: true }), /^delete_after_read: needs start_at: beginning/);
  assert.match(issues({ on_truncate: 'ignore' }), /^on_truncate: only read_whole_file .* lines are lost/);
  assert.match(issues({ max_batches: 2 }), /^max_batches: .*max_concurrent_files/);
  assert.match(issues({ acquire_fs_lock: true }), /^acquire_fs_lock: .*no lock/);
  assert.match(issues({ header: { pattern: '^#' } }), /^header: /);
  const sorted = (sort: object, more: object = { regex: '(?P<n>\\d+)' }): string =>
    issues({ ordering_criteria: { ...more, sort_by: [sort] } });
  assert.equal(sorted({ sort_type: 'numeric', regex_key: 'n' }), '');
  assert.equal(sorted({ sort_type: 'mtime' }, {}), '');
  assert.match(sorted({ sort_type: 'numeric', regex_key: 'm' }), /regex has no group named "m"/);
  assert.match(sorted({ sort_type: 'numeric' }), /regex_key: needed for sort_type numeric/);
  assert.match(sorted({ sort_type: 'numeric', regex_key: 'n' }, {}), /regex is needed/);
  assert.match(sorted({ sort_type: 'timestamp', regex_key: 'n' }), /layout: needed/);
  assert.match(sorted({ sort_type: 'timestamp', regex_key: 'n', layout: '%Q' }), /layout: .*%Q/);
  assert.match(sorted({ sort_type: 'mtime' }, { group_by: 'x' }), /group_by: it needs a group/);
  assert.match(sorted({ sort_type: 'mtime', format: '%Y' }), /format: the key is called layout/);
  assert.match(issues({ ordering_criteria: { regex: 'x' } }), /^ordering_criteria.sort_by: /);
});

test('ordering picks the first files of each group', (t) => {
  const directory = tempDirectory(t);
  const names = [
    'api.9.2024-01-02.log',
    'api.10.2023-12-31.log',
    'web.2.2024-03-01.log',
    'web.x.2022-01-01.log',
    'other',
  ];
  const files = names.map((name, at): FoundFile => {
    const path = join(directory, name);
    writeFileSync(path, name);
    utimesSync(path, 1000 + at, 1000 + at);
    const stats = nodeFileSystem.stat(path);
    assert.ok(stats);
    return { path, stats };
  });
  const pick = (config: object): string[] => {
    const regex = '(?P<app>api|web)\\.(?P<n>\\w+)\\.(?P<date>[0-9-]+)\\.log$';
    return makeOrdering(
      orderingSetting().parse({ regex, ...config }),
      systemClock,
    )(files).map(({ path }) => basename(path));
  };
  const numeric = { sort_type: 'numeric', regex_key: 'n' };
  assert.deepEqual(pick({ sort_by: [numeric] }), [names[1]]);
  assert.deepEqual(pick({ sort_by: [{ ...numeric, ascending: true }], top_n: 2 }), [names[2], names[0]]);
  assert.deepEqual(pick({ sort_by: [numeric], group_by: '/(\\w+)\\.' }), [names[1], names[2]]);
  const date = { sort_type: 'timestamp', regex_key: 'date', layout: '%Y-%m-%d' };
  assert.deepEqual(pick({ sort_by: [date], top_n: 9 }), [names[2], names[0], names[1], names[3]]);
  assert.deepEqual(pick({ sort_by: [{ sort_type: 'alphabetical', regex_key: 'n', ascending: true }] }), [names[1]]);
  assert.deepEqual(pick({ sort_by: [date, { sort_type: 'alphabetical', regex_key: 'app' }], top_n: 2 }), [
    names[2],
    names[3],
  ]);
  assert.deepEqual(pick({ regex: undefined, sort_by: [{ sort_type: 'mtime' }] }), ['other']);
});

test('with ordering only the newest file is read, and the one before it to its end', async (t) => {
  const directory = tempDirectory(t);
  const ordering = { regex: '(?P<n>\\d+)\\.log$', sort_by: [{ sort_type: 'numeric', regex_key: 'n' }] };
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', poll_interval: '5ms' };
  writeFileSync(join(directory, '1.log'), 'old\n');
  writeFileSync(join(directory, '2.log'), 'two\n');
  const rig = await startRig(t, { ...config, ordering_criteria: ordering });
  await until(() => rig.consumer.items === 1, 'the newest file was read');
  appendFileSync(join(directory, '2.log'), 'more of two\n');
  writeFileSync(join(directory, '3.log'), 'three\n');
  await until(() => rig.consumer.items === 3, 'the rest and the next file were read');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer).sort(), ['more of two', 'three', 'two']);
});

test('files that were not modified for long are left alone until they are', async (t) => {
  const directory = tempDirectory(t);
  const old = join(directory, 'old.log');
  const past = Date.now() / 1000 - 2 * ONE_DAY_S;
  writeFileSync(old, 'long ago\n');
  utimesSync(old, past, past);
  writeFileSync(join(directory, 'new.log'), 'now\n');
  const config = { include: [join(directory, '*.log')], exclude_older_than: '24h', poll_interval: '5ms' };
  const rig = await startRig(t, { ...config, start_at: 'beginning' });
  await until(() => rig.consumer.items === 1, 'the new file was read');
  assert.equal(rig.context.meter.total('otelcol_fileconsumer_open_files'), 1);
  appendFileSync(old, 'again\n');
  await until(() => rig.consumer.items === 3, 'the old file was read as well');
  await rig.stop();

  utimesSync(old, past, past);
  const end = await startRig(t, config);
  appendFileSync(old, 'once more\n');
  await until(() => end.consumer.items > 0, 'the new line arrived');
  await end.stop();
  assert.deepEqual(bodies(end.consumer), ['once more'], 'and nothing that was there at the start');
});

test('a file is deleted when everything of it was acknowledged and is in the checkpoint, and not before', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'a.log');
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', delete_after_read: true };
  writeFileSync(path, 'one\n');
  writeFileSync(join(directory, 'empty.log'), '');
  const storage = storageIn(directory);
  const rig = await startRig(t, config, { storage });
  rig.consumer.answer = () => retry(new Error('full'), 10);
  await until(() => rig.context.meter.total('remora_filelog_checkpoint_writes') >= 1, 'a checkpoint was written');
  assert.ok(existsSync(path));
  rig.consumer.answer = () => ACCEPTED;
  await until(() => !existsSync(path), 'the file was deleted');
  assert.equal(rig.context.meter.total('remora_filelog_deleted_files'), 1);
  writeFileSync(path, 'two\n');
  await until(() => rig.consumer.items === 2, 'the next file of that name was read');
  await rig.stop();
  assert.ok(existsSync(join(directory, 'empty.log')));
  assert.deepEqual(bodies(rig.consumer), ['one', 'two']);
});

test('a writer that still holds a deleted file loses nothing, and a file that was replaced stays', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'a.log');
  const config = { include: [path], start_at: 'beginning', delete_after_read: true, poll_interval: '5ms' };
  writeFileSync(path, 'one\n');
  const writer = await open(path, 'a');
  t.after(() => writer.close());
  const rig = await startRig(t, config, { storage: storageIn(directory) });
  await until(() => !existsSync(path), 'the file was deleted');
  await writer.appendFile('late\n');
  await until(() => rig.consumer.items === 2, 'the late line arrived');
  // Put in the place of the file in one step, with its first bytes.
  writeFileSync(`${path}.new`, 'three\n');
  renameSync(`${path}.new`, path);
  await until(() => rig.consumer.items === 3, 'the next file was read');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['one', 'late', 'three']);
});

test('files that were read while down, or wait for a place, are deleted too', async (t) => {
  const directory = tempDirectory(t);
  const storage = storageIn(directory);
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', max_concurrent_files: 3 };
  for (let n = 0; n < 8; n++) writeFileSync(join(directory, `${n}.log`), `line ${n}\n`);
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 8, 'all were read');
  await first.stop();
  const second = await startRig(t, { ...config, delete_after_read: true }, { storage });
  await until(() => second.context.meter.total('remora_filelog_deleted_files') === 8, 'all were deleted');
  await second.stop();
  assert.equal(second.consumer.items, 0);
});

test('records tell who owns their file and who may read it', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'a.log');
  writeFileSync(path, 'one\n');
  chmodSync(path, 0o640);
  const keys = { include_file_owner_name: true, include_file_owner_group_name: true, include_file_permissions: true };
  const rig = await startRig(t, { include: [path], start_at: 'beginning', ...keys, poll_interval: '5ms' });
  await until(() => rig.consumer.items === 1, 'the line arrived');
  const attributes = records(rig.consumer.batches)[0]?.attributes;
  assert.equal(attributes?.get('log.file.owner.name'), userInfo().username);
  assert.equal(typeof attributes.get('log.file.owner.group.name'), 'string');
  assert.equal(attributes.get('log.file.permissions'), '640');
  if (process.getuid?.() !== 0) return;
  chownSync(path, 54321, 54322);
  await until(() => {
    appendFileSync(path, 'more\n');
    return records(rig.consumer.batches).some((one) => one.attributes.get('log.file.owner.name') === '54321');
  }, 'records have the new owner');
});
