import * as z from 'zod';
import { duration } from './settings.ts';

/** The settings of how a sender treats its upstream, beside those of `retry_on_failure`. */

const circuitBreakerSettings = () =>
  z.strictObject({
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
      .refine((ms) => ms > 0, 'must be more than 0, or an upstream that is away would be asked without a pause')
      .optional()
      .describe(
        'Upper bound of the time between probes, which grows as retry_on_failure says; its max_interval by default.',
      ),
  });

const adaptiveConcurrencySettings = () =>
  z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe('Finds how many requests in flight the upstream bears, up to num_consumers of the sending queue.'),
      initial: z.number().int().positive().default(1).describe('Requests in flight at the start.'),
      min: z.number().int().positive().default(1).describe('Requests in flight at least.'),
      latency_tolerance: z
        .number()
        .gt(1)
        .max(10)
        .default(1.5)
        .describe('Fewer requests are in flight when they take more than this many times as long as few of them do.'),
    })
    .refine(({ initial, min }) => initial >= min, { message: 'must be at least min', path: ['initial'] });

/** Spread into the shape of `sendingShape`. */
export function upstreamCareShape() {
  return {
    circuit_breaker: circuitBreakerSettings()
      .prefault({})
      .describe('Ours: what happens when attempt after attempt fails.'),
    adaptive_concurrency: adaptiveConcurrencySettings()
      .prefault({})
      .describe('Ours: how many requests are in flight; of no effect without a sending queue.'),
  };
}

export type AdaptiveConcurrencySettings = z.output<ReturnType<typeof adaptiveConcurrencySettings>>;
export type CircuitBreakerSettings = z.output<ReturnType<typeof circuitBreakerSettings>>;

export interface UpstreamCareSettings {
  readonly circuit_breaker: CircuitBreakerSettings;
  readonly adaptive_concurrency: AdaptiveConcurrencySettings;
}
