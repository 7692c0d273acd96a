import { Scalar, stringify } from 'yaml';
import { MAX_NAME_LENGTH } from '../kept-name.ts';
import { ValueBuckets } from '../value-buckets.ts';
import type { Findings, LabelFindings } from './findings.ts';

/** A change of the configuration that would help, and what it does. */
export class Fix {
  readonly advice: string;
  /** A part of a configuration. Given as one more `--config` it is merged, but for lists, of which it has its own. */
  readonly yaml: string;
  readonly #config: object;

  constructor(advice: string, config: object) {
    this.advice = advice;
    this.yaml = yamlOf(config);
    this.#config = config;
  }

  /** What `yaml` says; no part of what is shown. */
  get config(): object {
    return this.#config;
  }
}

export interface FixFor {
  /** The id of the limiter. */
  readonly processor: string;
  /** As they were received. */
  readonly metric: string;
  readonly limit: number;
  readonly findings: Findings;
}

export const MAX_LIMIT = 10_000_000;

/** What would keep the metric below its limit, the best first; empty where nothing simple would, or the name is cut. */
export function fixesFor({ processor, metric, limit, findings }: FixFor): Fix[] {
  if (metric === '' || metric.length >= MAX_NAME_LENGTH) return [];
  const labels = (findings.drivers[0]?.labels ?? []).filter(({ key }) => key !== '');
  const [point, resource] = (['point', 'resource'] as const).map((from) =>
    labels.filter(({ source }) => source === from),
  );
  const fixes: Fix[] = [];
  if (point !== undefined && point.length > 0) {
    const keys = point.map(({ key }) => key);
    if (point.every(isBucketable)) fixes.push(putInBuckets(processor, metric, keys));
    fixes.push(dropLabels(processor, metric, keys));
  }
  if (resource !== undefined && resource.length > 0) fixes.push(deleteFromResource(resource.map(({ key }) => key)));
  const isFixed = labels.length > 0 && labels.every(({ source }) => source === 'point' || source === 'resource');
  return isFixed ? fixes : [...fixes, raiseLimit(processor, metric, Math.max(limit, findings.series))];
}

/** Paths of which most become one when their ids are taken out. */
export function isBucketable({ samples }: LabelFindings): boolean {
  const buckets = new ValueBuckets([], true);
  const left = new Set(samples.map((sample) => buckets.of(sample)));
  return samples.length >= 3 && samples.every((sample) => sample.includes('/')) && left.size * 2 <= samples.length;
}

function putInBuckets(processor: string, metric: string, labels: readonly string[]): Fix {
  return new Fix(
    'Series beyond the limit have the ids in these labels replaced, such as /users/{number}, and are added up.',
    ruleOf(processor, metric, { on_overflow: 'bucket', bucket: { labels } }),
  );
}

function dropLabels(processor: string, metric: string, labels: readonly string[]): Fix {
  return new Fix(
    'Series beyond the limit lose these labels, and those that become one are added up.',
    ruleOf(processor, metric, { on_overflow: 'drop_label', drop_labels: labels }),
  );
}

function deleteFromResource(labels: readonly string[]): Fix {
  const attributes = labels.map((key) => ({ key, action: 'delete' }));
  return new Fix(
    'Deletes the attributes from resources; right where what they tell apart may become one. Name it in the pipeline, ' +
      'before the limiter. Better still, the sender does not set them.',
    { processors: { 'resource/cardinality': { attributes } } },
  );
}

function raiseLimit(processor: string, metric: string, series: number): Fix {
  return new Fix(
    'Raises the limit of this metric, if so many series are right; max_series and max_bytes need room for them.',
    ruleOf(processor, metric, { limit: Math.min(MAX_LIMIT, roundedUp(series * 1.5)) }),
  );
}

/** A rule of the limiter for one metric, which goes before its other rules. */
function ruleOf(processor: string, metric: string, rule: object): object {
  return { processors: { [processor]: { metrics: [{ match: patternFor(metric), ...rule }] } } };
}

/** What matches this name and no other: see `metricPattern`. */
function patternFor(metric: string): string {
  const isPattern = /[*?]/.test(metric) || (metric.startsWith('/') && metric.endsWith('/'));
  return isPattern ? `/${metric.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}/` : metric;
}

/** To two digits. */
export function roundedUp(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 1);
  return Math.ceil(count / unit) * unit;
}

/** A configuration that says `config`, and looks like what it says. */
export function yamlOf(config: object): string {
  const text = stringify(writable(config), { lineWidth: 0, blockQuote: false });
  // What is hidden stands between double quotes, where it may be written as an escape.
  return text.replace(HIDDEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });
}

/** Of what ends lines only the ends of lines of the YAML are left by then. */
const HIDDEN = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu;

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** `$` is doubled, because a configuration puts variables in its place. */
function writable(value: unknown): unknown {
  if (typeof value === 'string') return scalarOf(value.replaceAll('$', '$$$$'));
  if (Array.isArray(value)) return value.map(writable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, writable(inner)]));
}

function scalarOf(text: string): Scalar<string> {
  const scalar = new Scalar(text);
  if (text.search(HIDDEN) >= 0 || text.includes('\n')) scalar.type = 'QUOTE_DOUBLE';
  return scalar;
}
