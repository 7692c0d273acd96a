import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import assert from 'node:assert/strict';
import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.ts';
import { DirectoryWatch } from '../../../src/storage/directory-watch.ts';
import { RotatedNames } from '../../../src/receivers/filelog/discovery/rotated-names.ts';
import { until } from '../../support/until.ts';
import { tempDirectory } from './support.ts';

/** A directory whose events take `eventMs` each. */
async function watched(t: TestContext, eventMs: number) {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  let elapsedMs = 0;
  const clock = { ...systemClock, monotonic: () => elapsedMs };
  const rotated = new RotatedNames(clock, (candidate) => candidate === path);
  const seen = { name: '' };
  const watch = new DirectoryWatch({
    files: nodeFileSystem,
    onEvent: (where, name) => {
      rotated.onEvent(where, name);
      seen.name = name ?? seen.name;
      elapsedMs += eventMs;
    },
    onChange: () => undefined,
  });
  watch.update(new Set([directory]));
  t.after(() => watch.close());
  const event = async (name: string): Promise<void> => {
    await until(() => seen.name === name, `${name} came or went`);
    seen.name = '';
  };
  writeFileSync(path, '');
  await event('app.log');
  return { path, rotated, event };
}

test('a renamed file is found under its new name although the process stood still between the halves of the event', async (t) => {
  const { path, rotated, event } = await watched(t, 1000);
  renameSync(path, `${path}.1`);
  await event('app.log.1');
  assert.deepEqual(rotated.paths(), [{ path: `${path}.1`, name: path }]);
  renameSync(`${path}.1`, `${path}.2`);
  await event('app.log.2');
  assert.ok(rotated.paths().some((one) => basename(one.path) === 'app.log.2' && one.name === path));
});

test('a name that comes after the events of another one were over is that of a file of its own', async (t) => {
  const { path, rotated, event } = await watched(t, 1000);
  unlinkSync(path);
  await event('app.log');
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  writeFileSync(`${path}.1`, '');
  await event('app.log.1');
  assert.deepEqual(rotated.paths(), []);
});

test('a new name is told once however long a look takes', async (t) => {
  const { path, rotated, event } = await watched(t, 20_000);
  renameSync(path, `${path}.1`);
  await event('app.log.1');
  assert.deepEqual(rotated.paths(), [{ path: `${path}.1`, name: path }]);
  assert.deepEqual(rotated.paths(), []);
});
