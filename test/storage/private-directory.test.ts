import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { folderOnDisk, NotOurs } from '../../src/storage/disk.ts';
import { privateDirectory } from '../../src/storage/private-directory.ts';

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'private-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a directory is made for its owner alone, in one that anybody may write to as well', async (t) => {
  const mount = temporary(t);
  chmodSync(mount, 0o2777);
  const own = join(mount, 'own');
  await privateDirectory(own);
  await privateDirectory(own);
  assert.equal(statSync(own).mode & 0o777, 0o700);
});

test('a directory is refused where somebody else could have put things into it', async (t) => {
  const parent = temporary(t);
  mkdirSync(join(parent, 'open'), { mode: 0o700 });
  chmodSync(join(parent, 'open'), 0o770);
  await assert.rejects(privateDirectory(join(parent, 'open')), { code: 'storage_failed', message: /mode 770.*chmod/ });
  symlinkSync(temporary(t), join(parent, 'link'));
  await assert.rejects(privateDirectory(join(parent, 'link')), { code: 'storage_failed', message: /a link or a file/ });
  writeFileSync(join(parent, 'file'), '');
  await assert.rejects(privateDirectory(join(parent, 'file')), { code: 'storage_failed', message: /a link or a file/ });
  await assert.rejects(privateDirectory(join(parent, 'missing/own')), { code: 'storage_failed', message: /ENOENT/ });
});

test('a directory of our own that a mount has opened to the group is closed to it again', async (t) => {
  const own = join(temporary(t), 'own');
  mkdirSync(own);
  await asSomebody(own, async () => {
    chmodSync(own, 0o2770);
    await privateDirectory(own);
    assert.equal(statSync(own).mode & 0o777, 0o700);
    chmodSync(own, 0o777);
    await assert.rejects(privateDirectory(own), { code: 'storage_failed', message: /mode 777/ });
  });
});

/** Root gives the directory away and acts as its owner meanwhile. */
async function asSomebody(directory: string, act: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return act();
  const nobody = 65534;
  chmodSync(dirname(directory), 0o755);
  chownSync(directory, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
  }
}

test('only plain files with one name are opened, and links are never followed', async (t) => {
  const directory = temporary(t);
  const outside = join(temporary(t), 'outside');
  writeFileSync(outside, 'precious');
  symlinkSync(outside, join(directory, 'link'));
  linkSync(outside, join(directory, 'second'));
  mkdirSync(join(directory, 'folder'));
  const disk = folderOnDisk(directory);
  for (const name of ['link', 'second', 'folder']) {
    for (const use of ['read', 'write'] as const) await assert.rejects(disk.open(name, use), NotOurs);
    await assert.rejects(disk.open(name, 'create'), { code: 'EEXIST' });
  }
});

test('chunks are written end to end, as many as there are, and read back', async (t) => {
  const disk = folderOnDisk(temporary(t));
  const file = await disk.open('file', 'create');
  // More than one call of the system takes.
  const chunks = Array.from({ length: 3000 }, (_, at) => Buffer.alloc(at % 7, at));
  await file.writev(chunks, 5);
  await file.datasync();
  const whole = Buffer.concat([Buffer.alloc(5), ...chunks]);
  assert.equal(await file.size(), whole.length);
  const read = Buffer.alloc(whole.length + 10, 1);
  assert.equal(await file.read(read, 0), whole.length);
  assert.ok(read.subarray(0, whole.length).equals(whole));
  await file.truncate(3);
  assert.equal(await file.size(), 3);
  await file.close();
});
