import * as z from 'zod';
import { byteSize } from '../../core/settings.ts';
import { fileDiscoveryConfig, httpDiscoveryConfig } from './discovery/settings.ts';
import { checkCredentials, httpClientKeys } from './http-client-settings.ts';
import { relabelledTargets, targetDefaults } from './job.ts';
import { relabelConfigs } from './relabel/settings.ts';
import { escapingScheme, limit, prometheusDuration, scrapeProtocol, unavailable } from './config-values.ts';

/** The configuration of the `prometheus` receiver: a Prometheus file under `config`, and the Collector's own keys. */

const DISCOVERY = [
  'azure',
  'consul',
  'digitalocean',
  'dns',
  'docker',
  'dockerswarm',
  'ec2',
  'eureka',
  'gce',
  'hetzner',
  'ionos',
  'kubernetes',
  'kuma',
  'lightsail',
  'linode',
  'marathon',
  'nerve',
  'nomad',
  'openstack',
  'ovhcloud',
  'puppetdb',
  'scaleway',
  'serverset',
  'stackit',
  'triton',
  'uyuni',
  'vultr',
];

const discoveryKeys = () => {
  const schema = unavailable(
    'a sidecar scrapes the application beside it; list its addresses in static_configs, or use file_sd_configs or http_sd_configs',
  );
  return Object.fromEntries(DISCOVERY.map((name) => [`${name}_sd_configs`, schema]));
};

const limits = () => ({
  body_size_limit: byteSize().describe(
    'Largest page after decompression; 0 is our own bound of 64MiB. Above it, up is 0.',
  ),
  sample_limit: limit().describe('Most samples on a page; above it the scrape fails. 0 is no limit.'),
  label_limit: limit().describe('Most labels on a sample, its name, job and instance included. 0 is no limit.'),
  label_name_length_limit: limit().describe('Longest label name in bytes. 0 is no limit.'),
  label_value_length_limit: limit().describe('Longest label value in bytes. 0 is no limit.'),
  target_limit: limit().describe('Most targets of a job; with more, all its scrapes fail. 0 is no limit.'),
});
const optionalLimits = () => {
  const each = limits();
  return {
    body_size_limit: each.body_size_limit.optional(),
    sample_limit: each.sample_limit.optional(),
    label_limit: each.label_limit.optional(),
    label_name_length_limit: each.label_name_length_limit.optional(),
    label_value_length_limit: each.label_value_length_limit.optional(),
    target_limit: each.target_limit.optional(),
  };
};

const NHCB = 'Taken for compatibility: classic buckets become explicit bounds in any case.';
const OURS = 'Taken for compatibility; nothing to choose here.';

const shared = () => ({
  scrape_protocols: z
    .array(scrapeProtocol())
    .nonempty()
    .refine((protocols) => new Set(protocols).size === protocols.length, 'names a protocol twice')
    .optional()
    .describe(
      'Formats to ask for, the most wanted first; PrometheusProto is among them when native histograms are wanted.',
    ),
  scrape_native_histograms: z
    .boolean()
    .optional()
    .describe('Asks for protobuf first, and reads native histograms as exponential ones; else their classic buckets.'),
  convert_classic_histograms_to_nhcb: z.boolean().optional().describe(NHCB),
  always_scrape_classic_histograms: z
    .boolean()
    .optional()
    .describe('Also reads the classic buckets of histograms that are native.'),
  metric_name_validation_scheme: z
    .enum(['utf8', 'legacy'])
    .optional()
    .describe('With legacy, a name of a metric or label beyond [a-zA-Z0-9_:] fails the scrape; the default is utf8.'),
  metric_name_escaping_scheme: escapingScheme()
    .optional()
    .describe('How targets are asked to write such names; allow-utf-8, or underscores where names are legacy.'),
  extra_scrape_metrics: z
    .boolean()
    .optional()
    .describe('Also reports scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes.'),
});

const scheme = () => z.enum(['http', 'https']);

const staticConfig = () =>
  z.strictObject({
    targets: z.array(z.string()).default([]).describe('Addresses as host:port.'),
    labels: z
      .record(z.string(), z.coerce.string())
      .default({})
      .describe(
        'Labels of every sample of these targets; __scheme__, __metrics_path__, __param_x, __scrape_interval__ and __scrape_timeout__ set their request.',
      ),
  });

const scrapeConfig = () =>
  z
    .strictObject({
      job_name: z.string().min(1).describe('Becomes service.name.'),
      scrape_interval: prometheusDuration()
        .optional()
        .describe('Time between scrapes; global.scrape_interval when absent.'),
      scrape_timeout: prometheusDuration().optional().describe('How long a scrape may take; at most the interval.'),
      metrics_path: z.string().default('/metrics').describe('Path of the page.'),
      scheme: scheme().default('http').describe('Scheme of the request.'),
      params: z.record(z.string(), z.array(z.string())).default({}).describe('Query of the request.'),
      static_configs: z.array(staticConfig()).default([]).describe('What to scrape.'),
      file_sd_configs: z.array(fileDiscoveryConfig()).default([]).describe('Files that list what to scrape.'),
      http_sd_configs: z.array(httpDiscoveryConfig()).default([]).describe('URLs that list what to scrape.'),
      honor_labels: z
        .boolean()
        .default(false)
        .describe('Where sample and target have a label, the sample keeps its own.'),
      honor_timestamps: z
        .boolean()
        .default(true)
        .describe('Takes the timestamps of the page; false uses the scrape time.'),
      track_timestamps_staleness: z
        .boolean()
        .default(false)
        .describe('Ends vanished series with explicit timestamps as well.'),
      fallback_scrape_protocol: scrapeProtocol()
        .default('PrometheusText0.0.4')
        .describe("Format of pages without a usable Content-Type; the default is the Collector's."),
      ...shared(),
      ...optionalLimits(),
      enable_compression: z.boolean().default(true).describe('Asks for gzip.'),
      ...httpClientKeys(),
      relabel_configs: relabelConfigs().describe('Rules on the labels of targets, before they are scraped.'),
      metric_relabel_configs: relabelConfigs().describe('Rules on the labels of samples, after they were scraped.'),
      scrape_failure_log_file: unavailable('failures are in the log'),
      scrape_classic_histograms: unavailable('it is called always_scrape_classic_histograms now'),
      native_histogram_bucket_limit: unavailable('histograms are passed on as they are, up to 16384 buckets of a sign'),
      native_histogram_min_bucket_factor: unavailable('histograms are passed on as they are'),
      keep_dropped_targets: limit().optional().describe(OURS),
      sigv4: unavailable('use authorization with credentials_file'),
      azuread: unavailable('use authorization with credentials_file'),
      ...discoveryKeys(),
    })
    .superRefine(checkCredentials);
export type ScrapeConfig = z.output<ReturnType<typeof scrapeConfig>>;

const globalConfig = () =>
  z.strictObject({
    scrape_interval: prometheusDuration().prefault('1m').describe('Time between scrapes of a target.'),
    scrape_timeout: prometheusDuration()
      .optional()
      .describe('How long a scrape may take; 10s, or the interval if shorter.'),
    evaluation_interval: prometheusDuration().optional().describe('Taken for compatibility; there are no rules.'),
    external_labels: z
      .record(z.string(), z.coerce.string())
      .default({})
      .describe('Labels of all samples that have none of that name.'),
    keep_dropped_targets: limit().optional().describe(OURS),
    ...shared(),
    ...optionalLimits(),
    query_log_file: unavailable('there are no queries'),
    rule_query_offset: unavailable('there are no rules'),
  });
export type GlobalConfig = z.output<ReturnType<typeof globalConfig>>;

const prometheusConfig = () =>
  z
    .strictObject({
      global: globalConfig().prefault({}).describe('What jobs take when they say nothing.'),
      scrape_configs: z.array(scrapeConfig()).nonempty().describe('The jobs.'),
      scrape_config_files: unavailable('list the jobs in scrape_configs'),
      rule_files: unavailable('rules belong to the Prometheus server'),
      alerting: unavailable('alerts belong to the Prometheus server'),
      remote_write: unavailable('send with an exporter of the pipeline'),
      remote_read: unavailable('there is nothing to read from'),
      storage: unavailable('there is no time series storage'),
      tracing: unavailable('see service.telemetry.traces'),
      otlp: unavailable('use the otlp receiver'),
      runtime: unavailable('Remora is not a Go program'),
    })
    .superRefine(checkJobs);

export const prometheusSettings = () =>
  z.strictObject({
    config: prometheusConfig().describe('A Prometheus configuration.'),
    report_extra_scrape_metrics: z
      .boolean()
      .default(false)
      .describe('Also reports scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes.'),
    trim_metric_suffixes: z
      .literal(false, { error: 'names are passed on as the target gives them; only false is taken' })
      .default(false)
      .describe('Only false: names stay as they are.'),
    use_start_time_metric: z
      .literal(false, {
        error: 'start times are kept per series, from _created or the first scrape; only false is taken',
      })
      .default(false)
      .describe('Only false: start times are kept per series.'),
    start_time_metric_regex: unavailable('start times are kept per series'),
    target_allocator: unavailable('a sidecar scrapes the application beside it'),
    api_server: unavailable('see the self metrics on :8888'),
  });
export type PrometheusSettings = z.output<ReturnType<typeof prometheusSettings>>;

interface JobsToCheck {
  readonly global: GlobalConfig;
  readonly scrape_configs: readonly ScrapeConfig[];
}

function checkJobs(config: JobsToCheck, context: z.core.$RefinementCtx<JobsToCheck>): void {
  const names = new Set<string>();
  for (const [at, job] of config.scrape_configs.entries()) {
    const refuse = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', path: ['scrape_configs', at, key], message, input: job });
    };
    if (names.has(job.job_name)) refuse('job_name', `two jobs are called "${job.job_name}"`);
    names.add(job.job_name);
    if (isContradictory(job, config.global))
      refuse('metric_name_escaping_scheme', 'allow-utf-8 contradicts metric_name_validation_scheme legacy');
    const intervalMs = job.scrape_interval ?? config.global.scrape_interval;
    if (intervalMs <= 0) refuse('scrape_interval', 'must be longer than 0');
    if ((job.scrape_timeout ?? 0) > intervalMs) refuse('scrape_timeout', 'must not be longer than scrape_interval');
    if (intervalMs > 0) for (const problem of targetProblems(job, config.global)) refuse('static_configs', problem);
  }
  const { scrape_interval, scrape_timeout } = config.global;
  if (scrape_timeout === undefined || scrape_timeout <= scrape_interval) return;
  context.addIssue({
    code: 'custom',
    path: ['global', 'scrape_timeout'],
    message: 'must not be longer than scrape_interval',
    input: config,
  });
}

/** Names of any characters are asked for, and then refused. */
function isContradictory(job: ScrapeConfig, global: JobsToCheck['global']): boolean {
  const validation = job.metric_name_validation_scheme ?? global.metric_name_validation_scheme;
  const escaping = job.metric_name_escaping_scheme ?? global.metric_name_escaping_scheme;
  return validation === 'legacy' && escaping === 'allow-utf-8';
}

/** What keeps targets that are listed here from being scraped. */
function targetProblems(job: ScrapeConfig, global: JobsToCheck['global']): readonly string[] {
  const problems: string[] = [];
  try {
    relabelledTargets(job.static_configs, targetDefaults(job, global), (problem) => problems.push(problem));
  } catch {
    // A rule that is wrong is reported at its own place.
  }
  return problems;
}
