import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FileSystem } from '../../src/core/file-system.ts';
import { seededRandom } from '../../src/core/random.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { MemoryFiles } from '../../src/replay/world/memory-files.ts';
import { nodeFileSystem } from '../../src/storage/node-file-system.ts';

/** The same operations on both. */
class Both {
  readonly root: string;
  readonly memory = new MemoryFiles(new VirtualClock());

  constructor(t: TestContext) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'remora-files-')));
    t.after(() => rmSync(this.root, { recursive: true, force: true }));
    // So that the folder is there in memory, too.
    this.append('first', '');
  }

  append(name: string, text: string): void {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, text);
    this.memory.append(path, Buffer.from(text));
  }

  truncate(name: string, size: number): void {
    this.#same(
      (path) => truncateSync(path, size),
      (path) => this.memory.truncate(path, size),
      name,
    );
  }

  rename(name: string, to: string): void {
    this.#same(
      (path) => renameSync(path, join(this.root, to)),
      (path) => this.memory.rename(path, join(this.root, to)),
      name,
    );
  }

  remove(name: string): void {
    this.#same(
      (path) => unlinkSync(path),
      (path) => this.memory.unlink(path),
      name,
    );
  }

  link(name: string, target: string): void {
    this.#same(
      (path) => symlinkSync(target, path),
      (path) => this.memory.link(path, target),
      name,
    );
  }

  /** Both do it, or neither can. */
  #same(real: (path: string) => void, memory: (path: string) => void, name: string): void {
    const path = join(this.root, name);
    assert.equal(
      codeOf(() => memory(path)),
      codeOf(() => real(path)),
      name,
    );
  }

  /** What a receiver sees is the same. */
  async compare(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.root, name);
      assert.deepEqual(await seenOf(this.memory, path), await seenOf(nodeFileSystem, path), name);
    }
  }
}

function codeOf(operation: () => void): string {
  try {
    operation();
    return 'done';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

async function seenOf(files: FileSystem, path: string): Promise<object> {
  const said = (value: () => unknown): unknown => {
    try {
      return value();
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : String(error);
    }
  };
  const failure = said(() => files.stat(path));
  if (typeof failure === 'string') return { failure };
  const stats = files.stat(path);
  return {
    kind: stats?.kind,
    size: stats?.kind === 'file' ? stats.size : undefined,
    links: stats?.kind === 'file' ? stats.links : undefined,
    real: said(() => files.realPath(path)),
    link: said(() => files.readLink(path)),
    list: said(() => listOf(files, path)),
    text: said(() => files.readText(path)),
    content: stats?.kind === 'file' ? await contentOf(files, path) : undefined,
    open: stats === undefined ? said(() => files.open(path)) : undefined,
  };
}

function listOf(files: FileSystem, path: string): string[] {
  const text = files.list(path).map((entry) => `${entry.name} ${entry.isDirectory()} ${entry.isSymbolicLink()}`);
  return text.sort();
}

/** In pieces that fit nothing. */
async function contentOf(files: FileSystem, path: string): Promise<string> {
  const file = files.open(path);
  const into = Buffer.alloc(7919);
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const read = await file.readAt(into, into.length, at);
    if (read === 0) break;
    pieces.push(Buffer.from(into.subarray(0, read)));
    at += read;
  }
  file.close();
  return Buffer.concat(pieces).toString('latin1');
}

test('files in memory are seen as those of the system are, after each of many operations', async (t) => {
  const both = new Both(t);
  const names = ['a.log', 'a.log.1', 'b.log', 'current', 'sub', 'sub/c.log', 'sub/none', '.', 'first'];
  both.append('a.log', 'one\n');
  both.append('sub/c.log', 'x'.repeat(70_000));
  both.link('current', 'a.log');
  await both.compare(names);
  both.append('current', 'through the link\n');
  both.rename('a.log', 'a.log.1');
  await both.compare(names);
  both.append('a.log', 'two\n');
  both.truncate('a.log.1', 2);
  both.truncate('sub/c.log', 65_537);
  both.append('sub/c.log', 'y'.repeat(200_000));
  await both.compare(names);
  both.rename('a.log', 'a.log.1');
  both.remove('current');
  both.remove('none');
  both.truncate('none', 0);
  both.rename('none', 'some');
  both.link('current', 'sub/c.log');
  both.link('round', 'round');
  await both.compare([...names, 'round', 'round/x', 'a.log.1/x']);
});

test('content is the same after any appends and truncations', async (t) => {
  const both = new Both(t);
  const random = seededRandom('contents');
  for (let i = 0; i < 60; i++) {
    const [what, size] = [random(), Math.floor(random() ** 4 * 300_000)];
    if (what < 0.75) both.append('a.log', String.fromCharCode(97 + (i % 26)).repeat(size));
    else if (nodeFileSystem.stat(join(both.root, 'a.log')) !== undefined) {
      const has = nodeFileSystem.stat(join(both.root, 'a.log'))?.size ?? 0;
      both.truncate('a.log', Math.min(size, has));
    }
    await both.compare(['a.log']);
  }
});

test('a file lives on as long as it is open, and has no name then', async (t) => {
  const both = new Both(t);
  both.append('a.log', 'before\n');
  const path = join(both.root, 'a.log');
  const open = [both.memory.open(path), nodeFileSystem.open(path)] as const;
  t.after(() => open[1].close());
  both.remove('a.log');
  both.append('a.log', 'after\n');
  for (const file of open) {
    assert.equal(file.stat().links, 0);
    const into = Buffer.alloc(100);
    const read = await file.readAt(into, 100, 0);
    assert.equal(into.toString('utf8', 0, read), 'before\n');
    assert.equal(await file.readAt(into, 100, 7), 0);
    assert.equal(await file.readAt(into, 100, 700), 0);
  }
});

test('a folder cannot be moved into itself', () => {
  const files = new MemoryFiles(new VirtualClock());
  files.append('/a/b/file', Buffer.from('x'));
  assert.equal(
    codeOf(() => files.rename('/a', '/a/b/c')),
    'EINVAL',
  );
  assert.deepEqual(namesIn(files, '/a/b'), ['file']);
  files.rename('/a/b', '/a/bb');
  assert.deepEqual(namesIn(files, '/a/bb'), ['file']);
});

function namesIn(files: MemoryFiles, path: string): string[] {
  return files.list(path).map(({ name }) => name);
}
