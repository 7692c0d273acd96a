import assert from 'node:assert/strict';
import { appendFile, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { lineUpstream, miscounted, numberedLines, type LineUpstream } from '../support/line-upstream.ts';
import { ledgerOf, startRemora, temporaryDirectory, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';

const LINES = 200_000;

interface Scene {
  readonly remora: Remora;
  readonly upstream: LineUpstream;
  readonly file: string;
}

async function tailing(t: Test): Promise<Scene> {
  const upstream = await lineUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'app.log');
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { filelog: { include: [${file}], start_at: beginning, storage: file_storage } }
exporters: { otlphttp: { endpoint: ${upstream.url}, compression: none } }
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } }
`,
    ],
  });
  return { remora, upstream, file };
}

async function assertExactlyOnce({ remora, upstream }: Scene): Promise<void> {
  await until(() => upstream.counts.size >= LINES, 'all lines arrived').catch(() => undefined);
  assert.equal(miscounted(upstream.counts, LINES), '');
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(miscounted(upstream.counts, LINES), '', 'while it stopped');
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  for (const { stage, received, passed, dropped, rejected, held } of lines) {
    assert.deepEqual(
      { received, passed, dropped, rejected, held },
      { received: LINES, passed: LINES, dropped: {}, rejected: {}, held: 0 },
      stage,
    );
  }
}

test('each of 200,000 lines arrives once while the file is rotated by rename every 5,000', async (t) => {
  const scene = await tailing(t);
  const { file } = scene;
  const [perWrite, perFile] = [250, 5000];
  for (let written = 0; written < LINES; written += perWrite) {
    if (written > 0 && written % perFile === 0) await rename(file, `${file}.${written / perFile}`);
    await appendFile(file, numberedLines(written, perWrite));
  }
  await assertExactlyOnce(scene);
});

test('each of 200,000 lines arrives once while the file is truncated in place after it was read', async (t) => {
  const scene = await tailing(t);
  const { file, upstream } = scene;
  const [perWrite, perRound] = [250, 10_000];
  for (let written = 0; written < LINES;) {
    const endOfRound = written + perRound;
    for (; written < endOfRound; written += perWrite) await appendFile(file, numberedLines(written, perWrite));
    await until(() => upstream.counts.size >= written, `all of ${written} lines arrived`);
    if (written < LINES) await truncate(file, 0);
  }
  await assertExactlyOnce(scene);
});
