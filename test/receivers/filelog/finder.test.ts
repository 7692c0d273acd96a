import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { Finder, type Found } from '../../../src/receivers/filelog/discovery/finder.ts';
import { compileGlobs } from '../../../src/receivers/filelog/glob.ts';
import { until } from '../../support/until.ts';
import { tempDirectory } from './support.ts';

function finderOf(patterns: readonly string[], exclude: readonly string[] = []) {
  const clock = new VirtualClock();
  const skipped: string[] = [];
  const errors: string[] = [];
  const finder = new Finder({
    files: nodeFileSystem,
    include: patterns.flatMap((pattern) => compileGlobs(pattern, '/')),
    exclude: exclude.flatMap((pattern) => compileGlobs(pattern, '/')),
    clock,
    onError: (path) => errors.push(path),
    onSkipped: (path, reason) => skipped.push(`${path}: ${reason}`),
  });
  return { finder, clock, skipped, errors };
}

/** Waits until a change of `directory` would move its modification time, however coarse the clock of the filesystem is. */
async function isPastClockStep(t: TestContext, directory: string): Promise<void> {
  const probe = join(tempDirectory(t), 'probe');
  const { mtimeNs } = statSync(directory, { bigint: true });
  await until(() => {
    writeFileSync(probe, 'x');
    return statSync(probe, { bigint: true }).mtimeNs > mtimeNs;
  }, 'the clock of the filesystem has moved on');
}

function paths({ files }: Found, directory: string): string[] {
  return files.map(({ path }) => path.slice(directory.length + 1));
}

test('names that come, go and change their place are found in the very next look, also right after a listing', async (t) => {
  const directory = tempDirectory(t);
  const { finder, clock } = finderOf([join(directory, '*.log')]);
  let expected: string[] = [];
  for (let n = 0; n < 30; n++) {
    const name = `${n}.log`;
    writeFileSync(join(directory, name), 'x');
    expected = [...expected, name].sort();
    assert.deepEqual(paths(finder.find(), directory), expected);
    if (n % 3 === 0) {
      rmSync(join(directory, name));
      expected = expected.filter((other) => other !== name);
      assert.deepEqual(paths(finder.find(), directory), expected);
    }
    // Past the time after which a listing is taken for final, and back in the midst of changes.
    if (n % 5 !== 0) continue;
    for (let look = 0; look < 3; look++) {
      await clock.advance(2000);
      finder.find();
    }
    await isPastClockStep(t, directory);
  }
});

test('what a path leads to is asked in each look, and a file with two names is listed under both', (t) => {
  const directory = tempDirectory(t);
  const { finder } = finderOf([join(directory, 'b*'), join(directory, '*')], [join(directory, '*.gz')]);
  for (const name of ['a', 'b', 'c.gz']) writeFileSync(join(directory, name), name);
  symlinkSync('a', join(directory, 'link'));
  symlinkSync('link', join(directory, 'bridge'));
  const found = finder.find();
  assert.deepEqual(paths(found, directory), ['b', 'bridge', 'a', 'link']);
  assert.equal(found.files[1]?.stats.key, found.files[2]?.stats.key);
  // The target of a link changes, which its directory does not tell.
  renameSync(join(directory, 'c.gz'), join(directory, 'a'));
  appendFileSync(join(directory, 'a'), 'more');
  const next = finder.find();
  assert.deepEqual(
    next.files.map(({ stats }) => stats.size),
    [1, 8, 8, 8],
  );
  assert.notEqual(next.files[1]?.stats.key, found.files[0]?.stats.key);
});

test('with very many files a look asks about new names, touched names and the next tenth', async (t) => {
  const directory = tempDirectory(t);
  const { finder, clock } = finderOf([join(directory, '*.log')]);
  const name = (n: number): string => join(directory, `${String(n).padStart(5, '0')}.log`);
  for (let n = 0; n < 3000; n++) writeFileSync(name(n), 'x');
  assert.equal(finder.find().files.length, 3000);
  assert.ok(finder.takesTurns);
  await clock.advance(5000);
  finder.find();
  const grown = (): number => finder.find().files.filter(({ stats }) => stats.size > 1).length;
  for (let n = 0; n < 3000; n++) appendFileSync(name(n), 'y');
  assert.equal(grown(), 300);
  finder.touch(name(2999));
  finder.touch(name(2998));
  assert.equal(grown(), 602);
  for (let look = 0; look < 8; look++) grown();
  assert.equal(grown(), 3000);
  await isPastClockStep(t, directory);
  writeFileSync(name(3000), 'xyz');
  rmSync(name(7));
  const found = finder.find();
  assert.equal(found.files.at(-1)?.stats.size, 3);
  assert.equal(finder.find(true).files.length, 3000);
});

test('what is no log file is skipped, counted by why, and told of once', async (t) => {
  const directory = tempDirectory(t);
  const { finder, skipped, errors } = finderOf([join(directory, '*.log'), join(directory, '*')]);
  const at = (name: string): string => join(directory, name);
  writeFileSync(at('good.log'), 'x');
  mkdirSync(at('directory.log'));
  mkdirSync(at('plain'));
  execFileSync('mkfifo', [at('fifo.log')]);
  symlinkSync('/dev/zero', at('device.log'));
  symlinkSync('loop-b.log', at('loop-a.log'));
  symlinkSync('loop-a.log', at('loop-b.log'));
  symlinkSync('nothing-there', at('dangling.log'));
  writeFileSync(
    Buffer.concat([Buffer.from(`${directory}/bytes-`), Buffer.from([0xff, 0xfe]), Buffer.from('.log')]),
    'x',
  );
  const server = createServer();
  server.listen(at('socket.log'));
  await once(server, 'listening');
  t.after(() => server.close());
  for (let look = 0; look < 3; look++) {
    const found = finder.find();
    assert.deepEqual(paths(found, directory), ['good.log']);
    assert.deepEqual(Object.fromEntries(found.skipped), {
      undecodable_name: 1,
      device: 1,
      directory: 1,
      fifo: 1,
      link_loop: 2,
      socket: 1,
    });
  }
  assert.equal(skipped.length, 7, skipped.join('\n'));
  assert.deepEqual(errors, []);
});

test('a directory that is gone is one to watch for, and its files are gone', (t) => {
  const directory = tempDirectory(t);
  const inner = join(directory, 'inner');
  mkdirSync(inner);
  writeFileSync(join(inner, 'a.log'), 'x');
  const { finder } = finderOf([join(inner, '*.log')]);
  assert.equal(finder.find().files.length, 1);
  renameSync(inner, join(directory, 'aside'));
  assert.equal(finder.find().files.length, 0);
  assert.deepEqual([...finder.find().directories], [inner]);
});

test('links that lead in a circle are followed once around', (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'inner'));
  writeFileSync(join(directory, 'inner', 'a.log'), 'x');
  symlinkSync('..', join(directory, 'inner', 'up'));
  const { finder } = finderOf([join(directory, '**', '*.log')]);
  const { files } = finder.find();
  assert.equal(new Set(files.map(({ stats }) => stats.key)).size, 1);
  assert.ok(files.length < 4);
});

test('a look at 10,000 unchanged files costs less than half of asking about each of them', async (t) => {
  const directory = tempDirectory(t);
  const all = Array.from({ length: 10_000 }, (_, n) => join(directory, `app-${n}.log`));
  for (const path of all) writeFileSync(path, 'x\n');
  const { finder, clock } = finderOf([join(directory, '*.log')]);
  finder.find();
  await clock.advance(5000);
  finder.find();
  const looking: number[] = [];
  const asking: number[] = [];
  // One after the other, and the fastest of each: other tests run meanwhile.
  for (let round = 0; round < 20; round++) {
    looking.push(
      tookMs(() => {
        assert.equal(finder.find().files.length, 10_000);
      }),
    );
    asking.push(
      tookMs(() => {
        for (const path of all) nodeFileSystem.stat(path);
      }),
    );
  }
  const [look, ask] = [Math.min(...looking), Math.min(...asking)];
  t.diagnostic(`a look takes ${look.toFixed(2)} ms, asking ${ask.toFixed(2)} ms`);
  assert.ok(look < ask / 2, `took ${looking.join(' ')} and ${asking.join(' ')} ms`);
});

function tookMs(work: () => void): number {
  const fromMs = performance.now();
  work();
  return performance.now() - fromMs;
}
