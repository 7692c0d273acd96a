import { RemoraError } from '../../core/errors.ts';
import type { ScrapeConfig } from './config.ts';
import { formatPrometheusDuration, parsePrometheusDuration } from './config-values.ts';
import { LabelSet } from './relabel/label-set.ts';
import { relabel, type RelabelRule } from './relabel/rules.ts';
import type { LabelPair, Target } from './target.ts';

/** Addresses with labels in common, as static_configs, a file or a URL lists them. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What a job says about targets that do not say it themselves. */
export interface TargetDefaults {
  readonly config: ScrapeConfig;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly relabel: readonly RelabelRule[];
  readonly externalLabels: readonly LabelPair[];
}

const PARAMETER = '__param_';
const labels = new LabelSet();

/**
 * The target at an address after relabelling; undefined when rules drop it. Throws config_invalid, with one plain sentence,
 * for what is left of it when that cannot be scraped. The labels it starts from are those of Prometheus.
 */
export function discoveredTarget(address: string, group: TargetGroup, defaults: TargetDefaults): Target | undefined {
  labels.begin(discoveredLabels(address, group, defaults));
  if (!relabel(defaults.relabel, labels)) return undefined;
  const left = labels.value('__address__');
  if (left === '') throw invalid(`"${address}" has no __address__ after relabelling`);
  const intervalMs = duration('__scrape_interval__');
  const timeoutMs = duration('__scrape_timeout__');
  if (timeoutMs > intervalMs)
    throw invalid(`"${address}" has a __scrape_timeout__ longer than its __scrape_interval__`);
  const visible = pairsOf(labels).filter(([name]) => name !== 'job' && name !== 'instance' && !name.startsWith('__'));
  return {
    url: targetUrl(left, defaults.config),
    job: labels.value('job') || defaults.config.job_name,
    instance: labels.value('instance') || left,
    labels: visible.sort(([a], [b]) => (a < b ? -1 : 1)),
    externalLabels: defaults.externalLabels,
    intervalMs,
    timeoutMs,
  };
}

/** What tells targets apart: two with the same are one. */
export function targetKey({ url, job, instance, labels, intervalMs, timeoutMs }: Target): string {
  return JSON.stringify([url.href, job, instance, labels, intervalMs, timeoutMs]);
}

function discoveredLabels(address: string, group: TargetGroup, defaults: TargetDefaults): string[] {
  const { config, intervalMs, timeoutMs } = defaults;
  const found = new Map<string, string>();
  const add = (name: string, value: string): void => {
    if (!found.has(name) && value !== '') found.set(name, value);
  };
  add('__address__', address);
  for (const [name, value] of Object.entries(group.labels)) add(name, value);
  add('job', config.job_name);
  add('__scrape_interval__', formatPrometheusDuration(intervalMs));
  add('__scrape_timeout__', formatPrometheusDuration(timeoutMs));
  add('__metrics_path__', config.metrics_path);
  add('__scheme__', config.scheme);
  for (const [name, [value = '']] of Object.entries(config.params)) add(PARAMETER + name, value);
  return [...found].flat();
}

function pairsOf({ pairs }: LabelSet): LabelPair[] {
  const found: LabelPair[] = [];
  for (let at = 0; at < pairs.length; at += 2) found.push([pairs[at] ?? '', pairs[at + 1] ?? '']);
  return found;
}

function duration(label: string): number {
  const ms = parsePrometheusDuration(labels.value(label)) ?? 0;
  if (ms > 0) return ms;
  throw invalid(`"${labels.value(label)}" in ${label} is not a duration above 0, such as 15s or 1m`);
}

function targetUrl(address: string, config: ScrapeConfig): URL {
  const scheme = labels.value('__scheme__');
  if (scheme !== 'http' && scheme !== 'https') throw invalid(`"${scheme}" in __scheme__ is neither http nor https`);
  const url = /[/?#@\s]/.test(address) ? null : URL.parse(`${scheme}://${address}`);
  if (url === null)
    throw invalid(
      `"${address}" is not an address such as localhost:9090; scheme, metrics_path, params and credentials are keys of their own`,
    );
  const path = labels.value('__metrics_path__');
  const query = path.indexOf('?');
  url.pathname = query < 0 ? path : path.slice(0, query);
  if (query >= 0) url.search = path.slice(query);
  addParameters(url, config);
  return url;
}

/** `params`, of which the labels hold the first values; rules may have changed those, and added others. */
function addParameters(url: URL, config: ScrapeConfig): void {
  const first = new Map<string, string>();
  for (const [name, value] of pairsOf(labels)) {
    if (name.startsWith(PARAMETER)) first.set(name.slice(PARAMETER.length), value);
  }
  for (const [name, values] of Object.entries(config.params)) {
    for (const [at, value] of values.entries()) {
      url.searchParams.append(name, at === 0 ? (first.get(name) ?? value) : value);
    }
    first.delete(name);
  }
  for (const [name, value] of first) url.searchParams.append(name, value);
}

function invalid(message: string): RemoraError {
  return new RemoraError('config_invalid', message);
}
