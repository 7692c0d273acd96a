import { errorMessage } from '../../core/errors.ts';
import type { GlobalConfig, PrometheusSettings, ScrapeConfig } from './config.ts';
import type { EscapingScheme, ScrapeProtocol } from './config-values.ts';
import { discoveredTarget, targetKey, type TargetDefaults, type TargetGroup } from './discovered-target.ts';
import { relabelRules } from './relabel/rules.ts';
import type { Target } from './target.ts';
import type { PageRules } from './target-series.ts';

/** Prometheus has no bound on pages; a sidecar with a memory budget needs one. */
export const DEFAULT_BODY_LIMIT_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;
const TEXT_PROTOCOLS: readonly ScrapeProtocol[] = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
];

/** A scrape_config with everything resolved. */
export interface Job {
  readonly name: string;
  readonly config: ScrapeConfig;
  readonly defaults: TargetDefaults;
  readonly bodyLimitBytes: number;
  readonly protocols: readonly ScrapeProtocol[];
  readonly escaping: EscapingScheme;
  readonly rules: PageRules;
  readonly extraMetrics: boolean;
  /** 0 is no limit. With more targets, every scrape of the job fails. */
  readonly targetLimit: number;
}

export function resolveJobs(settings: PrometheusSettings): Job[] {
  const { global, scrape_configs } = settings.config;
  return scrape_configs.map((config) => resolveJob(config, global, settings.report_extra_scrape_metrics));
}

type Defaults = Pick<GlobalConfig, 'scrape_interval' | 'scrape_timeout' | 'external_labels'>;

export function targetDefaults(config: ScrapeConfig, global: Defaults): TargetDefaults {
  const intervalMs = config.scrape_interval ?? global.scrape_interval;
  const timeoutMs = Math.min(config.scrape_timeout ?? global.scrape_timeout ?? DEFAULT_TIMEOUT_MS, intervalMs);
  const external = Object.entries(global.external_labels);
  return {
    config,
    intervalMs,
    timeoutMs,
    relabel: relabelRules(config.relabel_configs),
    externalLabels: external.filter(([name]) => name !== 'job' && name !== 'instance'),
  };
}

function resolveJob(config: ScrapeConfig, global: GlobalConfig, extraMetrics: boolean): Job {
  const nativeHistograms = config.scrape_native_histograms ?? global.scrape_native_histograms ?? false;
  const names = config.metric_name_validation_scheme ?? global.metric_name_validation_scheme ?? 'utf8';
  const escaping = config.metric_name_escaping_scheme ?? global.metric_name_escaping_scheme;
  // Only protobuf has native histograms.
  const usual = nativeHistograms ? (['PrometheusProto', ...TEXT_PROTOCOLS] as const) : TEXT_PROTOCOLS;
  return {
    name: config.job_name,
    config,
    defaults: targetDefaults(config, global),
    bodyLimitBytes: (config.body_size_limit ?? global.body_size_limit) || DEFAULT_BODY_LIMIT_BYTES,
    protocols: config.scrape_protocols ?? global.scrape_protocols ?? usual,
    escaping: escaping ?? (names === 'legacy' ? 'underscores' : 'allow-utf-8'),
    rules: {
      legacyNames: names === 'legacy',
      honorLabels: config.honor_labels,
      relabel: relabelRules(config.metric_relabel_configs),
      nativeHistograms,
      alwaysClassic: config.always_scrape_classic_histograms ?? global.always_scrape_classic_histograms ?? false,
      honorTimestamps: config.honor_timestamps,
      trackTimestamps: config.track_timestamps_staleness,
      sampleLimit: config.sample_limit ?? global.sample_limit ?? 0,
      labelLimit: config.label_limit ?? global.label_limit ?? 0,
      labelNameLengthLimit: config.label_name_length_limit ?? global.label_name_length_limit ?? 0,
      labelValueLengthLimit: config.label_value_length_limit ?? global.label_value_length_limit ?? 0,
    },
    extraMetrics: extraMetrics || (config.extra_scrape_metrics ?? global.extra_scrape_metrics ?? false),
    targetLimit: config.target_limit ?? global.target_limit ?? 0,
  };
}

/** Targets in groups after relabelling; an address that is listed twice with equal labels is one, as in Prometheus. */
export function relabelledTargets(
  groups: Iterable<TargetGroup>,
  defaults: TargetDefaults,
  onProblem: (message: string) => void,
): Map<string, Target> {
  const targets = new Map<string, Target>();
  for (const group of groups) {
    for (const address of group.targets) {
      try {
        const target = discoveredTarget(address, group, defaults);
        if (target !== undefined) targets.set(targetKey(target), target);
      } catch (error) {
        onProblem(errorMessage(error));
      }
    }
  }
  return targets;
}
