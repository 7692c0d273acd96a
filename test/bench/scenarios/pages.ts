import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { MeasuredProcess } from '../measured-process.ts';
import { metricsPage } from '../payload.ts';
import { runResult, type CeilingScenario, type RatioScenario, type RunOptions, type RunResult } from '../scenario.ts';
import { startBare, startRemora, startSink } from '../subjects.ts';

const SERIES = 10_000;
const PAGE_HEADERS = { 'content-type': 'text/plain; version=0.0.4' };
/** Compilers have seen every path by then. */
const WARM_PAGES = 30;
/** More than are remembered of a target, so that none is known when its turn comes again. */
const NEW_PAGES = 12;

type Start = (upstream: string, port: number) => MeasuredProcess;

/** A page of metrics, scraped ten times a second. */
export function pages(name: string, floor: number): RatioScenario {
  return {
    kind: 'ratio',
    name,
    unit: 'samples',
    floor,
    run: (subject, options) =>
      scrape(samePages(), options, (upstream, port) =>
        subject === 'bare'
          ? startBare('scrape', upstream, `http://127.0.0.1:${port}/metrics`)
          : startRemora(options.main, scrapeYaml(port, upstream)),
      ),
  };
}

/** CPU of the whole process for each sample, from the page to OTLP/HTTP. `isNew`: no series is there twice, and each is ended. */
export function pageCost(name: string, isNew: boolean, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'µs per sample',
    ceiling,
    async run(options) {
      const bodies = isNew ? newPages() : samePages();
      const run = await scrape(bodies, options, (upstream, port) =>
        startRemora(options.main, scrapeYaml(port, upstream)),
      );
      const peakMb = Math.round(run.peakRssBytes / 2 ** 20);
      const detail = `${Math.round(run.itemsPerCpuSecond / 1000)} k samples per CPU-second, peak RSS ${peakMb} MB`;
      return { value: 1e6 / run.itemsPerCpuSecond, detail };
    },
  };
}

/** The same series on every page, half of the time with other values. */
function samePages(): Buffer[] {
  return [0, 1].map((tick) => Buffer.from(metricsPage(SERIES, tick)));
}

function newPages(): Buffer[] {
  const page = metricsPage(SERIES, 0);
  return Array.from({ length: NEW_PAGES }, (_, at) => Buffer.from(page.replaceAll('pod="p', `pod="p${at}-`)));
}

/** Serves the bodies in turn, and measures the subject that scrapes them. */
async function scrape(bodies: readonly Buffer[], { seconds }: RunOptions, start: Start): Promise<RunResult> {
  const sink = await startSink();
  let served = 0;
  const app = createServer((_request, response) => {
    const page = bodies[served++ % bodies.length] ?? Buffer.alloc(0);
    response.writeHead(200, { ...PAGE_HEADERS, 'content-length': page.length });
    response.end(page);
  });
  const port = await new Promise<number>((resolve) => {
    app.listen(0, '127.0.0.1', () => resolve(portOf(app.address())));
  });
  const target = start(sink.url, port);
  const arrived = async (): Promise<number> => (await sink.process.ask('tell'))['requests'] ?? 0;
  try {
    await until(async () => (await arrived()) >= WARM_PAGES, 'the first pages arrived', 60_000);
    await sink.process.ask('reset');
    const cpuBefore = await target.cpuSeconds();
    await pause(seconds * 1000);
    const { requests: scrapes = 0 } = await sink.process.ask('tell');
    const cpuSeconds = (await target.cpuSeconds()) - cpuBefore;
    const peakRssBytes = await target.peakRssBytes();
    return runResult({ items: scrapes * SERIES, cpuSeconds, peakRssBytes, p50Ms: 0, p99Ms: 0 });
  } finally {
    await target.end();
    await sink.process.end();
    app.closeAllConnections();
    app.close();
  }
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
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    metrics: { receivers: [prometheus], exporters: [otlphttp] }
`;
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
