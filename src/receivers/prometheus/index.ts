import { defineReceiver, type Consumer, type Receiver, type ReceiverContext } from '../../core/component.ts';
import { tlsClientSettings, TlsClient, type TlsOptions } from '../../net/tls-client.ts';
import { prometheusSettings, type PrometheusSettings, type TlsConfig } from './config.ts';
import { resolveJobs, type Job } from './job.ts';
import { JobTargets } from './job-targets.ts';
import { PageBuffers } from './page-buffers.ts';
import { pageClient, type PageClient, type PageMemory } from './page-client.ts';
import { RequestWriter } from './request-writer.ts';
import { VERSION } from './scrape-headers.ts';
import { scrapeMetrics, scrapeMetricSpecs } from './scrape-metrics.ts';
import { scrapeOffsetMs, type Target } from './target.ts';
import { TargetLoop } from './target-loop.ts';
import { TargetSeries } from './target-series.ts';

/** The scope of metrics that name none (specification: the scraper itself). */
const SCOPE = { name: 'remora/receiver/prometheus', version: VERSION };

export const prometheusReceiver = defineReceiver({
  type: 'prometheus',
  summary: 'Scrapes Prometheus and OpenMetrics endpoints.',
  signals: ['metrics'],
  config: prometheusSettings,
  metrics: scrapeMetricSpecs,
  create: (settings, context) => new PrometheusReceiver(settings, context),
});

/** What the jobs of one receiver have in common. */
interface Shared {
  readonly next: Consumer;
  readonly writer: RequestWriter;
  readonly memory: PageMemory;
}

class PrometheusReceiver implements Receiver {
  readonly #context: ReceiverContext;
  readonly #jobs: readonly Job[];
  readonly #problems = new Map<TargetSeries, string>();
  #targets: JobTargets[] = [];
  #clients: PageClient[] = [];
  #stopping: Promise<void> | undefined;

  constructor(settings: PrometheusSettings, context: ReceiverContext) {
    this.#context = context;
    this.#jobs = resolveJobs(settings);
  }

  start(): Promise<void> {
    const next = this.#context.next.metrics;
    if (next === undefined) return Promise.resolve();
    const { admission } = this.#context;
    const shared = { next, writer: new RequestWriter(SCOPE), memory: { admission, buffers: new PageBuffers() } };
    for (const job of this.#jobs) {
      const targets = this.#jobTargets(job, shared);
      targets.update('static_configs', job.config.static_configs);
      this.#targets.push(targets);
    }
    return Promise.resolve();
  }

  #jobTargets(job: Job, { next, writer, memory }: Shared): JobTargets {
    const { clock, log, meter, id, instanceId } = this.#context;
    const client = pageClient(this.#tls(job), memory);
    this.#clients.push(client);
    const metrics = scrapeMetrics(meter, id, job.name);
    const begin = (target: Target, targets: JobTargets): TargetLoop => {
      const series = new TargetSeries(target, job.rules, writer);
      const onHealth = (problem: string | undefined): void => this.#noteHealth(series, problem);
      const targetCount = (): number => targets.count;
      const loop = new TargetLoop({ job, series, client, next, clock, log, metrics, targetCount, onHealth });
      loop.start(scrapeOffsetMs(target, instanceId));
      return loop;
    };
    return new JobTargets({ job, clock, log, begin });
  }

  drain(): void {
    for (const targets of this.#targets) targets.drain();
  }

  stop(deadline: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(deadline);
    return this.#stopping;
  }

  async #stop(deadline: AbortSignal): Promise<void> {
    await Promise.all(this.#targets.map((targets) => targets.stop(deadline)));
    await Promise.all(this.#clients.map((client) => client.close()));
    this.#targets = [];
    this.#clients = [];
  }

  /** Files are read once: they are those of the application beside us. */
  #tls(job: Job): TlsOptions {
    const settings = tlsClientSettings().parse(tlsKeys(job.config.tls_config));
    return new TlsClient(settings, this.#context.clock, this.#context.log).current();
  }

  /** One reason for the whole receiver: the first failing target, and how many others fail. */
  #noteHealth(series: TargetSeries, problem: string | undefined): void {
    if (problem === undefined) this.#problems.delete(series);
    else this.#problems.set(series, problem);
    const [first] = this.#problems.values();
    const others = this.#problems.size - 1;
    const reason = first === undefined || others === 0 ? first : `${first} (and ${others} more)`;
    this.#context.reportHealth('metrics', reason);
  }
}

const TLS_VERSION = { TLS10: '1.0', TLS11: '1.1', TLS12: '1.2', TLS13: '1.3' } as const;

/** Prometheus's names for TLS settings as the Collector's. */
function tlsKeys(tls: TlsConfig | undefined): object {
  if (tls === undefined) return {};
  const keys = {
    ca_file: tls.ca_file,
    ca_pem: tls.ca?.reveal(),
    cert_file: tls.cert_file,
    cert_pem: tls.cert?.reveal(),
    key_file: tls.key_file,
    key_pem: tls.key?.reveal(),
    server_name_override: tls.server_name,
    insecure_skip_verify: tls.insecure_skip_verify,
    min_version: TLS_VERSION[tls.min_version],
    max_version: tls.max_version === undefined ? undefined : TLS_VERSION[tls.max_version],
  };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}
