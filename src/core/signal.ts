/** The three kinds of telemetry. Profiles are not carried. */
export type Signal = 'traces' | 'metrics' | 'logs';

export const SIGNALS = ['traces', 'metrics', 'logs'] as const satisfies readonly Signal[];

/** What one item of a signal is called in the Collector's metric names. */
export const ITEM_NAME = {
  traces: 'spans',
  metrics: 'metric_points',
  logs: 'log_records',
} as const satisfies Record<Signal, string>;
