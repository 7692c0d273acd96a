import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadCheckpoint, saveCheckpoint } from '../../../src/receivers/filelog/checkpoint.ts';
import { fileStats, nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import { isSameInode, markOf, type FileRecord } from '../../../src/receivers/filelog/identity.ts';
import { until } from '../../support/until.ts';
import { bodies, startRig, storageIn, tempDirectory } from './support.ts';

const RECORD: FileRecord = {
  path: '/var/log/a.log',
  dev: 40,
  ino: 7,
  birthMs: 1.5,
  offset: 10,
  head: markOf(Buffer.from('head')),
  tail: markOf(Buffer.from('tail')),
  afterCut: false,
  records: 3,
};

test('inodes that a number cannot hold are told apart, and the exact stat is asked for only then', (t) => {
  const path = join(tempDirectory(t), 'a');
  writeFileSync(path, 'x');
  const stats = statSync(path);
  const exact = statSync(path, { bigint: true });
  const withInode = (ino: bigint) => {
    // As the system gives them: rounded in a number, and signed in a bigint.
    const rounded = new Proxy(stats, {
      get: (of, name): unknown => (name === 'ino' ? Number(ino) : Reflect.get(of, name)),
    });
    const signed = new Proxy(exact, {
      get: (of, name): unknown => (name === 'ino' ? BigInt.asIntN(64, ino) : Reflect.get(of, name)),
    });
    return fileStats(rounded, () => signed);
  };
  const [one, other] = [withInode(2n ** 63n + 1n), withInode(2n ** 63n + 2n)];
  assert.notEqual(one.key, other.key);
  assert.equal(one.ino, 2n ** 63n + 1n);
  assert.equal(fileStats(stats, assert.fail).ino, stats.ino);
});

test('a file that takes the inode of a removed one is told by its birth, however soon it came', () => {
  const bornMs = 1_795_699_081_973.589;
  const record = { ...RECORD, birthMs: bornMs };
  assert.ok(isSameInode(record, { ino: 7, birthMs: Number(JSON.stringify(bornMs)) }));
  assert.ok(isSameInode(record, { ino: 7, birthMs: 0 }), 'a filesystem without births');
  assert.ok(!isSameInode(record, { ino: 7, birthMs: bornMs + 1 }));
  assert.ok(!isSameInode(record, { ino: 7, birthMs: bornMs + 0.01 }));
});

test('a checkpoint keeps large inodes exactly, and one of version 1 is understood', async (t) => {
  const storage = storageIn(tempDirectory(t));
  const records: FileRecord[] = [
    { ...RECORD, ino: 2n ** 63n + 1n, size: 12, modifiedMs: 5.25, rotated: true },
    { ...RECORD, ino: Number.MAX_SAFE_INTEGER },
  ];
  await saveCheckpoint(storage, { lookedMs: 7.5, files: records });
  assert.deepEqual(await loadCheckpoint(storage), { version: 2, lookedMs: 7.5, files: records });
  await storage.write(Buffer.from(JSON.stringify({ version: 1, files: [RECORD] })));
  assert.deepEqual(await loadCheckpoint(storage), { version: 1, files: [RECORD] });
});

test('files of an overlay, whose inodes differ in the highest bits only, are each read once over a restart', async (t) => {
  const directory = overlay(t);
  if (directory === undefined) return;
  const config = { include: [join(directory, '*.log')], start_at: 'beginning' };
  const inodes = ['a', 'b'].map((name) => nodeFileSystem.stat(join(directory, `${name}.log`))?.ino);
  assert.ok(
    inodes.every((ino) => typeof ino === 'bigint'),
    `inodes ${inodes.join(' and ')}`,
  );
  const storage = storageIn(tempDirectory(t));
  const first = await startRig(t, config, { storage });
  await until(() => first.consumer.items === 2, 'both lines arrived');
  await first.stop();
  assert.deepEqual(bodies(first.consumer).sort(), ['of a', 'of b']);
  assert.match(readFileSync(join(storage.directory, 'value'), 'utf8'), /"ino":"\d{19}"/);
  const second = await startRig(t, config, { storage });
  await second.stop();
  assert.deepEqual(bodies(second.consumer), []);
});

/** An overlay over a filesystem of its own, where `xino` puts the layer into the upper bits; undefined when skipped. */
function overlay(t: TestContext): string | undefined {
  const mounted: string[] = [];
  // Hooks run in the order in which they are given: this one before the directory is removed.
  t.after(() => mounted.reverse().forEach((directory) => execFileSync('umount', ['-l', directory])));
  const base = tempDirectory(t);
  const at = (name: string): string => join(base, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at('lower')], { stdio: 'pipe' });
    mounted.push(at('lower'));
    for (const name of ['a', 'b']) writeFileSync(join(at('lower'), `${name}.log`), `of ${name}\n`);
    const layers = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')},xino=on`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, at('merged')], { stdio: 'pipe' });
    mounted.push(at('merged'));
    return at('merged');
  } catch {
    t.skip('an overlay cannot be mounted here');
    return undefined;
  }
}
