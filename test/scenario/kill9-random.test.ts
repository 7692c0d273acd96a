import assert from 'node:assert/strict';
import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../src/core/random.ts';
import { lineUpstream, numberedLines, type LineUpstream } from '../support/line-upstream.ts';
import { startRemora, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';

/**
 * kill -9 at random moments under load, with rotations going on, also while nobody reads.
 *
 * `KILLS=100 node --test test/scenario/kill9-random.test.ts` is the full form; `KILL_SEED` repeats one.
 */
const KILLS = Number(process.env['KILLS'] ?? 5);
const SEED = process.env['KILL_SEED'] ?? 'remora';
const PER_SECOND = 20_000;
const ROTATE_EVERY = 7000;
const LINE_BYTES = Buffer.byteLength(numberedLines(0, 1));
/**
 * What a crash repeats at most: what was acknowledged since the checkpoint before the last (one a second, and it takes a
 * moment to write) and the batches under way, which the upstream may have taken without an answer that arrived. On a busy
 * machine a checkpoint may take as long as the process lives: then all it delivered comes again as well.
 */
const WINDOW_LINES = 3 * PER_SECOND + Math.ceil((8 * 1024 * 1024 + 256 * 1024) / LINE_BYTES);

/** Writes at a steady rate and rotates by itself, until told to end. */
class Writer {
  readonly #file: string;
  #written = 0;
  #rotations = 0;
  #isOver = false;
  readonly done: Promise<void>;

  constructor(file: string) {
    this.#file = file;
    this.done = this.#run();
  }

  get written(): number {
    return this.#written;
  }

  end(): void {
    this.#isOver = true;
  }

  async #run(): Promise<void> {
    let inFile = 0;
    const fromMs = performance.now();
    while (!this.#isOver) {
      await pause(5);
      const due = Math.floor(((performance.now() - fromMs) / 1000) * PER_SECOND) - this.#written;
      const count = Math.min(due, 1000);
      if (count > 0) await appendFile(this.#file, numberedLines(this.#written, count));
      this.#written += Math.max(0, count);
      inFile += Math.max(0, count);
      if (inFile <= ROTATE_EVERY) continue;
      inFile = 0;
      await rename(this.#file, `${this.#file}.${++this.#rotations}`);
    }
  }
}

function extra(upstream: LineUpstream): number {
  let lines = 0;
  for (const [, count] of upstream.counts) lines += count - 1;
  return lines;
}

test(`kill -9 at ${KILLS} random moments under load: nothing is missing, repeats stay within the window`, async (t) => {
  const upstream = await lineUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'app.log');
  const start = () =>
    startRemora(t, {
      configs: [
        `
receivers: { filelog: { include: [${file}], start_at: beginning, storage: file_storage, poll_interval: 20ms } }
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    compression: none
    sending_queue: { wait_for_result: true, sizer: bytes, queue_size: 16777216, num_consumers: 4 }
extensions: { file_storage: { directory: ${directory}/state, create_directory: true } }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [filelog], exporters: [otlphttp] } }
`,
      ],
    });
  const random = seededRandom(SEED);
  // What is rotated away before the very first look is none of its business.
  let remora = await start();
  const writer = new Writer(file);
  t.after(() => writer.end());
  const repeats: string[] = [];
  const before = { deliveries: 0, repeats: 0, ofLast: 0 };
  /** After each process: what it delivered again is what the one before it had read since its last checkpoint. */
  const note = (): void => {
    const repeated = extra(upstream) - before.repeats;
    assert.ok(repeated <= WINDOW_LINES + before.ofLast, `${repeated} repeated, with the seed ${SEED}`);
    repeats.push(String(repeated));
    const deliveries = upstream.counts.size + extra(upstream);
    Object.assign(before, {
      deliveries,
      repeats: extra(upstream),
      ofLast: deliveries - before.deliveries,
    });
  };
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(random() * 2000);
    remora.kill('SIGKILL');
    await remora.ended;
    note();
    await pause(random() * 100);
    remora = await start();
  }
  writer.end();
  await writer.done;
  const missing = (): number => writer.written - upstream.counts.size;
  await until(() => missing() === 0, 'every line arrived').catch(() => undefined);
  const ended = await remora.stop();
  assert.equal(ended.code, 0, ended.stderr);
  note();
  assert.equal(missing(), 0, `of ${writer.written} lines, with the seed ${SEED}`);
  t.diagnostic(`${writer.written} lines; repeated after each kill: ${repeats.join(', ')}`);
});
