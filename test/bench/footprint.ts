/**
 * Start-up time and memory of the bundle, as the image starts it, with pipelines/sidecar.yaml: ready after how long, how
 * much when idle, and how much under 10,000 spans and 2,000 log lines a second.
 *
 *   npm run bench:footprint                  5 minutes of load
 *   npm run bench:footprint -- --minutes 1
 *
 * Prints a line every 10 seconds and, last, one line of JSON. Exit code 1 when a promise is missed.
 */
import { appendFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { IMAGE_ENVIRONMENT, IMAGE_FLAGS } from './image.ts';
import { MeasuredProcess } from './measured-process.ts';
import { logLine } from './payload.ts';

const READY_MS = 300;
const IDLE_MIB = 80;
const LOADED_MIB = 120;
const LINES_PER_SECOND = 2000;
const ROTATE_EVERY_LINES = 100_000;
/** 512 spans each: 10,240 spans a second. */
const REQUESTS_PER_SECOND = 20;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } });
const seconds = Number(values.minutes) * 60;
const here = import.meta.dirname;
const directory = await mkdtemp(join(tmpdir(), 'remora-footprint-'));
const logs = join(directory, 'logs');
await mkdir(logs);

const sink = new MeasuredProcess([join(here, 'sink.ts')]);
const ports = await sink.numbers();
const [otlp, otlpHttp, health, metrics] = [await freePort(), await freePort(), await freePort(), await freePort()];
const environment = {
  UPSTREAM: `127.0.0.1:${ports['grpc'] ?? 0}`,
  UPSTREAM_INSECURE: 'true',
  OTLP_GRPC_PORT: String(otlp),
  OTLP_HTTP_PORT: String(otlpHttp),
  HEALTH_PORT: String(health),
  METRICS_PORT: String(metrics),
  LOG_DIR: logs,
  STATE_DIR: join(directory, 'state'),
  APP_METRICS: `127.0.0.1:${metrics}`,
  SERVICE_NAME: 'remora',
  ...IMAGE_ENVIRONMENT,
};
const main = join(here, '../../dist/remora.mjs');
const config = join(here, '../../pipelines/sidecar.yaml');
const startMs = performance.now();
const remora = new MeasuredProcess([...IMAGE_FLAGS, main, 'run', '--config', config], environment);
try {
  await until(() => answers(`http://127.0.0.1:${health}/`), 'Remora is ready');
  const readyMs = performance.now() - startMs;
  await pause(5000);
  const idleMib = (await remora.rssBytes()) / 2 ** 20;
  process.stderr.write(`ready after ${readyMs.toFixed(0)} ms, idle ${idleMib.toFixed(1)} MiB\n`);
  const samples = await underLoad();
  report(readyMs, idleMib, samples);
} finally {
  await remora.end();
  await sink.end();
  await rm(directory, { recursive: true, force: true });
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** Resident memory in MiB, every 10 seconds. */
async function underLoad(): Promise<number[]> {
  const load = { kind: 'grpc', port: otlp, spans: 512, connections: 4, seconds, perSecond: REQUESTS_PER_SECOND };
  const generator = new MeasuredProcess([join(here, 'generator.ts'), JSON.stringify(load)]);
  const samples: number[] = [];
  const beginMs = performance.now();
  const cpuBefore = await remora.cpuSeconds();
  for (let tick = 0; tick < seconds * 10; tick++) {
    await writeLines(tick);
    const dueMs = beginMs + (tick + 1) * 100;
    await pause(Math.max(0, dueMs - performance.now()));
    if ((tick + 1) % 100 !== 0) continue;
    samples.push((await remora.rssBytes()) / 2 ** 20);
    const { items = 0 } = await sink.ask('tell');
    const cpu = (await remora.cpuSeconds()) - cpuBefore;
    const share = (100 * cpu) / ((performance.now() - beginMs) / 1000);
    process.stderr.write(
      `${(tick + 1) / 10} s: ${samples.at(-1)?.toFixed(1) ?? ''} MiB, ${share.toFixed(1)} % of a core, ${items} items arrived\n`,
    );
  }
  await generator.end();
  return samples;
}

async function writeLines(tick: number): Promise<void> {
  const perTick = LINES_PER_SECOND / 10;
  const path = join(logs, 'app.log');
  const lines = Array.from({ length: perTick }, (_, i) => logLine(tick * perTick + i));
  await appendFile(path, `${lines.join('\n')}\n`);
  if ((tick * perTick) % ROTATE_EVERY_LINES === 0) await rename(path, `${path}.1`);
}

function report(readyMs: number, idleMib: number, samples: readonly number[]): void {
  const peakMib = Math.max(...samples);
  const third = Math.ceil(samples.length / 3);
  const mean = (part: readonly number[]): number => part.reduce((sum, one) => sum + one, 0) / part.length;
  const growthMib = mean(samples.slice(-third)) - mean(samples.slice(third, 2 * third));
  process.stdout.write(`${JSON.stringify({ readyMs, idleMib, peakMib, growthMib, seconds })}\n`);
  if (readyMs > READY_MS || idleMib > IDLE_MIB || peakMib > LOADED_MIB || growthMib > 5) process.exitCode = 1;
}
