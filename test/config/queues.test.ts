import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printConfig } from '../../src/config/print.ts';
import { queueMemoryBytes } from '../../src/core/sending.ts';
import { loadGood, problemsOf, warningsOf } from './load.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

function config(queue: string, more = ''): string {
  return `extensions: {file_storage: {directory: /tmp}}
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: {sending_queue: {${queue}}${more}}}
service: {extensions: [file_storage], pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
`;
}

async function sending(queue: string, more = '') {
  const plan = await loadGood({ 'a.yaml': config(queue, more) });
  const settings = plan.exporters.get('debug')?.prepared.sending;
  assert.ok(settings !== undefined);
  return settings;
}

async function problem(queue: string): Promise<string> {
  const problems = await problemsOf({ 'a.yaml': config(queue) });
  return problems.join('\n').replace('exporters.debug.sending_queue.', '');
}

test('a queue in memory keeps the defaults of the Collector', async () => {
  const { sending_queue: queue, retry_on_failure: retries } = await sending('');
  assert.partialDeepStrictEqual(queue, { sizer: 'requests', queue_size: 1000, overflow: 'push_back' });
  assert.equal(queue.max_bytes, 32 * MIB);
  assert.equal(queueMemoryBytes(queue), 32 * MIB);
  assert.equal(queue.storage_use, undefined);
  assert.equal(retries.max_elapsed_time, 300_000);
});

test('a size where a number of what sizer counts is wanted is told what to write', async () => {
  const at = 'exporters.debug.sending_queue';
  assert.deepEqual(
    await problemsOf({ 'a.yaml': config('queue_size: 24MiB, batch: {min_size: 1KiB}, num_consumers: 4s') }),
    [
      `a.yaml:3:49 ${at}.queue_size: expected a number, found the text "24MiB"; it counts what sizer says: with "sizer: bytes" write 25165824; max_bytes takes sizes such as 24MiB`,
      `a.yaml:3:74 ${at}.batch.min_size: expected a number, found the text "1KiB"; it counts what sizer says: with "sizer: bytes" write 1024`,
      `a.yaml:3:96 ${at}.num_consumers: expected a number, found the text "4s"; write a number without a unit`,
    ],
  );
});

test('with storage the defaults are those of a disk, and its retries never end', async () => {
  const { sending_queue: queue, retry_on_failure: retries } = await sending('storage: file_storage');
  assert.partialDeepStrictEqual(queue, { sizer: 'bytes', queue_size: GIB, max_bytes: GIB, storage_use: 'always' });
  assert.equal(queueMemoryBytes(queue), 4 * MIB);
  assert.equal(retries.max_elapsed_time, 0);
});

test('what is written keeps its meaning with storage', async () => {
  const requests = (await sending('storage: file_storage, queue_size: 5000')).sending_queue;
  assert.deepEqual([requests.sizer, requests.queue_size, requests.max_bytes], ['requests', 5000, GIB]);
  const large = (await sending(`storage: file_storage, sizer: bytes, queue_size: ${5 * GIB}`)).sending_queue;
  assert.equal(large.max_bytes, 5 * GIB, 'or the disk would be full before the queue');
  const bound = (await sending('storage: file_storage, max_bytes: 2GiB')).sending_queue;
  assert.equal(bound.queue_size, 2 * GIB, 'what the disk may take is the capacity');
  const { retry_on_failure } = await sending('storage: file_storage', ', retry_on_failure: {max_elapsed_time: 1m}');
  assert.equal(retry_on_failure.max_elapsed_time, 60_000);
});

test('a queue that is memory first claims its memory and a little for its disk', async () => {
  const { sending_queue: queue } = await sending('storage: file_storage, storage_use: overflow');
  assert.equal(queue.memory_bytes, 32 * MIB);
  assert.equal(queueMemoryBytes(queue), 36 * MIB);
});

test('an optional exporter drops the newest unless it is told to drop the oldest', async () => {
  assert.equal((await sending('optional: true')).sending_queue.overflow, 'drop_newest');
  assert.equal((await sending('optional: true, overflow: drop_oldest')).sending_queue.overflow, 'drop_oldest');
});

for (const [queue, message] of [
  [
    'block_on_overflow: true, overflow: drop_oldest',
    'block_on_overflow: cannot be combined with overflow: drop_oldest',
  ],
  ['block_on_overflow: true, optional: true', 'block_on_overflow: cannot be combined with optional'],
  ['optional: true, overflow: push_back', 'overflow: push_back would stall the others'],
  ['optional: true, wait_for_result: true', 'optional: cannot be combined with wait_for_result: senders would wait'],
  ['optional: true, enabled: false', 'optional: needs a queue: senders would wait'],
  ['wait_for_result: true, overflow: drop_oldest', 'overflow: drop_oldest would drop what senders still wait for'],
  ['wait_for_result: true, storage: file_storage', 'wait_for_result: cannot be combined with storage'],
  ['storage_use: overflow', 'storage_use: needs storage'],
  ['memory_bytes: 1MiB', 'memory_bytes: needs storage'],
  ['storage: file_storage, storage_use: overflow, memory_bytes: 0', 'memory_bytes: must be more than 0'],
  ['overflow: drop', 'overflow: '],
] as const) {
  test(`a queue of {${queue}} is refused with what to do`, async () => {
    const found = await problem(queue);
    assert.match(found, /^a\.yaml:3:\d+ /);
    assert.ok(found.includes(message), found);
  });
}

test('the storage of a queue must be configured and started', async () => {
  assert.equal(
    await problem('storage: file_storag'),
    'a.yaml:3:46 storage: extension "file_storag" is not configured, did you mean "file_storage"?',
  );
  const idle = config('storage: file_storage').replace('extensions: [file_storage], ', '');
  assert.match((await problemsOf({ 'a.yaml': idle })).join(), /"file_storage" is not started; add it to service/);
  await loadGood({ 'a.yaml': config('storage: nowhere, enabled: false') });
});

test('a storage that nothing uses is told', async () => {
  assert.deepEqual(await warningsOf({ 'a.yaml': config('storage: file_storage, enabled: false') }), [
    'a.yaml:3:46 exporters.debug.sending_queue.storage: "file_storage" is not used: without a queue nothing is kept on disk; remove it, or enabled: false',
  ]);
  assert.deepEqual(await warningsOf({ 'a.yaml': config('storage: file_storage') }), []);
});

test('a concurrency above what the queue allows is told with what it is cut to', async () => {
  const warned = (queue: string, adaptive: string) =>
    warningsOf({ 'a.yaml': config(queue, `, adaptive_concurrency: {${adaptive}}`) });
  const [min = '', initial = ''] = await warned('num_consumers: 4', 'min: 5, initial: 8');
  assert.match(min, /^a.yaml:3:\d+ exporters.debug.adaptive_concurrency.min: 5 is cut to 4, the num_consumers of/);
  assert.match(
    initial,
    /adaptive_concurrency.initial: 8 is cut to 4, .*; lower it, or raise sending_queue.num_consumers/,
  );
  assert.deepEqual(await warned('num_consumers: 8', 'min: 5, initial: 8'), []);
  assert.deepEqual(await warned('num_consumers: 4', 'min: 5, initial: 8, enabled: false'), []);
});

test('a printed configuration says how large a queue on disk is, and loads again', async () => {
  const plan = await loadGood({ 'a.yaml': config('storage: file_storage') });
  const printed = printConfig(plan, { format: 'yaml' });
  assert.partialDeepStrictEqual(JSON.parse(printConfig(plan, { format: 'json' })), {
    exporters: {
      debug: {
        sending_queue: {
          sizer: 'bytes',
          queue_size: GIB,
          max_bytes: '1GiB',
          memory_bytes: '4MiB',
          storage_use: 'always',
        },
        retry_on_failure: { max_elapsed_time: '0s' },
      },
    },
  });
  assert.equal(printConfig(await loadGood({ 'b.yaml': printed }), { format: 'yaml' }), printed);
});
