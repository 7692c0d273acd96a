import type { MetricSpec } from '../../core/meter.ts';

export const REFUSING: MetricSpec = {
  name: 'remora_overload_refusing',
  help: '1 while new data is refused for this reason: memory, event_loop.',
  kind: 'gauge',
  labels: ['reason'],
};
export const REFUSED: MetricSpec = {
  name: 'remora_overload_refused_requests',
  help: 'Requests refused from their headers, and batches of other receivers, by reason: memory, event_loop, queue.',
  kind: 'counter',
  labels: ['reason'],
};
export const SHED: MetricSpec = {
  name: 'remora_overload_shed_bytes',
  help: 'Bytes that queues let go of because memory was above the hard limit.',
  kind: 'counter',
  labels: [],
};
export const COLLECTIONS: MetricSpec = {
  name: 'remora_overload_collections',
  help: 'Garbage collections asked for because memory was above the soft limit.',
  kind: 'counter',
  labels: [],
};
export const LAG: MetricSpec = {
  name: 'remora_overload_event_loop_lag_seconds',
  help: 'How late the event loop was when the guard last looked, ten times a second.',
  kind: 'gauge',
  labels: [],
};
export const REST: MetricSpec = {
  name: 'remora_overload_rest_seconds',
  help: 'How long connections that were refused are left unread; above 0 while the event loop has no time to spare.',
  kind: 'gauge',
  labels: [],
};
export const ADMITTED_BYTES: MetricSpec = {
  name: 'remora_admission_bytes',
  help: 'Bytes held for requests that are being received or wait for their verdict.',
  kind: 'gauge',
  labels: [],
};
export const ADMITTED_REQUESTS: MetricSpec = {
  name: 'remora_admission_requests',
  help: 'Requests that are being received or wait for their verdict.',
  kind: 'gauge',
  labels: [],
};

export const overloadMetrics: readonly MetricSpec[] = [
  REFUSING,
  REFUSED,
  SHED,
  COLLECTIONS,
  LAG,
  REST,
  ADMITTED_BYTES,
  ADMITTED_REQUESTS,
];
