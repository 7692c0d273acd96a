import { mkdtemp, open, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import { jsonBlock } from '../log-lines.ts';
import type { CeilingScenario } from '../scenario.ts';
import { startRemora, startSink, tailYaml } from '../subjects.ts';

const LINES_EACH = 10;
const SETTLE_MS = 3000;

/** Files that are followed and never change, once they were read: share of one core. */
export function idleFiles(name: string, count: number, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: '% of a core',
    ceiling,
    async run({ main, seconds, smoke }) {
      const directory = await mkdtemp(join(tmpdir(), 'remora-bench-'));
      const files = smoke ? count / 10 : count;
      const { text } = jsonBlock(0, LINES_EACH);
      // Content of their own, so that none is taken for another.
      for (let i = 0; i < files; i++) await writeFile(join(directory, `app-${i}.log`), `file ${i}\n${text.toString()}`);
      const sink = await startSink();
      const remora = startRemora(main, tailYaml(join(directory, '*.log'), sink.url, ''));
      try {
        const expected = files * (LINES_EACH + 1);
        await until(async () => (await sink.process.ask('tell'))['items'] === expected, 'all files are read', 60_000);
        await pause(smoke ? 500 : SETTLE_MS);
        const beginMs = performance.now();
        const cpuBefore = await remora.cpuSeconds();
        await pause(smoke ? 1000 : Math.max(seconds, 10) * 1000);
        const cpuSeconds = (await remora.cpuSeconds()) - cpuBefore;
        return { value: (100 * cpuSeconds) / ((performance.now() - beginMs) / 1000) };
      } finally {
        await remora.end();
        await sink.process.end();
        await rm(directory, { recursive: true });
      }
    },
  };
}

const MB = 2 ** 20;
const BLOCK_LINES = 100_000;
/** A backlog fills any queue, and the file is one already. */
const QUEUE = '{ sizer: bytes, queue_size: 8388608 }';

/** A large file that is there at the start, read to its end: most memory while that lasts. */
export function backlog(name: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'MB peak RSS',
    ceiling,
    async run({ main, backlogBytes }) {
      const directory = await mkdtemp(join(tmpdir(), 'remora-bench-'));
      try {
        const { bavail, bsize } = await statfs(directory);
        if (bavail * bsize < 2 * backlogBytes) {
          return { skipped: `a backlog of ${(backlogBytes / 1e9).toFixed(2)} GB needs twice as much free on the disk` };
        }
        const path = join(directory, 'app.log');
        const expected = await fill(path, backlogBytes);
        return { value: (await peakBytes(main, path, expected)) / MB };
      } finally {
        await rm(directory, { recursive: true });
      }
    },
  };
}

/** Returns how many lines it has. */
async function fill(path: string, bytes: number): Promise<number> {
  const { text, lines } = jsonBlock(0, BLOCK_LINES);
  const blocks = Math.max(1, Math.ceil(bytes / text.length));
  const file = await open(path, 'w');
  for (let i = 0; i < blocks; i++) await file.writeFile(text);
  await file.close();
  return blocks * lines;
}

async function peakBytes(main: string, path: string, expected: number): Promise<number> {
  const sink = await startSink();
  const remora = startRemora(main, tailYaml(path, sink.url, '', QUEUE));
  try {
    await until(async () => (await sink.process.ask('tell'))['items'] === expected, 'the backlog arrived', 600_000);
    return await remora.peakRssBytes();
  } finally {
    await remora.end();
    await sink.process.end();
  }
}
