import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { arrivedIn, type Arrived } from './arrived.ts';

/**
 * The whole job on one machine, each part a process of its own:
 *
 *   shop (OpenTelemetry SDK, JSON log, prom-client) -> Remora, pipelines/sidecar.yaml -> Remora, pipelines/upstream.yaml
 *
 * After `seconds`, or Ctrl-C, it stops the three in the order of the data and compares what the shop produced with what
 * the upstream wrote. Resolves to 0 when all of it arrived exactly once and both ledgers closed.
 */
export async function demo(seconds: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-demo-'));
  const parts: ChildProcess[] = [];
  const asked = new AbortController();
  const onSignal = (): void => asked.abort();
  for (const signal of SIGNALS_OF_CTRL_C) process.on(signal, onSignal);
  try {
    return await runDemo({ seconds, directory, parts, asked: asked.signal });
  } finally {
    for (const signal of SIGNALS_OF_CTRL_C) process.off(signal, onSignal);
    for (const part of parts) if (part.exitCode === null) part.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

interface Stage {
  readonly seconds: number;
  readonly directory: string;
  readonly parts: ChildProcess[];
  /** Fires when the user wants the end; from the first moment on, so that no part is left behind. */
  readonly asked: AbortSignal;
}

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const SIGNALS_OF_CTRL_C = ['SIGINT', 'SIGTERM'] as const;

async function runDemo({ seconds, directory, parts, asked }: Stage): Promise<number> {
  const [otlp, otlpHttp, health, metrics, app, upstream, upstreamHttp, upstreamMetrics] = await freePorts(8);
  const logs = join(directory, 'logs');
  await mkdir(logs);
  const written = join(directory, 'upstream.jsonl');
  const upstreamEnv = {
    UPSTREAM_GRPC_PORT: upstream,
    UPSTREAM_HTTP_PORT: upstreamHttp,
    UPSTREAM_METRICS_PORT: upstreamMetrics,
    UPSTREAM_FILE: written,
  };
  const sidecarEnv = {
    UPSTREAM: `127.0.0.1:${upstream}`,
    UPSTREAM_INSECURE: 'true',
    OTLP_GRPC_PORT: otlp,
    OTLP_HTTP_PORT: otlpHttp,
    HEALTH_PORT: health,
    METRICS_PORT: metrics,
    LOG_DIR: logs,
    STATE_DIR: join(directory, 'state'),
    APP_METRICS: `127.0.0.1:${app}`,
    SERVICE_NAME: 'shop',
    SCRAPE_INTERVAL: '1s',
    SCRAPE_TIMEOUT: '1s',
  };
  say(`Starting the upstream, the sidecar and the shop; ${seconds} seconds of shopping follow (Ctrl-C ends it early).`);
  const receiver = startRemora('upstream', upstreamEnv, parts);
  await listening(upstream ?? 0, receiver);
  const sidecar = startRemora('sidecar', sidecarEnv, parts);
  await listening(health ?? 0, sidecar);
  const shop = spawn(
    process.execPath,
    [
      join(HERE, 'shop.ts'),
      JSON.stringify({ otlp, metricsPort: app, logFile: join(logs, 'app.log'), seconds, perSecond: 150 }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  );
  parts.push(shop);
  const [produced] = await Promise.all([whatItPrints(shop), closeWhenAsked(shop, app ?? 0, asked)]);
  say('The shop has closed. Stopping the sidecar, which drains, then the upstream.');
  await stop(sidecar);
  await stop(receiver);
  return report(produced, await arrivedIn(written), ledgersOf(sidecar, receiver));
}

interface RemoraProcess extends ChildProcess {
  readonly output: string[];
}

function startRemora(
  name: string,
  env: Readonly<Record<string, string | number | undefined>>,
  parts: ChildProcess[],
): RemoraProcess {
  const args = [join(ROOT, 'src/main.ts'), 'run', '--config', join(ROOT, `pipelines/${name}.yaml`)];
  const set = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)]));
  // A process group of its own, so that Ctrl-C reaches only the demo, which then stops the parts in order.
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...set },
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
  });
  parts.push(child);
  const output: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.push(text);
    for (const line of text.trimEnd().split('\n')) process.stderr.write(`${name.padEnd(8)} | ${line}\n`);
  });
  return Object.assign(child, { output });
}

/** Before it listens the shop would die of the signal instead of closing. */
async function closeWhenAsked(shop: ChildProcess, port: number, asked: AbortSignal): Promise<void> {
  await listening(port, shop);
  const close = (): void => void shop.kill('SIGTERM');
  if (asked.aborted) close();
  asked.addEventListener('abort', close, { once: true });
}

/** The one JSON line that the shop prints at its end; SIGTERM tells it to close early. */
async function whatItPrints(shop: ChildProcess): Promise<Readonly<Record<string, number>>> {
  let text = '';
  shop.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise<number | null>((resolve) => shop.once('close', resolve));
  if (code !== 0) throw new Error(`The shop ended with exit code ${code ?? 'none'}.`);
  const counts: unknown = JSON.parse(text);
  if (typeof counts !== 'object' || counts === null) throw new Error('The shop printed no counts.');
  return Object.fromEntries(Object.entries(counts).map(([key, value]) => [key, Number(value)]));
}

async function stop(remora: RemoraProcess): Promise<void> {
  if (remora.exitCode !== null) throw new Error(`Remora ended by itself with exit code ${remora.exitCode}.`);
  const ended = new Promise<void>((resolve) => remora.once('close', () => resolve()));
  remora.kill('SIGTERM');
  await ended;
}

function ledgersOf(...all: readonly RemoraProcess[]): boolean {
  return all.every(({ output, exitCode }) => exitCode === 0 && output.join('').includes('ledger: closed'));
}

function report(produced: Readonly<Record<string, number>>, arrived: Arrived, ledgersClosed: boolean): number {
  const points = (produced['sdkPoints'] ?? 0) + (produced['scrapedPoints'] ?? 0);
  const rows: readonly (readonly [string, number, number])[] = [
    ['spans', produced['spans'] ?? 0, arrived.spans],
    ['log lines', produced['logLines'] ?? 0, arrived.logRecords],
    ['metric points', points, arrived.points],
  ];
  say(`\n${''.padEnd(14)}${'produced'.padStart(10)}${'arrived'.padStart(10)}`);
  for (const [what, made, came] of rows) {
    say(
      `${what.padEnd(14)}${String(made).padStart(10)}${String(came).padStart(10)}  ${made === came ? 'equal' : 'DIFFERENT'}`,
    );
  }
  say(
    `\nThe log was rotated ${produced['rotations'] ?? 0} times; the page was scraped ${produced['scrapes'] ?? 0} times, and ${arrived.synthetic} points about the scrapes came with it.`,
  );
  const equal = rows.every(([, made, came]) => made === came && made > 0);
  say(
    equal && ledgersClosed
      ? 'produced = arrived, and both ledgers are closed.'
      : 'Something is unaccounted for; see above.',
  );
  return equal && ledgersClosed ? 0 : 1;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          }),
        ),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function listening(port: number, part: ChildProcess): Promise<void> {
  const { connect } = await import('node:net');
  for (let tries = 0; tries < 300 && part.exitCode === null; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
    });
    if (open) return;
    await pause(50);
  }
  throw new Error('A part of the demo did not become ready; its output is above.');
}
