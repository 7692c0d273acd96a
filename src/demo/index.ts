import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arrivedIn } from './arrived.ts';
import { closeWhenAsked, freePorts, listening, startRemora, startShop, stop, whatItPrints } from './processes.ts';
import { reportAll, type Outcome } from './report.ts';
import { reportSampled } from './sampled-report.ts';
import { settled, type SampledFigures } from './sampling-metrics.ts';

export interface DemoOptions {
  readonly seconds: number;
  /** With pipelines/tail-sampling.yaml: kept traces arrive whole with their logs, of others nothing. */
  readonly tailSampling: boolean;
}

/**
 * The whole job on one machine, each part a process of its own:
 *
 *   shop (OpenTelemetry SDK, JSON log, prom-client) -> Remora, pipelines/sidecar.yaml -> Remora, pipelines/upstream.yaml
 *
 * After `seconds`, or Ctrl-C, it stops the three in the order of the data and compares what the shop produced with what
 * the upstream wrote. Resolves to 0 when all of it arrived exactly once, but for what was sampled away as it should be,
 * and both ledgers closed.
 */
export async function demo(options: DemoOptions): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-demo-'));
  const parts: ChildProcess[] = [];
  const asked = new AbortController();
  const onSignal = (): void => asked.abort();
  for (const signal of SIGNALS_OF_CTRL_C) process.on(signal, onSignal);
  try {
    return await runDemo({ ...options, directory, parts, asked: asked.signal });
  } finally {
    for (const signal of SIGNALS_OF_CTRL_C) process.off(signal, onSignal);
    for (const part of parts) if (part.exitCode === null) part.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

interface Stage extends DemoOptions {
  readonly directory: string;
  readonly parts: ChildProcess[];
  /** Fires when the user wants the end; from the first moment on, so that no part is left behind. */
  readonly asked: AbortSignal;
}

const SIGNALS_OF_CTRL_C = ['SIGINT', 'SIGTERM'] as const;

async function runDemo({ seconds, tailSampling, directory, parts, asked }: Stage): Promise<number> {
  const [otlp, otlpHttp, health, metrics = 0, app, upstream, upstreamHttp, upstreamMetrics] = await freePorts(8);
  const logs = join(directory, 'logs');
  await mkdir(logs);
  const written = join(directory, 'upstream.jsonl');
  const traces = join(directory, 'traces.jsonl');
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
    DECISION_WAIT: '1s',
  };
  say(`Starting the upstream, the sidecar and the shop; ${seconds} seconds of shopping follow (Ctrl-C ends it early).`);
  const receiver = startRemora('upstream', 'upstream', upstreamEnv, parts);
  await listening(upstream ?? 0, receiver);
  const sidecar = startRemora('sidecar', tailSampling ? 'tail-sampling' : 'sidecar', sidecarEnv, parts);
  await listening(health ?? 0, sidecar);
  const logFile = join(logs, 'app.log');
  const shop = startShop({ otlp, metricsPort: app, logFile, traceFile: traces, seconds, perSecond: 150 }, parts);
  const [produced] = await Promise.all([whatItPrints(shop), closeWhenAsked(shop, app ?? 0, asked)]);
  let figures: SampledFigures | undefined;
  if (tailSampling) {
    say('The shop has closed. Waiting until its last traces are decided.');
    figures = await settled(metrics);
  } else say('The shop has closed. Stopping the sidecar, which drains, then the upstream.');
  await stop(sidecar);
  await stop(receiver);
  const outcome: Outcome = { produced, arrived: await arrivedIn(written), sidecar, receiver };
  return figures === undefined ? reportAll(outcome, say) : reportSampled(outcome, { figures, traces }, say);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
