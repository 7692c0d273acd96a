import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Extension } from '../../src/core/component.ts';
import { isStorageProvider, type StorageProvider } from '../../src/core/storage.ts';
import { fileStorageExtension } from '../../src/extensions/file-storage.ts';
import { testContext, testHost } from '../support/context.ts';

const host = testHost();

async function create(config: object): Promise<{ extension: Extension & StorageProvider; damaged: () => number }> {
  const parsed = fileStorageExtension.parse(config);
  assert.ok(parsed.ok);
  const context = { ...testContext({ id: 'file_storage' }), host };
  const extension = await parsed.prepared.create(context);
  assert.ok(isStorageProvider(extension));
  return { extension, damaged: () => context.meter.total('remora_storage_damaged_values') };
}

function temp(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'file-storage-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a value is read back by the next instance, each component in its own private directory', async (t) => {
  const directory = temp(t);
  const first = await create({ directory });
  await first.extension.start?.();
  const a = first.extension.client('receiver_filelog/a', '');
  const b = first.extension.client('receiver_filelog', 'a');
  await a.write(Buffer.from('one'));
  await Promise.all([a.write(Buffer.from('two')), b.write(Buffer.from('other'))]);
  assert.notEqual(a.directory, b.directory);
  assert.equal(statSync(a.directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(a.directory, 'value')).mode & 0o777, 0o600);
  const second = await create({ directory });
  const read = await second.extension.client('receiver_filelog/a', '').read();
  assert.equal(Buffer.from(read ?? []).toString(), 'two');
  assert.equal(await second.extension.client('receiver_filelog/b', '').read(), undefined);
});

test('a torn or changed value is put aside and counted, and the next one is written', async (t) => {
  const directory = temp(t);
  const { extension, damaged } = await create({ directory });
  await extension.start?.();
  const client = extension.client('receiver_x', '');
  for (const spoil of [(bytes: Buffer) => bytes.subarray(0, 20), (bytes: Buffer) => Buffer.concat([bytes, bytes])]) {
    await client.write(Buffer.from('content'));
    const path = join(client.directory, 'value');
    writeFileSync(path, spoil(readFileSync(path)));
    assert.equal(await client.read(), undefined);
    assert.ok(!existsSync(path));
  }
  assert.equal(damaged(), 2);
  assert.ok(existsSync(join(client.directory, 'value.damaged-2')));
  await client.write(Buffer.from('again'));
  assert.equal(Buffer.from((await client.read()) ?? []).toString(), 'again');
});

test('symbolic links that somebody planted are not followed', async (t) => {
  const directory = temp(t);
  const outside = join(temp(t), 'outside');
  writeFileSync(outside, 'precious');
  const { extension } = await create({ directory });
  await extension.start?.();
  const client = extension.client('receiver_x', '');
  await client.write(Buffer.from('mine'));
  symlinkSync(outside, join(client.directory, 'value.tmp'));
  await client.write(Buffer.from('new'));
  assert.equal(readFileSync(outside, 'utf8'), 'precious');
  assert.equal(Buffer.from((await client.read()) ?? []).toString(), 'new');
  rmSync(join(client.directory, 'value'));
  symlinkSync(outside, join(client.directory, 'value'));
  await assert.rejects(client.read(), { code: 'storage_failed' });
  symlinkSync(temp(t), join(directory, 'receiver%5Fy'));
  await assert.rejects(extension.client('receiver_y', '').read(), { code: 'storage_failed' });
});

test('a missing directory is an error that names it, unless it is to be created', async (t) => {
  const directory = join(temp(t), 'a/b');
  const missing = await create({ directory });
  await assert.rejects(async () => missing.extension.start?.(), { code: 'storage_failed', message: /a\/b/ });
  const made = await create({ directory, create_directory: true, timeout: '2s', compaction: { on_start: true } });
  await made.extension.start?.();
  assert.ok(existsSync(directory));
});

test('a directory that cannot be made is named, with advice', async (t) => {
  const file = join(temp(t), 'file');
  writeFileSync(file, '');
  const { extension } = await create({ directory: join(file, 'state'), create_directory: true });
  await assert.rejects(async () => await extension.start?.(), {
    code: 'storage_failed',
    message: new RegExp(`^The storage directory ${join(file, 'state')} cannot be used: ENOTDIR`),
  });
});
