import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';
import { MeasuredProcess } from '../measured-process.ts';
import { runResult, type RatioScenario, type RunOptions } from '../scenario.ts';
import { startBare, startRemora, startSink, type Sink } from '../subjects.ts';

export interface RequestLoad {
  readonly kind: 'http' | 'grpc';
  readonly spans: number;
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** A processor as YAML; the baseline is then Remora without it. */
  readonly processor?: ProcessorYaml;
  /** What the baseline has in its place. */
  readonly against?: ProcessorYaml;
  /** The processor drops all but this share: what it was given counts, not what comes out. */
  readonly keeps?: number;
  /** Every request brings other traces. */
  readonly freshIds?: boolean;
  /** Requests a second. Without it, as many as are answered. */
  readonly perSecond?: number;
  /** Settings of one more exporter as YAML; the baseline is then Remora without it. */
  readonly beside?: string;
  /** A queue on disk; the baseline is then Remora with one in memory. */
  readonly onDisk?: boolean;
  /** How many names the spans have; 1 when absent. */
  readonly names?: number;
}

interface ProcessorYaml {
  readonly id: string;
  readonly settings: string;
}

interface Subject {
  readonly process: MeasuredProcess;
  readonly port: number;
}

/**
 * How far from its share a processor may be, as a part of all, before its row compares other things than it says. What comes
 * after a pause may have what the pause has left of a target.
 */
const SHARE_TOLERANCE = 0.02;

/** OTLP requests in, OTLP requests out. Throughput in a closed loop (or at `perSecond`), then latency at a fixed rate. */
export function requests(name: string, load: RequestLoad, floor?: number): RatioScenario {
  return {
    kind: 'ratio',
    name,
    unit: 'spans',
    ...(floor === undefined ? {} : { floor }),
    async run(subject, options) {
      const sink = await startSink();
      const directory = await mkdtemp(join(tmpdir(), 'remora-bench-'));
      const { process: target, port } = await start(subject, load, options, sink, directory);
      try {
        await generate(load, port, Math.max(1, options.seconds / 2), load.perSecond ?? 0);
        await pause(300);
        await sink.process.ask('reset');
        const cpuBefore = await target.cpuSeconds();
        const answered = await generate(load, port, options.seconds, load.perSecond ?? 0);
        const { items: delivered = 0 } = await settled(sink);
        const items = load.keeps === undefined ? delivered : answered * load.spans;
        if (load.keeps !== undefined && subject === 'remora') compareShare(name, load.keeps, delivered / items);
        const cpuSeconds = (await target.cpuSeconds()) - cpuBefore;
        const peakRssBytes = await target.peakRssBytes();
        await sink.process.ask('reset');
        await generate(load, port, Math.max(1, options.seconds / 2), load.spans > 100 ? 100 : 500);
        const { p50 = 0, p99 = 0 } = await settled(sink);
        return runResult({ items, cpuSeconds, peakRssBytes, p50Ms: p50, p99Ms: p99 });
      } finally {
        await target.end();
        await sink.process.end();
        await rm(directory, { recursive: true });
      }
    },
  };
}

function compareShare(name: string, asked: number, kept: number): void {
  if (Math.abs(kept - asked) <= SHARE_TOLERANCE) return;
  process.stderr.write(`${name}: ${(100 * kept).toFixed(1)} % were kept, not ${100 * asked} %\n`);
}

async function start(
  subject: 'remora' | 'bare',
  { kind, compression, processor, against, beside, onDisk = false }: RequestLoad,
  { main }: RunOptions,
  sink: Sink,
  directory: string,
): Promise<Subject> {
  const upstream = kind === 'http' ? sink.url : sink.authority;
  if (subject === 'bare' && processor === undefined && beside === undefined && !onDisk) {
    const bare = startBare(kind, upstream, compression);
    return { process: bare, port: (await bare.numbers())['port'] ?? 0 };
  }
  const port = await freePort();
  const exporter = kind === 'http' ? 'otlphttp' : 'otlp';
  const used = subject === 'remora' ? processor : against;
  const second = subject === 'remora' && beside !== undefined;
  const stored = subject === 'remora' && onDisk;
  const yaml = `
receivers:
  otlp: { protocols: { ${kind}: { endpoint: '127.0.0.1:${port}' } } }
processors: { ${used === undefined ? '' : `${used.id}: ${used.settings}`} }
exporters:
  ${exporter}: { endpoint: '${upstream}', compression: ${compression}, tls: { insecure: true }${stored ? ', sending_queue: { storage: file_storage }' : ''} }
${second ? `  ${exporter}/beside: ${beside}` : ''}
${stored ? `extensions: { file_storage: { directory: '${directory}' } }` : ''}
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  extensions: [${stored ? 'file_storage' : ''}]
  pipelines:
    traces: { receivers: [otlp], processors: [${used?.id ?? ''}], exporters: [${exporter}${second ? `, ${exporter}/beside` : ''}] }
`;
  const remora = startRemora(main, yaml);
  await until(() => isOpen(port), `port ${port} is open`);
  return { process: remora, port };
}

export async function generate(load: RequestLoad, port: number, seconds: number, perSecond: number): Promise<number> {
  const { kind, spans, names = 1, freshIds = false } = load;
  const json = JSON.stringify({ kind, port, spans, connections: 8, seconds, perSecond, names, freshIds });
  const generator = new MeasuredProcess([join(import.meta.dirname, '../generator.ts'), json]);
  await generator.numbers();
  const { requests: answered = 0 } = await generator.numbers();
  await generator.end();
  if (answered === 0) throw new Error('The load generator got no answer.');
  return answered;
}

/** What the sink got once nothing more arrives. */
async function settled({ process }: Sink): Promise<Readonly<Record<string, number>>> {
  for (let before = -1; ;) {
    const now = await process.ask('tell');
    if (now['requests'] === before) return now;
    before = now['requests'] ?? 0;
    await pause(250);
  }
}

export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
