import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import { until } from '../../support/until.ts';
import { bodies, startRig, storageIn, tempDirectory } from './support.ts';

test('one file with several names, by links or by two patterns, is read once', async (t) => {
  const directory = tempDirectory(t);
  const at = (name: string): string => join(directory, name);
  writeFileSync(at('a.log'), 'one\n');
  linkSync(at('a.log'), at('b.log'));
  symlinkSync('a.log', at('c.log'));
  const config = { include: [at('*.log'), at('a*'), at('**/*.log')], start_at: 'beginning', poll_interval: '5ms' };
  const storage = storageIn(directory);
  const rig = await startRig(t, config, { storage });
  await until(() => rig.consumer.items === 1, 'the line arrived');
  appendFileSync(at('b.log'), 'two\n');
  await until(() => rig.consumer.items === 2, 'the line written through the other name arrived');
  // It still has a name that matches, so it was not rotated.
  rmSync(at('a.log'));
  appendFileSync(at('b.log'), 'three\n');
  await until(() => rig.consumer.items === 3, 'the line arrived');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer), ['one', 'two', 'three']);
  assert.equal(rig.context.meter.total('remora_filelog_rotations'), 0);
});

test('links as Kubernetes makes them are followed, through rotation and when they are pointed elsewhere', async (t) => {
  const directory = tempDirectory(t);
  const [containers, pods, runtime] = ['containers', 'pods/ns_pod_uid/app', 'runtime'].map((name) => {
    mkdirSync(join(directory, name), { recursive: true });
    return join(directory, name);
  });
  assert.ok(containers !== undefined && pods !== undefined && runtime !== undefined);
  const real = join(runtime, '0.log');
  writeFileSync(real, 'one\n');
  symlinkSync(real, join(pods, '0.log'));
  symlinkSync(join(pods, '0.log'), join(containers, 'pod_ns_app-1.log'));
  const config = { include: [join(containers, '*.log')], start_at: 'beginning', poll_interval: '5ms' };
  const rig = await startRig(t, config);
  await until(() => rig.consumer.items === 1, 'the line arrived');
  // The runtime rotates its file; the names of the links stay.
  appendFileSync(real, 'two\n');
  renameSync(real, `${real}.20240101`);
  writeFileSync(real, 'three\n');
  appendFileSync(`${real}.20240101`, 'late\n');
  await until(() => rig.consumer.items === 4, 'both files were read');
  // The container starts again: the middle link leads to the next file.
  writeFileSync(join(runtime, '1.log'), 'four\n');
  symlinkSync(join(runtime, '1.log'), join(pods, 'next'));
  renameSync(join(pods, 'next'), join(pods, '0.log'));
  await until(() => rig.consumer.items === 5, 'the next file was read');
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer).sort(), ['four', 'late', 'one', 'three', 'two']);
});

test('directories that appear later, one inside the other, are read', async (t) => {
  const directory = tempDirectory(t);
  const config = { include: [join(directory, 'later/*/deep/**/*.log'), join(directory, 'plain/one.log')] };
  const rig = await startRig(t, { ...config, poll_interval: '5ms' });
  const inner = join(directory, 'later/x/deep/er/still');
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, 'a.log'), 'nested\n');
  mkdirSync(join(directory, 'plain'));
  writeFileSync(join(directory, 'plain/one.log'), 'plain\n');
  await until(() => rig.consumer.items === 2, 'both lines arrived');
  rmSync(join(directory, 'later'), { recursive: true });
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, 'a.log'), 'again\n');
  await until(() => rig.consumer.items === 3, 'the directory came back');
  await rig.stop();
});

test('a file or directory that may not be read is read when it may be, and nothing twice', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('only root can give up its rights for a while');
    return;
  }
  const directory = tempDirectory(t);
  const inner = join(directory, 'inner');
  mkdirSync(inner);
  chmodSync(directory, 0o755);
  const config = { include: [join(directory, '*.log'), join(inner, '*.log')], start_at: 'beginning' };
  const rig = await startRig(t, { ...config, poll_interval: '5ms' });
  writeFileSync(join(inner, 'known.log'), 'known\n');
  await until(() => rig.consumer.items === 1, 'the first line arrived');
  withoutRights(t);
  const unreadable = (): number => rig.context.meter.total('remora_filelog_unreadable');
  asRoot(() => chmodSync(inner, 0));
  asRoot(() => writeFileSync(join(directory, 'secret.log'), 'secret\n', { mode: 0o600 }));
  asRoot(() => writeFileSync(join(inner, 'new.log'), 'new\n', { mode: 0o644 }));
  await until(() => unreadable() > 3, 'reading was tried');
  assert.equal(rig.consumer.items, 1);
  asRoot(() => chmodSync(join(directory, 'secret.log'), 0o644));
  asRoot(() => chmodSync(inner, 0o755));
  await until(() => rig.consumer.items === 3, 'both were read');
  const before = unreadable();
  asRoot(() => appendFileSync(join(inner, 'known.log'), 'more\n'));
  await until(() => rig.consumer.items === 4, 'the file that was known goes on');
  assert.equal(unreadable(), before);
  asRoot(() => undefined);
  process.seteuid?.(0);
  await rig.stop();
  assert.deepEqual(bodies(rig.consumer).sort(), ['known', 'more', 'new', 'secret']);
});

test('where nothing can be watched, directories and files are looked at every poll_interval', async (t) => {
  const directory = tempDirectory(t);
  const watch = t.mock.method(fs, 'watch', () => {
    throw Object.assign(new Error('ENOSPC: no watches left'), { code: 'ENOSPC' });
  });
  syncBuiltinESMExports();
  t.after(() => {
    watch.mock.restore();
    syncBuiltinESMExports();
  });
  const waitsMs: number[] = [];
  const clock: Clock = {
    ...systemClock,
    timer: (afterMs, fire) => (waitsMs.push(afterMs), systemClock.timer(afterMs, fire)),
  };
  const rig = await startRig(t, { include: [join(directory, '*.log')], poll_interval: '30ms' }, { clock });
  for (let n = 1; n <= 5; n++) {
    writeFileSync(join(directory, `${n}.log`), 'one\n');
    await until(() => rig.consumer.items === 2 * n - 1, 'the new file was found');
    appendFileSync(join(directory, `${n}.log`), 'two\n');
    await until(() => rig.consumer.items === 2 * n, 'its growth was seen');
  }
  // Where directories are watched, a look comes after 800 ms. The time of checkpoints is 1000 ms.
  assert.ok(waitsMs.filter((ms) => ms >= 27 && ms <= 33).length > 5, waitsMs.join(' '));
  assert.ok(!waitsMs.some((ms) => ms > 700 && ms < 900), waitsMs.join(' '));
  assert.ok(watch.mock.callCount() > 5);
});

test('when the kernel drops events, what they would have told is found all the same', async (t) => {
  const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  if (limit > 50_000) {
    t.skip(`the queue holds ${limit} events`);
    return;
  }
  const directory = tempDirectory(t);
  const path = (n: number): string => join(directory, `${n}.log`);
  const rig = await startRig(t, { include: [join(directory, '*.log')], poll_interval: '5ms' });
  for (let n = 0; n < 5; n++) writeFileSync(path(n), 'first\n');
  await until(() => rig.consumer.items === 5, 'the files are followed');
  // The event loop stands still meanwhile, and each pair of names makes events that do not merge.
  for (let n = 0; n < limit / 2; n++) {
    writeFileSync(join(directory, 'x'), '');
    rmSync(join(directory, 'x'));
  }
  for (let n = 0; n < 10; n++) appendFileSync(path(n), 'second\n');
  renameSync(path(0), join(directory, 'elsewhere'));
  appendFileSync(join(directory, 'elsewhere'), 'third\n');
  writeFileSync(path(0), 'fourth\n');
  await until(() => rig.consumer.items === 17, 'everything arrived');
  await rig.stop();
  assert.equal(rig.consumer.items, 17);
});

test('a hostile directory is read as far as it holds logs, and the rest is told of', async (t) => {
  const directory = tempDirectory(t);
  const at = (name: string): string => join(directory, name);
  execFileSync('mkfifo', [at('fifo.log')]);
  symlinkSync('/dev/zero', at('zero.log'));
  symlinkSync('loop.log', at('loop.log'));
  mkdirSync(at('directory.log'));
  symlinkSync('..', at('directory.log/up'));
  writeFileSync(at('binary.log'), Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7919) % 256)));
  writeFileSync(at('name\nwith\tcontrol\u0007.log'), 'strange name\n');
  writeFileSync(Buffer.concat([Buffer.from(at('x')), Buffer.from([0xff]), Buffer.from('.log')]), 'bytes\n');
  const count = Number(process.env['REMORA_TEST_FILES'] ?? 1000);
  for (let n = 0; n < count; n++) writeFileSync(at(`many-${n}.log`), `file ${n}\n`);
  const config = { include: [at('*.log'), at('**/deeper/*.log')], start_at: 'beginning', max_concurrent_files: 100 };
  const rig = await startRig(t, config);
  const files = Array.from({ length: count }, (_, n) => `file ${n}`);
  const hasAll = (): boolean => {
    const arrived = new Set(bodies(rig.consumer));
    return arrived.has('strange name') && files.every((file) => arrived.has(file));
  };
  await until(() => rig.consumer.items > count && hasAll(), 'the files were read');
  const { meter } = rig.context;
  const skipped = ['directory', 'fifo', 'socket', 'device', 'link_loop', 'undecodable_name'].map((reason) =>
    meter.value('remora_filelog_skipped_files', { receiver: 'filelog', reason }),
  );
  assert.deepEqual(skipped, [1, 1, 0, 1, 1, 1]);
  await rig.stop();
});

/** This process has the rights of nobody from now on, until the test ends. */
function withoutRights(t: TestContext): void {
  t.after(() => process.seteuid?.(0));
  process.seteuid?.(65_534);
}

function asRoot(act: () => void): void {
  process.seteuid?.(0);
  act();
  process.seteuid?.(65_534);
}
