import { goPattern } from '../../core/go-pattern.ts';
import { METRIC } from '../../otlp/fields.ts';
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import type { MetricMatch, MetricType } from './config.ts';

/** Names whose answer is remembered; when there are more, all are asked anew. */
const MAX_NAMES = 10_000;
/** Longer names are not remembered. */
const MAX_LENGTH = 256;

/** Says which metrics are meant by `include` and `exclude`. */
export function metricFilter(include: MetricMatch, exclude: MetricMatch): (metric: MetricPlace) => boolean {
  const isIncludedName = nameMatcher(include);
  const isExcludedName = nameMatcher(exclude);
  const includedTypes = fieldsOf(include.metric_types);
  const excludedTypes = fieldsOf(exclude.metric_types);
  const byName = remembered(
    (name) => (isIncludedName === undefined || isIncludedName(name)) && isExcludedName?.(name) !== true,
  );
  const asksNames = isIncludedName !== undefined || isExcludedName !== undefined;
  return (metric) => {
    if (includedTypes.length > 0 && !includedTypes.includes(metric.dataField)) return false;
    if (excludedTypes.includes(metric.dataField)) return false;
    return !asksNames || byName(metric.name());
  };
}

function nameMatcher({ metrics, match_type: type }: MetricMatch): ((name: string) => boolean) | undefined {
  if (metrics.length === 0) return undefined;
  if (type === 'regexp') {
    const patterns = metrics.map(goPattern);
    return (name) => patterns.some((pattern) => pattern.test(name));
  }
  const names = new Set(metrics);
  return (name) => names.has(name);
}

function remembered(ask: (name: string) => boolean): (name: string) => boolean {
  const answers = new Map<string, boolean>();
  return (name) => {
    const known = answers.get(name);
    if (known !== undefined) return known;
    if (answers.size >= MAX_NAMES) answers.clear();
    const answer = ask(name);
    if (name.length <= MAX_LENGTH) answers.set(name, answer);
    return answer;
  };
}

function fieldsOf(types: readonly MetricType[]): number[] {
  const fields = { sum: METRIC.sum, histogram: METRIC.histogram, exponentialhistogram: METRIC.exponentialHistogram };
  return types.map((type) => fields[type]);
}
