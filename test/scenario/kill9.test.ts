import assert from 'node:assert/strict';
import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { lineUpstream, miscounted, numberedLines } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/** Lines 0 to here are acknowledged and in the checkpoint when the process is killed. */
const SAFE = 20_000;
const LINES = 80_000;

test('kill -9 while tailing: no line is missing, and only what was not acknowledged is repeated', async (t) => {
  let answered = 0;
  let limit = Infinity;
  const upstream = await lineUpstream(() => ++answered > limit);
  t.after(() => upstream[Symbol.asyncDispose]());
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'app.log');
  const metricsPort = await freePort();
  const start = () =>
    startRemora(t, {
      configs: [
        `
receivers: { filelog: { include: [${file}], start_at: beginning, storage: file_storage } }
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    sending_queue: { wait_for_result: true, sizer: bytes, queue_size: 1048576 }
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service: { extensions: [file_storage], pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } } }
`,
      ],
      sets: [metricsOn(metricsPort)],
    });

  const first = await start();
  const metric = async (name: string): Promise<number> => {
    const value = (await metricsPage(metricsPort)).value(`remora_filelog_${name}`);
    assert.ok(value !== undefined, `${name} is on the page`);
    return value;
  };
  // Checkpoints do not overlap: the one that the last line brings about was begun after all before it was acknowledged.
  for (const [from, count] of [
    [0, SAFE - 2],
    [SAFE - 2, 1],
    [SAFE - 1, 1],
  ] as const) {
    const before = await metric('checkpoint_writes_total');
    await appendFile(file, numberedLines(from, count));
    await until(() => upstream.counts.size === from + count, 'the lines arrived');
    await until(async () => (await metric('unread_bytes')) === 0, 'they are acknowledged');
    await until(async () => (await metric('checkpoint_writes_total')) > before, 'a checkpoint is written');
  }

  // More is under way, some of it delivered, when the process dies; then the file is rotated and goes on.
  limit = answered + 2;
  await appendFile(file, numberedLines(SAFE, LINES - 2 * SAFE));
  await until(() => answered > limit, 'the upstream hangs with requests under way');
  first.kill('SIGKILL');
  await first.ended;
  assert.ok(upstream.counts.size < LINES - SAFE);
  await rename(file, `${file}.1`);
  await appendFile(file, numberedLines(LINES - SAFE, SAFE));

  limit = Infinity;
  const second = await start();
  await until(() => upstream.counts.size >= LINES, 'every line arrived').catch(() => undefined);
  assert.equal(miscounted(upstream.counts, LINES, 2), '');
  const repeated = [...upstream.counts].filter(([, count]) => count > 1).map(([number]) => number);
  assert.ok(
    repeated.every((number) => number >= SAFE - 2),
    'nothing that the checkpoint holds is repeated',
  );
  const ended = await second.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
});
