import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';
import type { CeilingScenario } from '../scenario.ts';
import { startRemora, startSink } from '../subjects.ts';
import { generate, isOpen, type RequestLoad } from './requests.ts';

const LOAD: RequestLoad = { kind: 'http', spans: 512, compression: 'none', names: 1000 };

/** Spans that are received and counted, and go nowhere else: CPU of the whole process for each. */
export function spanMetrics(name: string, settings: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'µs per span',
    ceiling,
    async run({ main, seconds }) {
      const [sink, port] = [await startSink(), await freePort()];
      const remora = startRemora(main, yamlOf(port, sink.url, settings));
      try {
        await until(() => isOpen(port), `port ${port} is open`);
        await generate(LOAD, port, Math.max(1, seconds / 2), 0);
        const cpuBefore = await remora.cpuSeconds();
        const requests = await generate(LOAD, port, seconds, 0);
        const cpuSeconds = (await remora.cpuSeconds()) - cpuBefore;
        await pause(1500);
        await sink.process.ask('reset');
        await until(async () => ((await sink.process.ask('tell'))['items'] ?? 0) > 0, 'the series have arrived');
        const { items: points = 0 } = await sink.process.ask('tell');
        const spans = requests * LOAD.spans;
        const detail = `${Math.round(spans / cpuSeconds / 1000)} k spans per CPU-second, ${points / 2} series`;
        return { value: (cpuSeconds * 1e6) / spans, detail };
      } finally {
        await remora.end();
        await sink.process.end();
      }
    },
  };
}

function yamlOf(port: number, upstream: string, settings: string): string {
  return `
receivers:
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } }
exporters:
  otlphttp: { endpoint: '${upstream}', compression: none }
connectors:
  span_metrics: { metrics_flush_interval: 1s, ${settings} }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    traces: { receivers: [otlp], exporters: [span_metrics] }
    metrics: { receivers: [span_metrics], exporters: [otlphttp] }
`;
}
