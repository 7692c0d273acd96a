import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import { Files } from '../../../src/receivers/filelog/files.ts';
import { markOf } from '../../../src/receivers/filelog/identity.ts';
import { receiverContext } from '../../support/context.ts';
import { tempDirectory } from './support.ts';

test('a checkpoint that is written while a file is opened again says where it was left', async (t) => {
  const path = join(tempDirectory(t), 'app.log');
  writeFileSync(path, 'one\ntwo\n');
  const stats = nodeFileSystem.stat(path);
  assert.ok(stats);
  const { dev, ino, birthMs } = stats;
  const read = markOf(Buffer.from('one\n'));
  const left = { path, dev, ino, birthMs, offset: 4, head: read, tail: read, afterCut: false, records: 1 };
  const nothing = (): void => undefined;
  const files = new Files({
    fileSystem: nodeFileSystem,
    clock: systemClock,
    log: receiverContext({}).log,
    follow: () => undefined,
    fingerprintBytes: 1000,
    maxOpen: 10,
    startAt: 'beginning',
    known: [left],
    bornAfterMs: 0,
    hasCheckpoint: true,
    wake: nothing,
    onRotated: nothing,
    onUnreadable: nothing,
    onRecordsChanged: nothing,
    onLost: nothing,
    onForgotten: nothing,
    lookSoon: nothing,
  });
  t.after(() => files.close());
  const look = files.reconcile({ files: [{ path, stats }], directories: new Set(), skipped: new Map() }, []);
  let turns = 0;
  for (; files.size === 0; turns++) {
    assert.deepEqual(files.records(), [left]);
    await setImmediate();
  }
  assert.ok(turns > 0);
  await look;
  assert.deepEqual(
    Array.from(files.records(), ({ offset }) => offset),
    [4],
  );
});
