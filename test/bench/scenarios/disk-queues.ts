import { mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';
import type { MeasuredProcess } from '../measured-process.ts';
import type { CeilingScenario, RunOptions } from '../scenario.ts';
import { startRemora, startSink } from '../subjects.ts';
import { generate, isOpen } from './requests.ts';

const MB = 2 ** 20;
const SPANS = 512;
const LOAD = { kind: 'http', spans: SPANS, compression: 'none' } as const;
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1';

/** OTLP/HTTP in, and a queue on disk in front of `upstream`. */
function yamlFor(port: number, upstream: string, directory: string): string {
  return `
receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } } }
exporters:
  otlphttp: { endpoint: '${upstream}', compression: none, sending_queue: { storage: file_storage, max_bytes: 16GiB } }
extensions: { file_storage: { directory: '${directory}' } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  extensions: [file_storage]
  pipelines: { traces: { receivers: [otlp], exporters: [otlphttp] } }
`;
}

/** Requests that nobody takes: how long it is until a gigabyte of them is on the disk, synced before each answer. */
export function diskWrites(name: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 's per GB',
    ceiling,
    run: (options) =>
      inDirectory(async (directory) => {
        const { bavail, bsize } = await statfs(directory);
        if (bavail * bsize < 4e9) return { skipped: 'it needs 4 GB free on the disk' };
        const { remora, port } = await started(options, NOWHERE, directory);
        try {
          await generate(LOAD, port, 0.5, 0);
          const before = await bytesIn(directory);
          const beginMs = performance.now();
          await generate(LOAD, port, Math.min(options.seconds, 8), 0);
          const seconds = (performance.now() - beginMs) / 1000;
          return { value: (seconds * 1e9) / ((await bytesIn(directory)) - before) };
        } finally {
          await remora.end();
        }
      }),
  };
}

/** A backlog that an earlier process left, sent as fast as the upstream takes it: most memory while that lasts. */
export function diskReplay(name: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'MB peak RSS',
    ceiling,
    run: (options) =>
      inDirectory(async (directory) => {
        const { bavail, bsize } = await statfs(directory);
        if (bavail * bsize < 2 * options.backlogBytes)
          return { skipped: 'it needs twice the backlog free on the disk' };
        const items = await fill(options, directory);
        const sink = await startSink();
        const { remora } = await started(options, sink.url, directory);
        try {
          const arrived = async (): Promise<boolean> => ((await sink.process.ask('tell'))['items'] ?? 0) >= items;
          await until(arrived, 'the backlog arrived', 600_000);
          return { value: (await remora.peakRssBytes()) / MB };
        } finally {
          await remora.end();
          await sink.process.end();
        }
      }),
  };
}

/** Returns how many items were taken; the process ends without a chance to tidy up. */
async function fill(options: RunOptions, directory: string): Promise<number> {
  const { remora, port } = await started(options, NOWHERE, directory);
  let requests = 0;
  while ((await bytesIn(directory)) < options.backlogBytes) requests += await generate(LOAD, port, 1, 0);
  await remora.end();
  return requests * SPANS;
}

async function started(
  { main }: RunOptions,
  upstream: string,
  directory: string,
): Promise<{ remora: MeasuredProcess; port: number }> {
  const port = await freePort();
  const remora = startRemora(main, yamlFor(port, upstream, directory));
  await until(() => isOpen(port), `port ${port} is open`);
  return { remora, port };
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.name.endsWith('.segment')) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

async function inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-bench-'));
  try {
    return await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
