import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StorageClient } from '../../../src/core/storage.ts';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { startRig, storageIn, tempDirectory } from './support.ts';

/** Storage whose writes wait while its gate is shut. */
class GatedStorage implements StorageClient {
  readonly directory: string;
  readonly #storage: StorageClient;
  #gate = Promise.withResolvers<undefined>();

  constructor(storage: StorageClient) {
    this.directory = storage.directory;
    this.#storage = storage;
    this.#gate.resolve(undefined);
  }

  shut(): void {
    this.#gate = Promise.withResolvers();
  }

  open(): void {
    this.#gate.resolve(undefined);
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#storage.read();
  }

  async write(value: Uint8Array): Promise<void> {
    await this.#gate.promise;
    await this.#storage.write(value);
  }
}

test('unread bytes are told of the twenty files with most of them, and of the others together', async (t) => {
  const directory = tempDirectory(t);
  const sizes = Array.from({ length: 30 }, (_, n) => (n + 1) * 10);
  for (const size of sizes) writeFileSync(join(directory, `${size}.log`), `${'x'.repeat(size - 1)}\n`);
  const consumer = new CollectingConsumer();
  consumer.answer = () => retry(new Error('full'));
  const rig = await startRig(t, { include: [join(directory, '*.log')], start_at: 'beginning' }, { consumer });
  const { meter } = rig.context;
  const unread = () => meter.made('remora_filelog_unread_bytes');
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.equal(meter.total('remora_filelog_unread_bytes'), total);
  assert.equal(unread().length, 21);
  assert.deepEqual(unread()[0], [{ file: join(directory, '300.log') }, 300]);
  assert.deepEqual(unread()[20], [{ file: 'other' }, 550]);
  consumer.answer = () => ACCEPTED;
  await until(() => meter.total('remora_filelog_unread_bytes') === 0, 'everything was read');
  assert.deepEqual(unread(), [[{ file: 'other' }, 0]]);
});

test('what a crash would repeat is what was read since the last checkpoint', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'a.log');
  writeFileSync(path, 'one\n');
  const config = { include: [path], start_at: 'beginning', poll_interval: '5ms' };
  const storage = new GatedStorage(storageIn(directory));
  const rig = await startRig(t, config, { storage });
  const writes = (): number => rig.context.meter.total('remora_filelog_checkpoint_writes');
  const bytes = (): number => rig.context.meter.total('remora_filelog_unacknowledged_bytes');
  await until(() => rig.consumer.items === 1 && bytes() === 0, 'the line was taken, and the checkpoint knows it');
  rig.consumer.answer = () => retry(new Error('full'), 10);
  appendFileSync(path, 'second\n');
  await until(() => bytes() === 7, 'the line was offered');
  await until(() => writes() >= 2, 'a checkpoint was written');
  assert.equal(bytes(), 7, 'it stands before the line');
  storage.shut();
  rig.consumer.answer = () => ACCEPTED;
  await until(() => rig.consumer.items === 2, 'the line was taken');
  assert.equal(bytes(), 7);
  storage.open();
  await until(() => bytes() === 0, 'the checkpoint was written');
  // Everything that was there before counts again, until the checkpoint knows that it is gone.
  storage.shut();
  writeFileSync(path, 'a longer line\n');
  await until(() => rig.consumer.items === 3, 'the new content was taken');
  assert.equal(bytes(), 14);
  storage.open();
  await until(() => bytes() === 0, 'the checkpoint was written');
});

test('without a checkpoint it is what awaits its acknowledgement', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'a.log');
  const rig = await startRig(t, { include: [path], poll_interval: '5ms' });
  rig.consumer.answer = () => retry(new Error('full'), 10);
  writeFileSync(path, 'one\n');
  const bytes = (): number => rig.context.meter.total('remora_filelog_unacknowledged_bytes');
  await until(() => bytes() === 4, 'the line was offered');
  rig.consumer.answer = () => ACCEPTED;
  await until(() => bytes() === 0, 'the line was taken');
});
