import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lineUpstream, miscounted, numberedLines } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { metricsOn, metricsPage, startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * A directory with everything in it that has ever stopped a tailer.
 *
 * `HOSTILE_BYTES=1000000000 node --test test/scenario/hostile-logs.test.ts` is the full form: lines of 1 GB.
 */
const HOSTILE_BYTES = Number(process.env['HOSTILE_BYTES'] ?? 64_000_000);
const MANY = 10_000;
/**
 * The process alone takes 80 MB of it, a thousand open files with their watches and 10,000 records 200 MB more, and it
 * depends on when V8 collects; half of what one line of the full form would take.
 */
const RSS_LIMIT_BYTES = 500e6;

function fill(directory: string): void {
  const at = (name: string): string => join(directory, name);
  execFileSync('mkfifo', [at('fifo.log')]);
  symlinkSync('/dev/zero', at('zero.log'));
  symlinkSync(at('loop.log'), at('loop.log'));
  mkdirSync(at('below'));
  symlinkSync(directory, at('below/again'));
  mkdirSync(at('directory.log'));
  writeFileSync(at('sparse.log'), '');
  truncateSync(at('sparse.log'), HOSTILE_BYTES);
  const long = openSync(at('long.log'), 'w');
  const part = 'x'.repeat(1_000_000);
  for (let bytes = 0; bytes < HOSTILE_BYTES; bytes += part.length) writeSync(long, part);
  closeSync(long);
  writeFileSync(at('binary.log'), randomBytes(2_000_000));
  writeFileSync(at('two\nlines.log'), numberedLines(0, 1));
  mkdirSync(at('many'));
  for (let number = 1; number < MANY; number++) writeFileSync(at(`many/${number}.log`), numberedLines(number, 1));
}

test('a hostile directory: nothing hangs, memory is bounded, and what is skipped is said', async (t) => {
  const upstream = await lineUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const directory = await temporaryDirectory(t);
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  fill(logs);
  const metricsPort = await freePort();
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { filelog: { include: ["${logs}/**/*.log"], start_at: beginning, storage: file_storage } }
exporters: { otlphttp: { endpoint: ${upstream.url}, compression: none, sending_queue: { sizer: bytes, queue_size: 8388608 } } }
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service: { extensions: [file_storage], pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  let peakBytes = 0;
  const sample = async (): Promise<void> => void (peakBytes = Math.max(peakBytes, await remora.rssBytes()));

  // An ordinary file goes on arriving all the while.
  const normal = join(logs, 'normal.log');
  let written = MANY;
  for (let round = 0; round < 10; round++) {
    appendFileSync(normal, numberedLines(written, 100));
    written += 100;
    await until(
      async () => {
        await sample();
        return upstream.counts.has(written - 1);
      },
      `line ${written - 1} of the ordinary file arrived`,
    );
  }
  const page = () => metricsPage(metricsPort);
  await until(async () => {
    await sample();
    return upstream.counts.size === written && (await page()).value('remora_filelog_unread_bytes') === 0;
  }, 'everything is read');
  assert.equal(miscounted(upstream.counts, written), '');
  assert.ok(peakBytes < RSS_LIMIT_BYTES, `resident memory reached ${Math.round(peakBytes / 1e6)} MB`);
  t.diagnostic(`resident memory reached ${Math.round(peakBytes / 1e6)} MB`);
  const metrics = await page();
  assert.ok((metrics.value('remora_filelog_long_lines_total') ?? 0) >= HOSTILE_BYTES / (1024 * 1024) - 2);
  assert.ok((metrics.value('remora_filelog_skipped_nul_bytes_total') ?? 0) >= HOSTILE_BYTES);
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  for (const name of ['fifo.log', 'zero.log', 'loop.log'])
    assert.ok(ended.stderr.includes(name), `${name} is mentioned`);
  assert.ok(ended.stderr.split('\n').length < 100, 'it is not said again and again');
});
