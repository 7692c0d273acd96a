import type { Meter, MetricSpec } from '../../core/meter.ts';
import type { MetricBook } from './metric-book.ts';
import type { SeriesBook } from './series-book.ts';

const TRACKED: MetricSpec = {
  name: 'remora_cardinality_tracked_series',
  help: 'Series, or values of attributes, in the tables of the limiter: those with a place (kept), and what is only known for the sake of totals (remembered).',
  kind: 'gauge',
  labels: ['processor', 'pipeline', 'state'],
};
const TRACKED_METRICS: MetricSpec = {
  name: 'remora_cardinality_tracked_metrics',
  help: 'Metrics with an entry of their own, by tenant, service.name and name; or attributes, by tenant.',
  kind: 'gauge',
  labels: ['processor', 'pipeline'],
};
const BYTES: MetricSpec = {
  name: 'remora_cardinality_table_bytes',
  help: 'Memory of the tables of series; bounded by max_bytes.',
  kind: 'gauge',
  labels: ['processor', 'pipeline'],
};

export const TABLE_METRICS: readonly MetricSpec[] = [TRACKED, TRACKED_METRICS, BYTES];

export interface TableMetricsOptions {
  readonly meter: Meter;
  readonly processor: string;
  readonly pipeline: string;
  readonly book: SeriesBook;
  readonly metrics: MetricBook;
}

export function meterTables({ meter, processor, pipeline, book, metrics }: TableMetricsOptions): void {
  const at = { processor, pipeline };
  meter.gauge(TRACKED, { ...at, state: 'kept' }, () => book.kept);
  meter.gauge(TRACKED, { ...at, state: 'remembered' }, () => book.table.size - book.kept);
  meter.gauge(TRACKED_METRICS, at, () => metrics.size);
  meter.gauge(BYTES, at, () => book.bytes);
}
