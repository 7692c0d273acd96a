import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { jsonBlock, type LogBlock, type MakeBlock } from '../log-lines.ts';
import type { MeasuredProcess } from '../measured-process.ts';
import { runResult, type RatioScenario, type RunOptions, type RunResult } from '../scenario.ts';
import { startBare, startRemora, startSink, tailYaml, type Sink } from '../subjects.ts';

const WARM_LINES = 1000;
const BLOCK_LINES = 100_000;
const ARRIVAL_LIMIT_MS = 120_000;

export interface LinesOptions {
  readonly floor?: number;
  /** Settings of the receiver as YAML, indented by four. */
  readonly settings?: string;
  readonly makeBlock?: MakeBlock;
  /** Where the file stands in its directory. */
  readonly path?: string;
}

/** One growing file, against the bare forwarder. */
export function lines(name: string, options: LinesOptions = {}): RatioScenario {
  const { floor, settings = '', makeBlock = jsonBlock, path: inside = 'app.log' } = options;
  return {
    kind: 'ratio',
    name,
    unit: 'lines',
    ...(floor === undefined ? {} : { floor }),
    run: (subject, run) =>
      inDirectory(async (directory) => {
        const path = join(directory, inside);
        await mkdir(dirname(path), { recursive: true });
        const sink = await startSink();
        await writeFile(path, '');
        const start = (): MeasuredProcess =>
          subject === 'bare'
            ? startBare('file', sink.url, path)
            : startRemora(run.main, tailYaml(path, sink.url, settings));
        return measure({ subject, start, sink, paths: [path], pieces: 1, makeBlock }, run);
      }),
  };
}

/** The same lines, in turn to many files and to one: what having many costs. `bare` is Remora with one file. */
export function manyFiles(name: string, count: number, floor: number): RatioScenario {
  return {
    kind: 'ratio',
    name,
    unit: 'lines',
    floor,
    run: (subject, run) =>
      inDirectory(async (directory) => {
        const files = subject === 'bare' ? 1 : count;
        const paths = Array.from({ length: files }, (_, i) => join(directory, `app-${i}.log`));
        for (const path of paths) await writeFile(path, '');
        const sink = await startSink();
        const start = (): MeasuredProcess => startRemora(run.main, tailYaml(join(directory, '*.log'), sink.url, ''));
        return measure({ subject: 'remora', start, sink, paths, pieces: count, makeBlock: jsonBlock }, run);
      }),
  };
}

interface Tailing {
  readonly subject: 'remora' | 'bare';
  readonly start: () => MeasuredProcess;
  readonly sink: Sink;
  readonly paths: readonly string[];
  /** Appends that make one block, to the files in turn. */
  readonly pieces: number;
  readonly makeBlock: MakeBlock;
}

/** Appends whole blocks after a warm-up, until all of it arrived. */
async function measure(tailing: Tailing, { seconds }: RunOptions): Promise<RunResult> {
  const { subject, sink, makeBlock } = tailing;
  const target = tailing.start();
  const blocks = Math.max(1, Math.round(seconds * 3));
  let expected = 0;
  const write = async (block: LogBlock, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await append(tailing, block.text);
    expected += times * (subject === 'bare' ? block.lines : block.records);
    await arrived(sink, expected);
  };
  try {
    await write(makeBlock(0, WARM_LINES), 1);
    const block = makeBlock(WARM_LINES, BLOCK_LINES);
    await write(block, 1);
    const cpuBefore = await target.cpuSeconds();
    await write(block, blocks);
    const cpuSeconds = (await target.cpuSeconds()) - cpuBefore;
    const peakRssBytes = await target.peakRssBytes();
    return runResult({ items: blocks * block.lines, cpuSeconds, peakRssBytes, p50Ms: 0, p99Ms: 0 });
  } finally {
    await target.end();
    await sink.process.end();
  }
}

async function append({ paths, pieces }: Tailing, text: Buffer): Promise<void> {
  let start = 0;
  for (let piece = 1; piece <= pieces; piece++) {
    const end = piece === pieces ? text.length : text.lastIndexOf(10, (text.length * piece) / pieces) + 1;
    await appendFile(paths[piece % paths.length] ?? '', text.subarray(start, end));
    start = end;
  }
}

/** Exactly so many: more would mean that lines which belong together came apart, or came twice. */
async function arrived({ process }: Sink, expected: number): Promise<void> {
  const endMs = performance.now() + ARRIVAL_LIMIT_MS;
  for (;;) {
    const { items = 0, lines: raw = 0 } = await process.ask('tell');
    const count = items + raw;
    if (count === expected) return;
    if (count > expected || performance.now() > endMs) throw new Error(`${count} arrived, ${expected} were expected.`);
    await pause(20);
  }
}

async function inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-bench-'));
  try {
    return await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
