import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { CeilingScenario, RunOptions } from '../scenario.ts';

const START = '2026-06-01T00:00:00.000Z';
const SPANS = 100;
const LINES = 100;
const SCRAPED_EVERY = 15;
const HOUR_SECONDS = 3600;

const CONFIG = `
receivers:
  otlp: { protocols: { grpc: {} } }
  filelog: { include: [/var/log/app/*.log], start_at: beginning }
  prometheus:
    config:
      scrape_configs:
        - { job_name: app, scrape_interval: ${SCRAPED_EVERY}s, static_configs: [{ targets: ['app:9090'] }] }
processors:
  batch: { timeout: 1s }
exporters:
  otlphttp: { endpoint: http://upstream:4318 }
service:
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlphttp] }
    logs: { receivers: [filelog], processors: [batch], exporters: [otlphttp] }
    metrics: { receivers: [prometheus], processors: [batch], exporters: [otlphttp] }
`;
const MANIFEST = `
format: 1
title: An hour of an application
start: '${START}'
replays: { hour: { config: [config.yaml], expect: digest } }
`;

/** What `remora diff` compares the configuration with. */
const TENTH = CONFIG.replace(
  'processors:\n',
  'processors:\n  probabilistic_sampler: { sampling_percentage: 10, mode: proportional }\n',
).replace('receivers: [otlp], processors: [', 'receivers: [otlp], processors: [probabilistic_sampler, ');

type Figure = 'seconds' | 'megabytes';

/** An hour of virtual time, with what is expected of it; one figure of it. */
export function hourReplayed(name: string, figure: Figure, ceiling: number): CeilingScenario {
  return hour(name, figure, ceiling, async (main, fixture) => {
    await measured(main, ['replay', fixture, '--update']);
    return measured(main, ['replay', fixture]);
  });
}

/** The same hour through two configurations: all of the traces, and a tenth of them. */
export function hourCompared(name: string, figure: Figure, ceiling: number): CeilingScenario {
  return hour(name, figure, ceiling, (main, fixture) => {
    const configs = [join(fixture, 'config.yaml'), join(fixture, 'tenth.yaml')];
    return measured(main, ['diff', ...configs, '--fixture', fixture, '--html', join(fixture, 'effect.html')]);
  });
}

function hour(
  name: string,
  figure: Figure,
  ceiling: number,
  run: (main: RunOptions['main'], fixture: string) => Promise<Measured>,
): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: figure === 'seconds' ? 's' : 'MB at its peak',
    ceiling,
    async run({ main, smoke }) {
      const folder = await mkdtemp(join(tmpdir(), 'remora-bench-'));
      try {
        const fixture = join(folder, 'hour');
        await writeFixture(fixture, smoke ? 60 : HOUR_SECONDS);
        const { seconds, peakBytes } = await run(main, fixture);
        const megabytes = peakBytes / 1e6;
        const detail = `${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB`;
        return { value: figure === 'seconds' ? seconds : megabytes, detail };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

interface Measured {
  readonly seconds: number;
  readonly peakBytes: number;
}

/** The command as a user runs it, from its start to its exit. */
async function measured(main: RunOptions['main'], args: readonly string[]): Promise<Measured> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let peakBytes = 0;
  const look = async (): Promise<void> => {
    const status = await readFile(`/proc/${child.pid ?? 0}/status`, 'utf8').catch(() => '');
    peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
  };
  const looking = setInterval(() => void look(), 20);
  await once(child, 'exit');
  clearInterval(looking);
  if (child.exitCode !== 0) throw new Error(`${args[0] ?? ''} ended with exit code ${child.exitCode ?? 'none'}.`);
  return { seconds: (performance.now() - startedMs) / 1000, peakBytes };
}

async function writeFixture(folder: string, seconds: number): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, 'manifest.yaml'), MANIFEST);
  await writeFile(join(folder, 'config.yaml'), CONFIG);
  await writeFile(join(folder, 'tenth.yaml'), TENTH);
  await writeLines(join(folder, 'requests.jsonl.gz'), seconds, requestAt);
  await writeLines(join(folder, 'files.jsonl.gz'), seconds, appendAt);
  await writeLines(join(folder, 'pages.jsonl.gz'), seconds, (second) =>
    second % SCRAPED_EVERY === 0 ? pageAt(second) : undefined,
  );
}

async function writeLines(path: string, seconds: number, at: (second: number) => object | undefined): Promise<void> {
  const lines = function* (): Generator<string> {
    for (let second = 0; second < seconds; second++) {
      const line = at(second);
      if (line !== undefined) yield `${JSON.stringify(line)}\n`;
    }
  };
  await pipeline(Readable.from(lines()), createGzip({ level: 1 }), createWriteStream(path));
}

function requestAt(second: number): object {
  const startSeconds = Date.parse(START) / 1000 + second;
  const spans = Array.from({ length: SPANS }, (_, i) => {
    const n = second * SPANS + i + 1;
    const route = `/route/${i % 20}`;
    return {
      traceId: Math.ceil(n / 5)
        .toString(16)
        .padStart(32, '0'),
      spanId: n.toString(16).padStart(16, '0'),
      name: `GET ${route}`,
      kind: 2,
      startTimeUnixNano: `${startSeconds}${String(i).padStart(3, '0')}000000`,
      endTimeUnixNano: `${startSeconds}${String(i + 5).padStart(3, '0')}000000`,
      attributes: [
        { key: 'http.route', value: { stringValue: route } },
        { key: 'http.response.status_code', value: { intValue: '200' } },
        { key: 'server.address', value: { stringValue: 'shop.example' } },
      ],
      status: {},
    };
  });
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'shop' }, spans }] }] };
  return { at: second + 0.1, receiver: 'otlp', transport: 'grpc', signal: 'traces', headers: {}, body };
}

function appendAt(second: number): object {
  const time = new Date(Date.parse(START) + second * 1000).toISOString();
  const line = (i: number): string =>
    `${time} info request ${second * LINES + i} served in ${i} ms for route /items/${i % 7}\n`;
  const text = Array.from({ length: LINES }, (_, i) => line(i)).join('');
  return { at: second + 0.2, path: '/var/log/app/app.log', op: 'append', text };
}

function pageAt(second: number): object {
  const family = (name: string, k: number): string =>
    `# TYPE ${name} counter\n` +
    Array.from({ length: 10 }, (_, i) => `${name}{route="/r${i}"} ${second * k}\n`).join('');
  const body = Array.from({ length: 10 }, (_, k) => family(`requests_${k}_total`, k)).join('');
  return { at: second, url: 'http://app:9090/metrics', status: 200, contentType: 'text/plain; version=0.0.4', body };
}
