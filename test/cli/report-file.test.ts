import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { writeReport } from '../../src/cli/report-file.ts';

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'remora-report-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function namedPipe(t: TestContext): Promise<string> {
  const path = join(await folder(t), 'pipe');
  await promisify(execFile)('mkfifo', [path]);
  return path;
}

/** A pipe with a name, and its reader. */
async function readPipe(t: TestContext) {
  const path = await namedPipe(t);
  const reader = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => reader.close());
  return { path, reader };
}

/** More than a pipe has room for. */
const LONG = 'a report\n'.repeat(100_000);

test('a report takes the place of the one before, in a folder that is made for it', async (t) => {
  const path = join(await folder(t), 'a/b/report.xml');
  await writeReport(path, LONG);
  await writeReport(path, 'short');
  assert.equal(await readFile(path, 'utf8'), 'short');
});

test('a reader of a pipe gets all of it, piece by piece', async (t) => {
  const { path, reader } = await readPipe(t);
  const written = writeReport(path, LONG);
  let bytes = 0;
  while (bytes < LONG.length) {
    // Nothing is there yet: EAGAIN.
    const read = await reader.read(Buffer.alloc(8192)).catch(() => ({ bytesRead: 0 }));
    bytes += read.bytesRead;
  }
  await written;
  assert.equal(bytes, LONG.length);
});

test('a reader of a pipe that takes nothing is not waited for without end', async (t) => {
  const { path } = await readPipe(t);
  await assert.rejects(writeReport(path, LONG, 60), { message: 'its reader took nothing for 0.06 s' });
});

test('a target that takes nothing is told at once, whatever it is', async (t) => {
  const root = await folder(t);
  const file = join(root, 'file');
  await writeFile(file, '');
  const targets = {
    [join(file, 'report.xml')]: /EEXIST/,
    [root]: /EISDIR/,
    [await namedPipe(t)]: /it is a pipe or a socket, and nobody reads from it/,
    '/dev/full': /ENOSPC/,
    '/proc/nobody/report.xml': /ENOENT.*'\/proc\/nobody'/,
    '/proc/version': /E(ACCES|PERM|IO|INVAL)/,
  };
  for (const [target, message] of Object.entries(targets))
    await assert.rejects(writeReport(target, 'short'), { message });
});
