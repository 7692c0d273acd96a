import * as z from 'zod';
import { duration } from './settings.ts';

/** The settings of how a sender treats its upstream, beside those of `retry_on_failure`. */

const circuitBreakerSettings = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Sends nothing while the upstream is away, but one probe at a time; needs retry_on_failure.'),
  failure_threshold: z
    .number()
    .int()
    .positive()
    .default(5)
    .describe('Opens after this many attempts in a row that the upstream did not answer or asked to repeat.'),
  max_open: duration()
    .optional()
    .describe(
      'Upper bound of the time between probes, which grows as retry_on_failure says; its max_interval by default.',
    ),
});

/** Spread into the shape of `sendingShape`. */
export function upstreamCareShape() {
  return {
    circuit_breaker: circuitBreakerSettings
      .prefault({})
      .describe('Ours: what happens when attempt after attempt fails.'),
  };
}

export type CircuitBreakerSettings = z.output<typeof circuitBreakerSettings>;

export interface UpstreamCareSettings {
  readonly circuit_breaker: CircuitBreakerSettings;
}
