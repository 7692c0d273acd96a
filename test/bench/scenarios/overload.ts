import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';
import { MeasuredProcess } from '../measured-process.ts';
import { runResult, type CeilingScenario, type RatioScenario, type RunOptions } from '../scenario.ts';
import { startRemora, startSink } from '../subjects.ts';

/** What is offered once, and ten times of it. */
interface Overload {
  /** Requests that the sink takes in a second; absent: all that Remora can send. */
  readonly sinkPerSecond?: number;
  readonly spans: number;
  readonly once: Offer;
  readonly tenfold: Offer;
}

/** `perSecond` 0: each connection sends as fast as it gets answers, 20 ms after a refusal. */
interface Offer {
  readonly connections: number;
  readonly perSecond: number;
}

const UPSTREAM_LIMITED: Overload = {
  sinkPerSecond: 100,
  spans: 50,
  once: { connections: 8, perSecond: 100 },
  tenfold: { connections: 32, perSecond: 1000 },
};

const CPU_LIMITED: Overload = {
  spans: 50,
  once: { connections: 8, perSecond: 0 },
  tenfold: { connections: 80, perSecond: 0 },
};

/** What a client waits for a refusal at ten times what the upstream takes; clients come back before they should. */
export function refusals(name: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'ms',
    ceiling,
    async run(options) {
      const { tenfold } = await overload(UPSTREAM_LIMITED, options);
      const { refused = 0, refusedP50: value = 0, refusedP99 = 0 } = tenfold.answers;
      if (refused === 0) throw new Error('Nothing was refused.');
      return { value, detail: `99 of 100 within ${refusedP99.toFixed(1)} ms` };
    },
  };
}

/** How much less arrives at a sink that takes so many a second than at the load that it can just bear. */
export function lostGoodput(name: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: '%',
    ceiling,
    async run(options) {
      const { once, tenfold } = await overload(UPSTREAM_LIMITED, options);
      const rates = `${Math.round(tenfold.perSecond)} of ${Math.round(once.perSecond)} requests a second`;
      const value = Math.max(0, 100 * (1 - tenfold.perSecond / once.perSecond));
      return { value, detail: `${rates}, ${tenfold.answers['refused'] ?? 0} refused` };
    },
  };
}

/** Where the CPU is the limit: what is delivered with 80 connections that do not wait, for each second of CPU. `bare` is with 8. */
export function crowd(name: string): RatioScenario {
  return {
    kind: 'ratio',
    name,
    unit: 'requests',
    async run(subject, options) {
      const { once, tenfold } = await overload(CPU_LIMITED, options);
      return runResult({ ...(subject === 'bare' ? once : tenfold), p50Ms: 0, p99Ms: 0 });
    },
  };
}

interface Borne {
  /** Requests that reached the sink. */
  readonly items: number;
  readonly perSecond: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly answers: Readonly<Record<string, number>>;
}

async function overload(load: Overload, { main, seconds }: RunOptions): Promise<{ once: Borne; tenfold: Borne }> {
  const sink = await startSink(load.sinkPerSecond);
  const port = await freePort();
  const remora = startRemora(
    main,
    `
receivers:
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } }
exporters:
  otlphttp: { endpoint: '${sink.url}', compression: none, sending_queue: { max_bytes: 4MiB } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlphttp] } }
`,
  );
  const offer = async ({ connections, perSecond }: Offer, forSeconds: number): Promise<Borne> => {
    const json = JSON.stringify({ kind: 'http', port, spans: load.spans, connections, seconds: forSeconds, perSecond });
    const generator = new MeasuredProcess([join(import.meta.dirname, '../generator.ts'), json]);
    await generator.numbers();
    const beginMs = performance.now();
    const cpuBefore = await remora.cpuSeconds();
    await sink.process.ask('reset');
    const answers = await generator.numbers();
    const { requests: items = 0 } = await sink.process.ask('tell');
    const borne = (1000 * items) / (performance.now() - beginMs);
    const cpuSeconds = (await remora.cpuSeconds()) - cpuBefore;
    await generator.end();
    return { items, perSecond: borne, cpuSeconds, peakRssBytes: await remora.peakRssBytes(), answers };
  };
  try {
    await until(() => isOpen(port), `port ${port} is open`);
    await offer(load.once, 1);
    return { once: await offer(load.once, seconds), tenfold: await offer(load.tenfold, seconds) };
  } finally {
    await remora.end();
    await sink.process.end();
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
