import type { MetricSpec } from '../../../core/meter.ts';

export const OVERFLOWED: MetricSpec = {
  name: 'remora_cardinality_overflowed_values',
  help: 'Values of attributes of spans and logs, and names of spans, that gave way because there was no place for them.',
  kind: 'counter',
  labels: ['processor', 'pipeline', 'of'],
};
