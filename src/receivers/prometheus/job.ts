import type { GlobalConfig, PrometheusSettings, ScrapeConfig } from './config.ts';
import type { ScrapeProtocol } from './config-values.ts';
import type { LabelPair, Target } from './target.ts';
import type { PageRules } from './target-series.ts';

/** Prometheus has no bound on pages; a sidecar with a memory budget needs one. */
export const DEFAULT_BODY_LIMIT_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_PROTOCOLS: readonly ScrapeProtocol[] = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
];

/** A scrape_config with everything resolved. */
export interface Job {
  readonly name: string;
  readonly config: ScrapeConfig;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly bodyLimitBytes: number;
  readonly protocols: readonly ScrapeProtocol[];
  readonly rules: PageRules;
  readonly extraMetrics: boolean;
  readonly targets: readonly Target[];
  /** 0 is no limit. With more targets, every scrape of the job fails. */
  readonly targetLimit: number;
}

export function resolveJobs(settings: PrometheusSettings): Job[] {
  const { global, scrape_configs } = settings.config;
  return scrape_configs.map((config) => resolveJob(config, global, settings.report_extra_scrape_metrics));
}

function resolveJob(config: ScrapeConfig, global: GlobalConfig, extraMetrics: boolean): Job {
  const intervalMs = config.scrape_interval ?? global.scrape_interval;
  const timeoutMs = Math.min(config.scrape_timeout ?? global.scrape_timeout ?? DEFAULT_TIMEOUT_MS, intervalMs);
  const asked = config.scrape_protocols ?? global.scrape_protocols ?? DEFAULT_PROTOCOLS;
  const protocols = asked.filter((protocol) => protocol !== 'PrometheusProto');
  return {
    name: config.job_name,
    config,
    intervalMs,
    timeoutMs,
    bodyLimitBytes: (config.body_size_limit ?? global.body_size_limit) || DEFAULT_BODY_LIMIT_BYTES,
    protocols: protocols.length === 0 ? DEFAULT_PROTOCOLS : protocols,
    rules: {
      honorLabels: config.honor_labels,
      honorTimestamps: config.honor_timestamps,
      trackTimestamps: config.track_timestamps_staleness,
      sampleLimit: config.sample_limit ?? global.sample_limit ?? 0,
      labelLimit: config.label_limit ?? global.label_limit ?? 0,
      labelNameLengthLimit: config.label_name_length_limit ?? global.label_name_length_limit ?? 0,
      labelValueLengthLimit: config.label_value_length_limit ?? global.label_value_length_limit ?? 0,
    },
    extraMetrics: extraMetrics || (config.extra_scrape_metrics ?? global.extra_scrape_metrics ?? false),
    targets: targetsOf(config, Object.entries(global.external_labels)),
    targetLimit: config.target_limit ?? global.target_limit ?? 0,
  };
}

/** The targets of a job; an address that is listed twice with equal labels is one, as in Prometheus. */
function targetsOf(config: ScrapeConfig, externalLabels: readonly LabelPair[]): Target[] {
  const targets = new Map<string, Target>();
  for (const group of config.static_configs) {
    for (const address of group.targets) {
      const labels = Object.entries(group.labels).filter(([, value]) => value !== '');
      const target = targetOf(config, address, labels, externalLabels);
      targets.set(JSON.stringify([target.url.href, target.job, target.instance, target.labels]), target);
    }
  }
  return [...targets.values()];
}

function targetOf(
  config: ScrapeConfig,
  address: string,
  labels: readonly LabelPair[],
  externalLabels: readonly LabelPair[],
): Target {
  const own = new Map(labels);
  const scheme = own.get('__scheme__') ?? config.scheme;
  const path = own.get('__metrics_path__') ?? config.metrics_path;
  const url = new URL(`${scheme}://${own.get('__address__') ?? address}`);
  const query = path.indexOf('?');
  url.pathname = query < 0 ? path : path.slice(0, query);
  if (query >= 0) url.search = path.slice(query);
  for (const [name, values] of Object.entries(config.params)) {
    for (const value of values) url.searchParams.append(name, value);
  }
  for (const [name, value] of labels) {
    if (name.startsWith('__param_')) url.searchParams.set(name.slice('__param_'.length), value);
  }
  const identity = (name: string): boolean => name === 'job' || name === 'instance' || name.startsWith('__');
  return {
    url,
    job: own.get('job') ?? config.job_name,
    instance: own.get('instance') ?? address,
    labels: labels.filter(([name]) => !identity(name)).sort(([a], [b]) => (a < b ? -1 : 1)),
    externalLabels: externalLabels.filter(([name]) => name !== 'job' && name !== 'instance'),
  };
}
