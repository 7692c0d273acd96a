import { defineReceiver, type Consumer, type Receiver, type ReceiverContext } from '../../core/component.ts';
import { ByteHash } from './byte-hash.ts';
import { prometheusSettings, type PrometheusSettings } from './config.ts';
import type { Discovery, DiscoveryParts } from './discovery/discovery.ts';
import { FileDiscovery } from './discovery/file-discovery.ts';
import { HttpDiscovery } from './discovery/http-discovery.ts';
import { tlsOptions, type HttpClientConfig } from './http-client-settings.ts';
import { resolveJobs, type Job } from './job.ts';
import { JobTargets } from './job-targets.ts';
import { PageBuffers } from './page-buffers.ts';
import { pageClient, type PageClient, type PageMemory } from './page-client.ts';
import { seamPageClient, tappedPageClient } from './page-seam.ts';
import { RequestWriter } from './request-writer.ts';
import { VERSION } from './scrape-headers.ts';
import { discoveryFailures, observeTargets, scrapeMetrics, scrapeMetricSpecs } from './scrape-metrics.ts';
import { firstScrapeMs, type Target } from './target.ts';
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
  readonly hash: ByteHash;
  readonly memory: PageMemory;
}

class PrometheusReceiver implements Receiver {
  readonly #context: ReceiverContext;
  readonly #jobs: readonly Job[];
  readonly #problems = new Map<TargetSeries | string, string>();
  #targets: JobTargets[] = [];
  #discoveries: Discovery[] = [];
  #clients: PageClient[] = [];
  #stopping: Promise<void> | undefined;

  constructor(settings: PrometheusSettings, context: ReceiverContext) {
    this.#context = context;
    this.#jobs = resolveJobs(settings);
  }

  async start(): Promise<void> {
    const next = this.#context.next.metrics;
    if (next === undefined) return;
    const { admission, random } = this.#context;
    const memory = { admission, buffers: new PageBuffers() };
    const shared = { next, writer: new RequestWriter(SCOPE, memory.buffers), hash: new ByteHash(random), memory };
    for (const job of this.#jobs) {
      const targets = this.#jobTargets(job, shared);
      targets.update('static_configs', job.config.static_configs);
      this.#targets.push(targets);
      this.#discoveries.push(...this.#discoveriesOf(job, targets, shared.memory));
    }
    await Promise.all(this.#discoveries.map((discovery) => discovery.start()));
  }

  #jobTargets(job: Job, { next, writer, hash, memory }: Shared): JobTargets {
    const { clock, log, meter, id, instanceId } = this.#context;
    const client = this.#client(job.config, memory);
    const metrics = scrapeMetrics(meter, id, job.name);
    const begin = (target: Target, targets: JobTargets): TargetLoop => {
      const series = new TargetSeries(target, job.rules, writer, hash);
      const onHealth = (problem: string | undefined): void => this.#noteHealth(series, problem);
      const targetCount = (): number => targets.count;
      const loop = new TargetLoop({ job, series, client, next, clock, log, metrics, targetCount, onHealth });
      loop.start(firstScrapeMs(target, instanceId, clock.now()));
      return loop;
    };
    const targets = new JobTargets({ job, clock, log, begin });
    observeTargets(meter, id, job.name, () => targets.count);
    return targets;
  }

  #discoveriesOf(job: Job, targets: JobTargets, memory: PageMemory): Discovery[] {
    const { clock, random, log, meter, id, outside } = this.#context;
    const parts = (mechanism: 'file' | 'http', at: number): DiscoveryParts => ({
      files: outside.files,
      job: job.name,
      clock,
      random,
      log,
      failures: discoveryFailures(meter, id, job.name, mechanism),
      onTargets: (source, groups) => targets.update(`${mechanism}/${at}/${source}`, groups),
      onHealth: (source, problem) => {
        const reason = problem === undefined ? undefined : `job "${job.name}", ${source}: ${problem}`;
        this.#noteHealth(`${job.name}/${mechanism}/${at}/${source}`, reason);
      },
    });
    const { file_sd_configs: files, http_sd_configs: urls } = job.config;
    return [
      ...files.map((config, at) => new FileDiscovery(config, parts('file', at))),
      ...urls.map((config, at) => new HttpDiscovery(config, this.#client(config, memory), parts('http', at))),
    ];
  }

  #client(config: HttpClientConfig, memory: PageMemory): PageClient {
    const { clock, log, outside, id } = this.#context;
    if (outside.sockets !== undefined) return seamPageClient(outside.sockets, id);
    const client = pageClient(tlsOptions(config, clock, log), memory);
    this.#clients.push(client);
    return outside.tap === undefined ? client : tappedPageClient(client, outside.tap, id);
  }

  drain(): void {
    for (const discovery of this.#discoveries) discovery.stop();
    for (const targets of this.#targets) targets.drain();
  }

  stop(deadline: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(deadline);
    return this.#stopping;
  }

  async #stop(deadline: AbortSignal): Promise<void> {
    for (const discovery of this.#discoveries) discovery.stop();
    await Promise.all(this.#targets.map((targets) => targets.stop(deadline)));
    await Promise.all(this.#clients.map((client) => client.close()));
    this.#targets = [];
    this.#clients = [];
  }

  /** One reason for the whole receiver: the first failing target or list of targets, and how many others fail. */
  #noteHealth(from: TargetSeries | string, problem: string | undefined): void {
    if (problem === undefined) this.#problems.delete(from);
    else this.#problems.set(from, problem);
    const [first] = this.#problems.values();
    const others = this.#problems.size - 1;
    const reason = first === undefined || others === 0 ? first : `${first} (and ${others} more)`;
    this.#context.reportHealth('metrics', reason);
  }
}
