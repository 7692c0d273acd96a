import type { Labels, Meter, MetricSpec } from '../../../core/meter.ts';
import { cleanText } from './clean-text.ts';
import type { Told } from './explainer.ts';

const OF_METRIC = ['processor', 'pipeline', 'service', 'tenant', 'metric'] as const;

const METRICS: MetricSpec = {
  name: 'remora_cardinality_metrics',
  help: 'Metrics that are over or near their limit of series, and those of them (unexplained) that there was no room to look at.',
  kind: 'gauge',
  labels: ['processor', 'pipeline', 'state'],
};
const SERIES: MetricSpec = {
  name: 'remora_cardinality_series',
  help: 'Series that are kept of each metric over or near its limit; of the 20 that are the most beyond it, the rest is _other.',
  kind: 'gauge',
  labels: OF_METRIC,
};
const LIMITS: MetricSpec = {
  name: 'remora_cardinality_series_limit',
  help: 'The limit of each of these metrics.',
  kind: 'gauge',
  labels: OF_METRIC,
};
const SEEN: MetricSpec = {
  name: 'remora_cardinality_seen_series',
  help: 'About how many different series came of each of these metrics while it was looked at.',
  kind: 'gauge',
  labels: OF_METRIC,
};
const VALUES: MetricSpec = {
  name: 'remora_cardinality_label_values',
  help: 'About how many different values the labels have that drive these metrics.',
  kind: 'gauge',
  labels: [...OF_METRIC, 'label'],
};

export const CARDINALITY_METRICS: readonly MetricSpec[] = [METRICS, SERIES, LIMITS, SEEN, VALUES];

const MAX_METRICS = 20;
const MAX_LABELS = 4;
const OTHER = '_other';
const NAME_CHARACTERS = 128;

export interface CardinalityMetricsOptions {
  readonly meter: Meter;
  readonly processor: string;
  readonly pipeline: string;
  readonly told: () => readonly Told[];
  readonly unexplained: () => number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

type Row = readonly [Labels, number];

/** Names of metrics and labels come from outside: there are never more series than the bounds above. */
export function meterCardinality({
  meter,
  processor,
  pipeline,
  told,
  unexplained,
  nowMs,
}: CardinalityMetricsOptions): void {
  const at = { processor, pipeline };
  const count = (state: string) => (): number => told().filter((each) => each.state === state).length;
  meter.gauge(METRICS, { ...at, state: 'over' }, count('over'));
  meter.gauge(METRICS, { ...at, state: 'near' }, count('near'));
  meter.gauge(METRICS, { ...at, state: 'unexplained' }, unexplained);
  const each = (spec: MetricSpec, rows: (all: readonly Told[]) => Row[]): void =>
    meter.gaugeSeries(spec, at, () => rows(told()));
  each(SERIES, (all) => [...of(all, ({ explained }) => explained.metric.series), ...restOf(all)]);
  each(LIMITS, (all) => of(all, ({ explained }) => explained.metric.limit));
  each(SEEN, (all) => of(all, ({ explained }) => explained.seen));
  each(VALUES, (all) => all.slice(0, MAX_METRICS).flatMap((one) => labelRows(one, nowMs())));
}

function of(all: readonly Told[], valueOf: (told: Told) => number): Row[] {
  return all.slice(0, MAX_METRICS).map((told) => [labelsOf(told), valueOf(told)]);
}

function restOf(all: readonly Told[]): Row[] {
  const rest = all.slice(MAX_METRICS);
  if (rest.length === 0) return [];
  const series = rest.reduce((sum, { explained }) => sum + explained.metric.series, 0);
  return [[{ service: OTHER, tenant: OTHER, metric: OTHER }, series]];
}

function labelRows(told: Told, nowMs: number): Row[] {
  const labels = told.explained.findings(nowMs).drivers.flatMap((driver) => driver.labels);
  return labels.slice(0, MAX_LABELS).map(({ label, values }) => [{ ...labelsOf(told), label }, values]);
}

function labelsOf({ explained: { metric } }: Told): Labels {
  return {
    service: cleanText(metric.service, NAME_CHARACTERS),
    tenant: cleanText(metric.tenant, NAME_CHARACTERS),
    metric: cleanText(metric.name, NAME_CHARACTERS),
  };
}
