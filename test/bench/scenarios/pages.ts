import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import { metricsPage } from '../payload.ts';
import { runResult, type RatioScenario } from '../scenario.ts';
import { startBare, startRemora, startSink } from '../subjects.ts';

const SERIES = 10_000;
const PAGE_HEADERS = { 'content-type': 'text/plain; version=0.0.4' };

/** A page of metrics, scraped ten times a second. */
export function pages(name: string): RatioScenario {
  return {
    kind: 'ratio',
    name,
    unit: 'samples',
    async run(subject, options) {
      const sink = await startSink();
      let page = Buffer.from(metricsPage(SERIES, 0));
      const app = createServer((_request, response) => {
        response.writeHead(200, { ...PAGE_HEADERS, 'content-length': page.length });
        response.end(page);
      });
      const port = await new Promise<number>((resolve) => {
        app.listen(0, '127.0.0.1', () => resolve(portOf(app.address())));
      });
      const target =
        subject === 'bare'
          ? startBare('scrape', sink.url, `http://127.0.0.1:${port}/metrics`)
          : startRemora(options.main, scrapeYaml(port, sink.url));
      try {
        await until(async () => ((await sink.process.ask('tell'))['requests'] ?? 0) >= 10, 'ten pages arrived', 30_000);
        page = Buffer.from(metricsPage(SERIES, 1));
        await sink.process.ask('reset');
        const cpuBefore = await target.cpuSeconds();
        await pause(options.seconds * 1000);
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
