import { defineProcessor } from '../../core/component.ts';
import type { MetricSpec } from '../../core/meter.ts';
import { SIGNALS } from '../../core/signal.ts';
import { rateLimitConfig } from './config.ts';
import { divisionBy } from './division.ts';
import { RateGate } from './gate.ts';
import { Tenants } from './tenants.ts';

const LIMITED: MetricSpec = {
  name: 'remora_processor_rate_limited_items',
  help: 'Items dropped, or pushed back (each time they were offered), by tenant; those without an override are other.',
  kind: 'counter',
  labels: ['processor', 'tenant'],
};
const OVERFLOWED: MetricSpec = {
  name: 'remora_processor_rate_limit_overflow_items',
  help: 'Items measured against the one limit that tenants beyond max_tenants share.',
  kind: 'counter',
  labels: ['processor'],
};

/** A tenant with the longest name and both limits. */
const TENANT_BYTES = 1024;

/** Limits how much each tenant gets through, before the queues, so that one cannot take the room of the others. */
export const rateLimitProcessor = defineProcessor({
  type: 'rate_limit',
  summary: 'Pushes back or drops what a tenant sends beyond its rate.',
  signals: SIGNALS,
  config: rateLimitConfig,
  metrics: [LIMITED, OVERFLOWED],
  bypass: 'skip',
  memory: ({ by, max_tenants }) =>
    by === undefined ? [] : [{ share: 'caches', bytes: max_tenants * TENANT_BYTES, path: ['max_tenants'] }],
  metadata: ({ by }) => (by?.metadata === undefined ? undefined : 'needs'),
  create(config, context) {
    const { id: processor, meter, clock, signal } = context;
    const limitedCount = (tenant: string) => meter.counter(LIMITED, { processor, tenant });
    return new RateGate({
      context,
      division: divisionBy(config, signal),
      tenants: new Tenants({ clock, config, limitedCount }),
      drops: config.when_exceeded === 'drop',
      overflowed: meter.counter(OVERFLOWED, { processor }),
    });
  },
});
