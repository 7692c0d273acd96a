import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Signal } from '../../src/core/signal.ts';
import { jsonToRequest } from '../../src/otlp/json.ts';
import { ItemLines } from '../../src/replay/output/item-lines.ts';
import { freePort } from '../support/ports.ts';
import { startCommand, temporaryDirectory, type Ended } from '../support/remora.ts';

/** The demo with `remora record` in the place of its sidecar: every part is a process of its own, and its sockets are real. */

export interface RecordedDemo {
  readonly folder: string;
  /** What the upstream wrote, as the lines of fixtures. */
  readonly delivered: ReadonlyMap<Signal, Buffer>;
  readonly produced: Readonly<Record<string, number>>;
  readonly recorder: Ended;
}

export interface DemoOptions {
  readonly seconds: number;
  /** Customers. */
  readonly perSecond: number;
  readonly pipeline: string;
  readonly args?: readonly string[];
  /** Happens while the shop is open. */
  readonly meanwhile?: (ports: { readonly otlpHttp: number }) => Promise<void>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function recordDemo(t: TestContext, options: DemoOptions): Promise<RecordedDemo> {
  const directory = await temporaryDirectory(t);
  const [folder, logs] = [join(directory, 'fixture'), join(directory, 'logs')];
  const written = join(directory, 'upstream.jsonl');
  await mkdir(logs);
  const ports = await somePorts(8);
  const upstream = await startCommand(t, ['run', '--config', join(ROOT, 'pipelines/upstream.yaml')], {
    UPSTREAM_GRPC_PORT: `${ports[0]}`,
    UPSTREAM_HTTP_PORT: `${ports[1]}`,
    UPSTREAM_METRICS_PORT: `${ports[2]}`,
    UPSTREAM_FILE: written,
  });
  const config = join(ROOT, `pipelines/${options.pipeline}.yaml`);
  const recorder = await startCommand(t, ['record', '--config', config, '--out', folder, ...(options.args ?? [])], {
    UPSTREAM: `127.0.0.1:${ports[0]}`,
    UPSTREAM_INSECURE: 'true',
    OTLP_GRPC_PORT: `${ports[3]}`,
    OTLP_HTTP_PORT: `${ports[4]}`,
    HEALTH_PORT: `${ports[5]}`,
    METRICS_PORT: `${ports[6]}`,
    LOG_DIR: logs,
    STATE_DIR: join(directory, 'state'),
    APP_METRICS: `127.0.0.1:${ports[7]}`,
    SERVICE_NAME: 'shop',
    SCRAPE_INTERVAL: '1s',
    SCRAPE_TIMEOUT: '1s',
    DECISION_WAIT: '1s',
  });
  const shop = startShop(t, {
    otlp: ports[3],
    metricsPort: ports[7],
    logFile: join(logs, 'app.log'),
    traceFile: join(directory, 'traces.jsonl'),
    seconds: options.seconds,
    perSecond: options.perSecond,
    rotateEvery: 100,
  });
  await options.meanwhile?.({ otlpHttp: ports[4] ?? 0 });
  const produced = await shop;
  const ended = await recorder.stop();
  await upstream.stop();
  return { folder, delivered: await deliveredIn(written), produced, recorder: ended };
}

async function somePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

async function startShop(t: TestContext, options: object): Promise<Record<string, number>> {
  const shop = spawn(process.execPath, [join(ROOT, 'src/demo/shop.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => shop.kill('SIGKILL'));
  let text = '';
  shop.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(shop, 'close');
  const counts: unknown = JSON.parse(text);
  if (typeof counts !== 'object' || counts === null) throw new Error('The shop printed no counts.');
  return Object.fromEntries(Object.entries(counts).map(([key, value]) => [key, Number(value)]));
}

const SIGNAL_OF = { resourceSpans: 'traces', resourceLogs: 'logs', resourceMetrics: 'metrics' } as const;

/** What a file exporter wrote, as the lines of fixtures. */
export async function deliveredIn(path: string): Promise<Map<Signal, Buffer>> {
  const formats = new Map<Signal, ItemLines>();
  const lines = new Map<Signal, Uint8Array[]>();
  for (const text of (await readFile(path, 'utf8')).split('\n')) {
    const [, signal] = Object.entries(SIGNAL_OF).find(([key]) => text.startsWith(`{"${key}"`)) ?? [];
    if (signal === undefined) continue;
    const format = formats.get(signal) ?? new ItemLines(signal);
    formats.set(signal, format);
    const list = lines.get(signal) ?? [];
    lines.set(signal, list);
    list.push(Buffer.from(format.of(jsonToRequest(signal, Buffer.from(text)))));
  }
  return new Map(Array.from(lines, ([signal, list]) => [signal, Buffer.concat(list)]));
}
