import type { MetricSpec } from '../core/meter.ts';
import { SERIES_LIMIT } from './family.ts';
import type { Registry } from './registry.ts';

const LEFT_OUT: MetricSpec = {
  name: 'remora_telemetry_left_out_series',
  help: `Series of metrics of this process that are not shown, because a metric has ${SERIES_LIMIT} of them at most.`,
  kind: 'gauge',
  labels: ['metric'],
};

export const registryMetrics: readonly MetricSpec[] = [LEFT_OUT];

export function meterRegistry(registry: Registry): void {
  registry.gaugeSeries(LEFT_OUT, {}, () => Array.from(registry.leftOut(), ([metric, series]) => [{ metric }, series]));
}
