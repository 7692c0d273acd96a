import assert from 'node:assert/strict';
import fs, { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadFollow } from '../../../src/receivers/filelog/discovery/follower.ts';
import { until } from '../../support/until.ts';
import { tempDirectory } from './support.ts';

test('a file is followed by inotify, and by polling when that is refused, and tail itself reads nothing', async (t) => {
  const directory = tempDirectory(t);
  const polled: string[] = [];
  const follow = await loadFollow({ pollMs: 10, onPolling: (path) => polled.push(path) });
  const reads = t.mock.method(fs, 'createReadStream');
  for (const mode of ['inotify', 'polling']) {
    const path = join(directory, mode);
    writeFileSync(path, 'one\n');
    const seen = { changes: 0, renames: 0 };
    const watch = t.mock.method(fs, 'watch');
    if (mode === 'polling') {
      watch.mock.mockImplementation(() => {
        throw Object.assign(new Error('ENOSPC: no watches left'), { code: 'ENOSPC' });
      });
    }
    syncBuiltinESMExports();
    const follower = follow(path, { onChange: () => seen.changes++, onRename: () => seen.renames++ });
    watch.mock.restore();
    syncBuiltinESMExports();
    assert.ok(follower);
    await until(() => (appendFileSync(path, 'two\n'), seen.changes > 0), `${mode} told of a change`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'new\n');
    await until(() => seen.renames > 0, `${mode} told of the rename`);
    follower.close();
    follower.close();
  }
  assert.deepEqual(polled, [join(directory, 'polling')]);
  assert.equal(reads.mock.callCount(), 0);
  assert.equal(follow(join(directory, 'missing'), { onChange: assert.fail, onRename: assert.fail }), undefined);
});
