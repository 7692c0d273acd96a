import { mkdtemp, rm, writeFile, appendFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { IMAGE_ENVIRONMENT, IMAGE_FLAGS } from './image.ts';
import { MeasuredProcess } from './measured-process.ts';
import { logLine, metricsPage } from './payload.ts';

/** What one run of one subject (Remora or the bare baseline) did. */
export interface RunResult {
  readonly items: number;
  readonly cpuSeconds: number;
  readonly itemsPerCpuSecond: number;
  readonly peakRssBytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Scenario {
  readonly name: string;
  /** What one item is. */
  readonly unit: string;
  /** Least ratio to the baseline that Remora must reach, where one is promised. */
  readonly floor?: number;
  run(subject: 'remora' | 'bare', options: RunOptions): Promise<RunResult>;
}

export interface RunOptions {
  /** The bundle or the source of Remora. */
  readonly main: string;
  readonly seconds: number;
}

const HERE = import.meta.dirname;

interface Subject {
  readonly process: MeasuredProcess;
  readonly port: number;
}

interface RequestLoad {
  readonly kind: 'http' | 'grpc';
  readonly spans: number;
  readonly compression: 'none' | 'gzip' | 'zstd';
}

export const scenarios: readonly Scenario[] = [
  requests('OTLP/HTTP traces, 512 spans', { kind: 'http', spans: 512, compression: 'none' }, 0.85),
  requests('OTLP/gRPC traces, 512 spans', { kind: 'grpc', spans: 512, compression: 'none' }, 0.85),
  requests('OTLP/HTTP traces, 5 spans', { kind: 'http', spans: 5, compression: 'none' }),
  requests('OTLP/HTTP traces, 512 spans, gzip out', { kind: 'http', spans: 512, compression: 'gzip' }),
  requests('OTLP/HTTP traces, 512 spans, zstd out', { kind: 'http', spans: 512, compression: 'zstd' }),
  lines('file to OTLP/HTTP, raw lines', [], 0.65),
  lines('file to OTLP/HTTP, json_parser', ['      - type: json_parser'], 0.25),
  pages('scrape of 10,000 series'),
];

function requests(name: string, load: RequestLoad, floor?: number): Scenario {
  return {
    name,
    unit: 'spans',
    ...(floor === undefined ? {} : { floor }),
    async run(subject, options) {
      const sink = new MeasuredProcess([join(HERE, 'sink.ts')]);
      const ports = await sink.numbers();
      const { process: target, port } = await startForRequests(subject, load, options, ports);
      try {
        await generate(load, port, Math.max(1, options.seconds / 2), 0);
        await pause(300);
        await sink.ask('reset');
        const cpuBefore = await target.cpuSeconds();
        await generate(load, port, options.seconds, 0);
        const { items = 0 } = await settled(sink);
        const cpuSeconds = (await target.cpuSeconds()) - cpuBefore;
        const peakRssBytes = await target.peakRssBytes();
        await sink.ask('reset');
        await generate(load, port, Math.max(1, options.seconds / 2), load.spans > 100 ? 100 : 500);
        const { p50 = 0, p99 = 0 } = await settled(sink);
        return result({ items, cpuSeconds, peakRssBytes, p50Ms: p50, p99Ms: p99 });
      } finally {
        await target.end();
        await sink.end();
      }
    },
  };
}

function result(run: Omit<RunResult, 'itemsPerCpuSecond'>): RunResult {
  return { ...run, itemsPerCpuSecond: run.items / Math.max(run.cpuSeconds, 0.01) };
}

async function startForRequests(
  subject: 'remora' | 'bare',
  { kind, compression }: RequestLoad,
  { main }: RunOptions,
  sink: Readonly<Record<string, number>>,
): Promise<Subject> {
  const upstream = kind === 'http' ? `http://127.0.0.1:${sink['http']}` : `127.0.0.1:${sink['grpc']}`;
  if (subject === 'bare') {
    const bare = new MeasuredProcess([join(HERE, 'forwarder.ts'), kind, upstream, compression]);
    return { process: bare, port: (await bare.numbers())['port'] ?? 0 };
  }
  const port = await freePort();
  const exporter = kind === 'http' ? 'otlphttp' : 'otlp';
  const yaml = `
receivers:
  otlp: { protocols: { ${kind}: { endpoint: '127.0.0.1:${port}' } } }
exporters:
  ${exporter}: { endpoint: '${upstream}', compression: ${compression}, tls: { insecure: true } }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    traces: { receivers: [otlp], exporters: [${exporter}] }
`;
  const remora = startRemora(main, yaml);
  await listening(port);
  return { process: remora, port };
}

function startRemora(main: string, yaml: string): MeasuredProcess {
  return new MeasuredProcess([...IMAGE_FLAGS, main, 'run', '--config', `yaml:${yaml}`], IMAGE_ENVIRONMENT);
}

async function generate(load: RequestLoad, port: number, seconds: number, perSecond: number): Promise<void> {
  const { kind, spans } = load;
  const json = JSON.stringify({ kind, port, spans, connections: 8, seconds, perSecond });
  const generator = new MeasuredProcess([join(HERE, 'generator.ts'), json]);
  const { requests: answered = 0 } = await generator.numbers();
  await generator.end();
  if (answered === 0) throw new Error('The load generator got no answer.');
}

/** What the sink got once nothing more arrives. */
async function settled(sink: MeasuredProcess): Promise<Readonly<Record<string, number>>> {
  for (let before = -1; ;) {
    const now = await sink.ask('tell');
    if (now['requests'] === before) return now;
    before = now['requests'] ?? 0;
    await pause(250);
  }
}

function lines(name: string, operators: readonly string[], floor: number): Scenario {
  return {
    name,
    unit: 'lines',
    floor,
    async run(subject, options) {
      const directory = await mkdtemp(join(tmpdir(), 'remora-bench-'));
      const path = join(directory, 'app.log');
      await writeFile(path, block(0, 1000));
      const sink = new MeasuredProcess([join(HERE, 'sink.ts')]);
      const ports = await sink.numbers();
      const upstream = `http://127.0.0.1:${ports['http']}`;
      const target =
        subject === 'bare'
          ? new MeasuredProcess([join(HERE, 'forwarder.ts'), 'file', upstream, path])
          : startRemora(options.main, fileYaml(path, upstream, operators));
      try {
        const total = (count: Readonly<Record<string, number>>): number =>
          (count['items'] ?? 0) + (count['lines'] ?? 0);
        const arrived = async (wanted: number): Promise<void> => {
          while (total(await sink.ask('tell')) < wanted) await pause(20);
        };
        await arrived(1000);
        const warm = block(1000, 100_000);
        await appendFile(path, warm);
        await arrived(101_000);
        const blocks = Math.max(1, Math.round(options.seconds * 3));
        const cpuBefore = await target.cpuSeconds();
        for (let i = 0; i < blocks; i++) await appendFile(path, warm);
        await arrived(101_000 + blocks * 100_000);
        const cpuSeconds = (await target.cpuSeconds()) - cpuBefore;
        const peakRssBytes = await target.peakRssBytes();
        return result({ items: blocks * 100_000, cpuSeconds, peakRssBytes, p50Ms: 0, p99Ms: 0 });
      } finally {
        await target.end();
        await sink.end();
        await rm(directory, { recursive: true });
      }
    },
  };
}

function block(first: number, count: number): string {
  return `${Array.from({ length: count }, (_, i) => logLine(first + i)).join('\n')}\n`;
}

function fileYaml(path: string, upstream: string, operators: readonly string[]): string {
  return `
receivers:
  filelog:
    include: ['${path}']
    start_at: beginning
${operators.length > 0 ? `    operators:\n${operators.join('\n')}` : ''}
exporters:
  otlphttp: { endpoint: '${upstream}', compression: none }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    logs: { receivers: [filelog], exporters: [otlphttp] }
`;
}

const SERIES = 10_000;

function pages(name: string): Scenario {
  return {
    name,
    unit: 'samples',
    async run(subject, options) {
      const sink = new MeasuredProcess([join(HERE, 'sink.ts')]);
      const ports = await sink.numbers();
      const upstream = `http://127.0.0.1:${ports['http']}`;
      let page = metricsPage(SERIES, 0);
      const app = createServer((_request, response) => {
        response.writeHead(200, {
          'content-type': 'text/plain; version=0.0.4',
          'content-length': Buffer.byteLength(page),
        });
        response.end(page);
      });
      const port = await new Promise<number>((resolve) =>
        app.listen(0, '127.0.0.1', () => resolve(portOf(app.address()))),
      );
      const target =
        subject === 'bare'
          ? new MeasuredProcess([join(HERE, 'forwarder.ts'), 'scrape', upstream, `http://127.0.0.1:${port}/metrics`])
          : startRemora(options.main, scrapeYaml(port, upstream));
      try {
        while (((await sink.ask('tell'))['requests'] ?? 0) < 10) await pause(50);
        page = metricsPage(SERIES, 1);
        await sink.ask('reset');
        const cpuBefore = await target.cpuSeconds();
        await pause(options.seconds * 1000);
        const { requests: scrapes = 0 } = await sink.ask('tell');
        const cpuSeconds = (await target.cpuSeconds()) - cpuBefore;
        const peakRssBytes = await target.peakRssBytes();
        return result({ items: scrapes * SERIES, cpuSeconds, peakRssBytes, p50Ms: 0, p99Ms: 0 });
      } finally {
        await target.end();
        await sink.end();
        app.closeAllConnections();
        app.close();
      }
    },
  };
}

function scrapeYaml(port: number, upstream: string): string {
  return `
receivers:
  prometheus:
    config:
      scrape_configs:
        - { job_name: app, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }
exporters:
  otlphttp: { endpoint: '${upstream}', compression: none }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    metrics: { receivers: [prometheus], exporters: [otlphttp] }
`;
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(portOf(server.address()))),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (open) return;
    await pause(50);
  }
  throw new Error(`Nothing listens on port ${port}.`);
}
