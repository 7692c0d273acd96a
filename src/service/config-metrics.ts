import type { Clock } from '../core/clock.ts';
import type { Meter, MetricSpec } from '../core/meter.ts';

const INFO: MetricSpec = {
  name: 'remora_config_info',
  help: 'Always 1; the label tells which configuration runs.',
  kind: 'gauge',
  labels: ['hash'],
};
const AGE: MetricSpec = {
  name: 'remora_config_age_seconds',
  help: 'Time since the configuration that runs was taken into use.',
  kind: 'gauge',
  labels: [],
};

export const configMetrics: readonly MetricSpec[] = [INFO, AGE];

/** `hash` is that of the configuration taken into use now. */
export function meterConfig(meter: Meter, hash: string, clock: Clock): void {
  const sinceMs = clock.monotonic();
  meter.gauge(INFO, { hash }, () => 1);
  meter.gauge(AGE, {}, () => (clock.monotonic() - sinceMs) / 1000);
}
