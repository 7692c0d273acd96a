import type { LogFields, Logger } from '../../../core/logger.ts';
import { cleanText } from './clean-text.ts';
import type { Told } from './explainer.ts';
import { explain } from './sentence.ts';

/** One line for a window: the metric, or attribute, that is the most beyond its limit, and how many there are besides. */
export function logExplanation(log: Logger, told: readonly Told[], unexplained: number, nowMs: number): void {
  const [worst] = told;
  if (worst === undefined) return;
  const others = told.length - 1 + unexplained;
  const fields = { ...fieldsOf(worst, nowMs), ...(others > 0 ? { other_metrics: others } : {}), page: '/cardinality' };
  if (worst.state === 'over') log.warn(overText(worst), fields);
  else log.info(nearText(worst), fields);
}

/** A metric stays over until a whole window went well, and may be without series by then. */
function overText({ explained: { metric } }: Told): string {
  const verb = metric.series < metric.limit ? 'had' : 'has';
  return metric.values === undefined
    ? `A metric ${verb} more series than its limit.`
    : `An attribute ${verb} more values than its limit.`;
}

function nearText({ explained: { metric } }: Told): string {
  return metric.values === undefined
    ? 'A metric is near its limit of series.'
    : 'An attribute is near its limit of values.';
}

function fieldsOf({ explained, sinceMs }: Told, nowMs: number): LogFields {
  const { metric } = explained;
  const findings = explained.findings(nowMs);
  const [first] = findings.drivers;
  const labels = first?.labels.map(({ label }) => label).join(', ');
  const sample = first?.labels[0]?.samples[0];
  return {
    [metric.values === undefined ? 'metric' : 'of']: cleanText(metric.name, 128),
    ...(metric.service === '' ? {} : { service: cleanText(metric.service, 128) }),
    ...(metric.tenant === '' ? {} : { tenant: cleanText(metric.tenant, 128) }),
    [metric.values === undefined ? 'series' : 'values']: metric.series,
    limit: metric.limit,
    since: new Date(sinceMs).toISOString(),
    because: explain(findings, metric),
    ...(labels === undefined ? {} : { labels }),
    ...(sample === undefined ? {} : { sample }),
  };
}
