import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { madeDirectory } from '../../src/storage/made-directory.ts';

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'remora-made-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

test('all that is missing is made, with its mode, and the first of it is told', async (t) => {
  const root = await folder(t);
  assert.equal(await madeDirectory(join(root, 'a/b/c'), 0o700), join(root, 'a'));
  assert.equal((await stat(join(root, 'a/b/c'))).mode & 0o777, 0o700);
  assert.equal(await madeDirectory(join(root, 'a/b/d')), join(root, 'a/b/d'));
});

test('what is there already is left as it is, also behind a link', async (t) => {
  const root = await folder(t);
  await symlink(root, join(root, 'link'));
  assert.equal(await madeDirectory(root), undefined);
  assert.equal(await madeDirectory(join(root, 'link')), undefined);
  assert.equal(await madeDirectory('/'), undefined);
});

test('several who make the same are all served', async (t) => {
  const path = join(await folder(t), 'a/b/c/d');
  await Promise.all(Array.from({ length: 8 }, () => madeDirectory(path)));
  assert.ok((await stat(path)).isDirectory());
});

test('where nothing can be made the reason of the system is told, and no end is waited for', async (t) => {
  const root = await folder(t);
  await writeFile(join(root, 'file'), '');
  await symlink(join(root, 'nowhere'), join(root, 'dangling'));
  await assert.rejects(madeDirectory(join(root, 'file')), { code: 'EEXIST' });
  await assert.rejects(madeDirectory(join(root, 'file/a/b')), { code: 'ENOTDIR' });
  await assert.rejects(madeDirectory(join(root, 'dangling/a')), { code: 'EEXIST' });
  await assert.rejects(madeDirectory(''), { code: 'ENOENT' });
  // There, and the system lets nobody make anything in it: mkdir of Node with `recursive` does not come back.
  await assert.rejects(madeDirectory('/proc/remora/a/b'), { code: 'ENOENT', path: '/proc/remora' });
});
