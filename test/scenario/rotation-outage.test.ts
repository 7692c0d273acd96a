import assert from 'node:assert/strict';
import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { lineUpstream, miscounted, numberedLines } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * A file is rotated again and again while the upstream is away and the queue is full.
 *
 * `OUTAGE_SECONDS=60 node --test test/scenario/rotation-outage.test.ts` is the full form.
 */
const OUTAGE_SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? 3);
const ROTATIONS = 10;
const KEPT = 3;
const BEFORE = 5000;
const PER_FILE = 20_000;
const LINES = BEFORE + (ROTATIONS + 1) * PER_FILE;
const CAPACITY_BYTES = 1024 * 1024;

async function rotate(file: string): Promise<void> {
  for (let age = KEPT; age >= 1; age--) await rename(`${file}.${age}`, `${file}.${age + 1}`).catch(() => undefined);
  await rename(file, `${file}.1`);
}

test(`ten rotations while the upstream is away for ${OUTAGE_SECONDS} s: each line arrives once`, async (t) => {
  let isAway = false;
  const upstream = await lineUpstream((_request, response) => {
    if (isAway) response.destroy();
    return isAway;
  });
  t.after(() => upstream[Symbol.asyncDispose]());
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'app.log');
  const metricsPort = await freePort();
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { filelog: { include: [${file}], start_at: beginning, storage: file_storage } }
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    timeout: 60s
    sending_queue: { sizer: bytes, queue_size: ${CAPACITY_BYTES} }
    retry_on_failure: { initial_interval: 100ms, max_interval: 300ms, max_elapsed_time: 0 }
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service: { extensions: [file_storage], pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const metric = async (name: string): Promise<number> => (await metricsPage(metricsPort)).value(name) ?? 0;
  const openFiles = (): Promise<number> => metric('otelcol_fileconsumer_open_files');
  await appendFile(file, numberedLines(0, BEFORE));
  await until(() => upstream.counts.size === BEFORE, 'the first lines arrived');

  isAway = true;
  const beganMs = performance.now();
  let written = BEFORE;
  for (let rotation = 0; rotation <= ROTATIONS; rotation++) {
    const half = PER_FILE / 2;
    await appendFile(file, numberedLines(written, half));
    await appendFile(file, numberedLines(written + half, half));
    written += PER_FILE;
    const dueMs = beganMs + ((rotation + 1) / (ROTATIONS + 1)) * OUTAGE_SECONDS * 1000;
    await pause(Math.max(0, dueMs - performance.now()));
    await until(async () => (await openFiles()) === rotation + 1, 'the file was found');
    // The oldest file is overwritten by the next one: from then on its descriptor is all that leads to it.
    if (rotation < ROTATIONS) await rotate(file);
  }
  const queued = (): Promise<number> => metric('otelcol_exporter_queue_size');
  await until(async () => (await queued()) > CAPACITY_BYTES * 0.7, 'the queue is nearly full');
  assert.ok((await queued()) <= CAPACITY_BYTES, `the queue holds ${await queued()} bytes`);
  assert.equal(upstream.counts.size, BEFORE);
  await until(async () => (await metric('remora_filelog_unread_bytes')) > 8_000_000, 'the rest waits in the files');
  assert.equal(await openFiles(), ROTATIONS + 1);

  isAway = false;
  await until(() => upstream.counts.size >= LINES, 'every line arrived').catch(() => undefined);
  assert.equal(miscounted(upstream.counts, LINES), '');
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(miscounted(upstream.counts, LINES), '', 'while it stopped');
  assert.ok(ledgerOf(ended).closed, ended.stderr);
});
