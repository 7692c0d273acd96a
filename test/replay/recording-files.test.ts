import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import type { OpenFile } from '../../src/core/file-system.ts';
import type { FileOperation } from '../../src/replay/input.ts';
import { RecordingFiles } from '../../src/replay/record/recording-files.ts';
import { MemoryFiles } from '../../src/replay/world/memory-files.ts';
import { nodeFileSystem } from '../../src/storage/node-file-system.ts';
import { temporaryDirectory } from '../support/remora.ts';

function apply(files: MemoryFiles, path: string, operation: FileOperation): void {
  if (operation.op === 'append') files.append(path, operation.content);
  else if (operation.op === 'truncate') files.truncate(path, operation.size);
  else if (operation.op === 'rename') files.rename(path, operation.to);
  else if (operation.op === 'remove') files.unlink(path);
  else files.link(path, operation.target);
}

test('a log that is rotated through numbers, the last of which goes, is recorded name by name, though inodes come again', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'app.log');
  const memory = new MemoryFiles(new VirtualClock());
  const files = new RecordingFiles(nodeFileSystem, (at, operation) => apply(memory, at, operation));
  const open: OpenFile[] = [];
  const inodes = new Set<unknown>();
  const buffer = Buffer.alloc(4096);
  for (let round = 0; round < 40; round++) {
    appendFileSync(path, `first of ${round}\n`);
    const file = files.open(path);
    inodes.add(file.stat().ino);
    open.push(file);
    let position = await file.readAt(buffer, buffer.length, 0);
    appendFileSync(path, `second of ${round}\n`);
    if (round % 3 !== 0) position += await file.readAt(buffer, buffer.length, position);
    for (let age = 3; age > 0; age--) {
      if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
    }
    renameSync(path, `${path}.1`);
    // As a receiver does: what has the name now, and then the rest of the old one.
    assert.equal(files.stat(path), undefined);
    await file.readAt(buffer, buffer.length, position);
    // Descriptors that are let go of give inodes back.
    if (open.length > 2) open.shift()?.close();
    for (const name of ['app.log.1', 'app.log.2', 'app.log.3']) {
      const place = join(directory, name);
      if (existsSync(place))
        assert.equal(memory.readText(place), readFileSync(place, 'utf8'), `${name} in round ${round}`);
    }
  }
  for (const file of open) file.close();
  t.diagnostic(`${inodes.size} inodes of 40 files`);
});
