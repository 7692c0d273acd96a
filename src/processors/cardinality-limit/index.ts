import { defineProcessor } from '../../core/component.ts';
import { cardinalityLimitConfig } from './config.ts';
import { CARDINALITY_METRICS } from './explain/cardinality-metrics.ts';
import { explainBytes } from './explain/settings.ts';
import { OVERFLOWED } from './items/metrics.ts';
import { TABLE_METRICS } from './table-metrics.ts';

/**
 * Bounds the number of series of each metric, whatever its source, without making its totals wrong; and the values of chosen
 * attributes of spans and logs.
 */
export const cardinalityLimitProcessor = defineProcessor({
  type: 'cardinality_limit',
  summary: 'Bounds the series of each metric, so that totals stay right, and values of attributes of spans and logs.',
  signals: ['traces', 'metrics', 'logs'],
  signalKeys: { traces: 'spans', logs: 'logs' },
  config: cardinalityLimitConfig,
  // What went around it would be counted twice: in the overflow series, and in a series of its own.
  bypass: 'keep',
  metrics: [...TABLE_METRICS, ...CARDINALITY_METRICS, OVERFLOWED],
  memory: ({ max_bytes: bytes, explain }) => [
    { share: 'caches', bytes, path: ['max_bytes'] },
    ...(explain === false ? [] : [{ share: 'caches' as const, bytes: explainBytes(explain), path: ['explain'] }]),
  ],
  metadata: ({ per_tenant: tenants }) => (tenants?.metadata === undefined ? undefined : 'needs'),
  async create(config, context) {
    const { signal } = context;
    if (signal === 'metrics') {
      const { limiting } = await import('./limiting.ts');
      return limiting(config, context);
    }
    const { limitingItems } = await import('./items/limiting-items.ts');
    return limitingItems(config, context, signal);
  },
});
