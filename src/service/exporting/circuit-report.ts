import type { Retry } from '../../core/verdict.ts';
import type { CircuitState } from './circuit-breaker.ts';
import type { SenderHealth } from './sender-health.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { SenderOptions } from './sender.ts';

/** Says what a change of the circuit means: in the metrics each one, in the log only when the upstream goes and returns. */
export function circuitReport(options: SenderOptions, metrics: SenderMetrics, health: SenderHealth) {
  const fields = { exporter: options.id, signal: options.signal };
  let away = false;
  return (state: CircuitState, refusal: Retry | undefined): void => {
    metrics.circuitChanged(state);
    if (state === 'closed') {
      away = false;
      health.returned();
      options.log.info('The upstream is back.', fields);
    } else if (state === 'open') {
      const reason = refusal?.reason.message ?? '';
      health.away(reason);
      if (!away) {
        options.log.warn('The upstream is away: nothing is sent but a probe now and then; the data is kept.', {
          ...fields,
          reason,
        });
      }
      away = true;
    }
  };
}
