import { Scalar, stringify } from 'yaml';
import type { Findings } from './findings.ts';

/** A change of the configuration that would help, and what it does. */
export interface Fix {
  readonly advice: string;
  /** A configuration that may be merged with the running one; a whole one where it says so in `advice`. */
  readonly yaml: string;
}

export interface FixFor {
  /** The id of the limiter. */
  readonly processor: string;
  /** As they were received. */
  readonly metric: string;
  readonly limit: number;
  readonly findings: Findings;
}

/** A longer name is no name that anybody gave. */
const MAX_NAME = 256;

/** What would keep the metric below its limit; empty where nothing simple would. */
export function fixesFor({ processor, metric, limit, findings }: FixFor): Fix[] {
  if (metric.length > MAX_NAME) return [];
  const labels = findings.drivers[0]?.labels ?? [];
  const keysOf = (source: string): string[] => labels.filter((label) => label.source === source).map(({ key }) => key);
  const fixes: Fix[] = [];
  const [point, resource] = [keysOf('point'), keysOf('resource')];
  if (point.length > 0) fixes.push(dropLabels(processor, metric, point));
  if (resource.length > 0) fixes.push(deleteFromResource(resource));
  const isFixed = labels.length > 0 && point.length + resource.length === labels.length;
  return isFixed ? fixes : [...fixes, raiseLimit(processor, metric, Math.max(limit, findings.series))];
}

function dropLabels(processor: string, metric: string, labels: readonly string[]): Fix {
  const rule = { match: patternFor(metric), on_overflow: 'drop_label', drop_labels: labels };
  return {
    advice:
      'Drops the labels from this metric and adds up what becomes one series. Goes before the other entries of its metrics.',
    yaml: yamlOf({ processors: { [processor]: { metrics: [rule] } } }),
  };
}

function deleteFromResource(labels: readonly string[]): Fix {
  const attributes = labels.map((key) => ({ key, action: 'delete' }));
  return {
    advice:
      'Deletes the attributes from all resources of a pipeline: right where the series of several instances may become one. Name it in the pipeline, before the limiter.',
    yaml: yamlOf({ processors: { 'resource/cardinality': { attributes } } }),
  };
}

function raiseLimit(processor: string, metric: string, series: number): Fix {
  return {
    advice: 'Raises the limit of this metric, if it is right that there are so many series.',
    yaml: yamlOf({
      processors: { [processor]: { metrics: [{ match: patternFor(metric), limit: roundedUp(series * 1.5) }] } },
    }),
  };
}

/** What matches this name and no other: see `metricPattern`. */
function patternFor(metric: string): string {
  const isPattern = /[*?]/.test(metric) || (metric.startsWith('/') && metric.endsWith('/'));
  return isPattern ? `/${metric.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}/` : metric;
}

/** To two digits. */
function roundedUp(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 1);
  return Math.ceil(count / unit) * unit;
}

/** A configuration that says `config`, and looks like what it says. */
function yamlOf(config: object): string {
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
