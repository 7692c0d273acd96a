import { cleanText } from './clean-text.ts';
import type { MetricState } from './explained-metric.ts';
import type { DriverFindings, LabelFindings } from './findings.ts';
import type { Told } from './explainer.ts';
import type { LabelSource } from './point-labels.ts';
import { explain, nameOf } from './sentence.ts';
import { fixesFor, type Fix } from './fixes.ts';
import { valueFixesFor } from './value-fixes.ts';

/** What `GET /cardinality` says, as JSON. All text from outside is short and harmless, but for the YAML, which is quoted. */
export interface ProcessorReport {
  readonly processor: string;
  readonly pipeline: string;
  /** What it limits: series of metrics, or values of spans or logs. */
  readonly of: 'metrics' | 'spans' | 'logs';
  /** Such as `10m`. */
  readonly window: string;
  /** Metrics that are over or near as well, without room to be explained. */
  readonly unexplained: number;
  readonly metrics: readonly MetricReport[];
}

export interface MetricReport {
  /** Its name; for values what they are of, such as `span attribute http.url`. */
  readonly metric: string;
  /** What is counted: series of a metric, or values of an attribute. */
  readonly unit: 'series' | 'values';
  readonly service: string;
  readonly tenant: string;
  readonly state: MetricState;
  /** ISO 8601: when it came to be over or near. */
  readonly since: string;
  /** Kept now, and at most. */
  readonly series: number;
  readonly limit: number;
  /** Different series that came while it was looked at; an estimate. */
  readonly seen: number;
  readonly explanation: string;
  readonly drivers: readonly DriverReport[];
  readonly labels: readonly LabelReport[];
  readonly fixes: readonly Fix[];
}

export interface DriverReport {
  /** As a person reads them, such as `service.instance.id of the resource`. */
  readonly labels: readonly string[];
  readonly seriesWithout: number;
}

export interface LabelReport {
  readonly label: string;
  /** Null for `_other`, which are the labels that are not told apart. */
  readonly from: LabelSource | null;
  readonly values: number;
  readonly seriesWithout: number;
  readonly samples: readonly string[];
}

/** `processor` is the id of the limiter; `nowMs` is monotonic. */
export function metricReport({ explained, state, sinceMs }: Told, processor: string, nowMs: number): MetricReport {
  const { metric } = explained;
  const findings = explained.findings(nowMs);
  return {
    metric: cleanText(metric.name, 256),
    unit: metric.values === undefined ? 'series' : 'values',
    service: cleanText(metric.service, 128),
    tenant: cleanText(metric.tenant, 128),
    state,
    since: new Date(sinceMs).toISOString(),
    series: metric.series,
    limit: metric.limit,
    seen: findings.series,
    explanation: explain(findings, metric),
    drivers: findings.drivers.map(driverReport),
    labels: findings.labels.map(labelReport),
    fixes:
      metric.values === undefined
        ? fixesFor({ processor, metric: metric.name, limit: metric.limit, findings })
        : valueFixesFor({ processor, values: metric.values, limit: metric.limit, findings }),
  };
}

function driverReport({ labels, seriesWithout }: DriverFindings): DriverReport {
  return { labels: labels.map(nameOf), seriesWithout };
}

function labelReport({ label, source, values, seriesWithout, samples }: LabelFindings): LabelReport {
  return { label, from: source ?? null, values, seriesWithout, samples };
}
