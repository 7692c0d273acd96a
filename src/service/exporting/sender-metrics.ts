import type { Count, Distribution, Labels, Meter, MetricSpec } from '../../core/meter.ts';
import { CIRCUIT_STATES, type CircuitState } from './circuit-breaker.ts';
import { ITEM_NAME, SIGNALS, type Signal } from '../../core/signal.ts';

const EXPORTER_AND_TYPE = ['exporter', 'data_type'] as const;

function gaugeSpec(name: string, help: string): MetricSpec {
  return { name, help, kind: 'gauge', labels: EXPORTER_AND_TYPE };
}

function itemSpec(outcome: string, signal: Signal, help: string): MetricSpec {
  const name = `otelcol_exporter_${outcome}_${ITEM_NAME[signal]}`;
  return { name, help, kind: 'counter', labels: ['exporter'] };
}

const sent = (signal: Signal): MetricSpec => itemSpec('sent', signal, 'Items that the upstream took.');
const sendFailed = (signal: Signal): MetricSpec =>
  itemSpec('send_failed', signal, 'Items that could not be delivered.');
const enqueueFailed = (signal: Signal): MetricSpec =>
  itemSpec('enqueue_failed', signal, 'Items that the sending queue did not take.');

const QUEUE_SIZE = gaugeSpec(
  'otelcol_exporter_queue_size',
  'What the queue is answerable for, in the unit of its sizer: waiting, gathered and in flight.',
);
const QUEUE_CAPACITY = gaugeSpec('otelcol_exporter_queue_capacity', 'Capacity of the queue in the unit of its sizer.');
const IN_FLIGHT = gaugeSpec('otelcol_exporter_in_flight_requests', 'Requests under way, those that wait to retry too.');
const QUEUE_BYTES = gaugeSpec('remora_exporter_queue_bytes', 'Encoded bytes that the queue is answerable for.');
const OLDEST_AGE = gaugeSpec('remora_exporter_queue_oldest_age_seconds', 'Age of the oldest request in the queue.');
const DROPPED: MetricSpec = {
  name: 'remora_exporter_dropped_items',
  help: 'Items that this exporter accepted and let go, by reason.',
  kind: 'counter',
  labels: [...EXPORTER_AND_TYPE, 'reason'],
};
const REJECTED: MetricSpec = {
  name: 'remora_exporter_rejected_items',
  help: 'Items that the upstream refused for good, by reason.',
  kind: 'counter',
  labels: [...EXPORTER_AND_TYPE, 'reason'],
};
const RECOVERED: MetricSpec = {
  name: 'remora_exporter_queue_recovered_items',
  help: 'Items that an earlier process left in the queue on disk.',
  kind: 'counter',
  labels: EXPORTER_AND_TYPE,
};
const RETRIES: MetricSpec = {
  name: 'remora_exporter_retries',
  help: 'Attempts after the first of a request.',
  kind: 'counter',
  labels: EXPORTER_AND_TYPE,
};
const REQUEST_SECONDS: MetricSpec = {
  name: 'remora_exporter_request_seconds',
  help: 'How long single attempts took.',
  kind: 'histogram',
  labels: EXPORTER_AND_TYPE,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
};

const CIRCUIT_STATE: MetricSpec = {
  name: 'remora_exporter_circuit_state',
  help: '1 for the state that the circuit to the upstream is in: closed, open or half_open; else 0.',
  kind: 'gauge',
  labels: [...EXPORTER_AND_TYPE, 'state'],
};
const CIRCUIT_TRANSITIONS: MetricSpec = {
  name: 'remora_exporter_circuit_transitions',
  help: 'How often the circuit to the upstream entered a state.',
  kind: 'counter',
  labels: [...EXPORTER_AND_TYPE, 'state'],
};

const CONCURRENCY_LIMIT = gaugeSpec(
  'remora_exporter_concurrency_limit',
  'Requests in flight that the upstream is known to bear; at most num_consumers.',
);

/** Every metric that the host of an exporter makes. */
export const senderMetrics: readonly MetricSpec[] = [
  QUEUE_SIZE,
  QUEUE_CAPACITY,
  IN_FLIGHT,
  QUEUE_BYTES,
  OLDEST_AGE,
  DROPPED,
  REJECTED,
  RECOVERED,
  RETRIES,
  REQUEST_SECONDS,
  CIRCUIT_STATE,
  CIRCUIT_TRANSITIONS,
  CONCURRENCY_LIMIT,
  ...SIGNALS.flatMap((signal) => [sent(signal), sendFailed(signal), enqueueFailed(signal)]),
];

export interface QueueReaders {
  size(): number;
  capacity(): number;
  bytes(): number;
  oldestAgeSeconds(): number;
}

export interface UpstreamReaders {
  readonly state: () => CircuitState;
  /** Undefined: it has none. */
  readonly limit: (() => number) | undefined;
}

/** The metrics of one exporter and signal. */
export class SenderMetrics {
  readonly sent: Count;
  readonly sendFailed: Count;
  readonly enqueueFailed: Count;
  readonly recovered: Count;
  readonly retries: Count;
  readonly requestSeconds: Distribution;
  inFlight = 0;
  readonly #dropped = new Map<string, Count>();
  readonly #rejected = new Map<string, Count>();
  readonly #meter: Meter;
  readonly #labels: Labels;

  constructor(meter: Meter, exporter: string, signal: Signal) {
    const labels = { exporter, data_type: signal };
    this.#meter = meter;
    this.#labels = labels;
    this.sent = meter.counter(sent(signal), { exporter });
    this.sendFailed = meter.counter(sendFailed(signal), { exporter });
    this.enqueueFailed = meter.counter(enqueueFailed(signal), { exporter });
    this.recovered = meter.counter(RECOVERED, labels);
    this.retries = meter.counter(RETRIES, labels);
    this.requestSeconds = meter.histogram(REQUEST_SECONDS, labels);
    meter.gauge(IN_FLIGHT, labels, () => this.inFlight);
  }

  watchQueue(queue: QueueReaders): void {
    this.#meter.gauge(QUEUE_SIZE, this.#labels, () => queue.size());
    this.#meter.gauge(QUEUE_CAPACITY, this.#labels, () => queue.capacity());
    this.#meter.gauge(QUEUE_BYTES, this.#labels, () => queue.bytes());
    this.#meter.gauge(OLDEST_AGE, this.#labels, () => queue.oldestAgeSeconds());
  }

  watchUpstream({ state, limit }: UpstreamReaders): void {
    for (const one of CIRCUIT_STATES) {
      this.#meter.counter(CIRCUIT_TRANSITIONS, { ...this.#labels, state: one });
      this.#meter.gauge(CIRCUIT_STATE, { ...this.#labels, state: one }, () => (state() === one ? 1 : 0));
    }
    if (limit !== undefined) this.#meter.gauge(CONCURRENCY_LIMIT, this.#labels, limit);
  }

  circuitChanged(state: CircuitState): void {
    this.#meter.counter(CIRCUIT_TRANSITIONS, { ...this.#labels, state }).value += 1;
  }

  dropped(reason: string, items: number): void {
    this.#counts(DROPPED, this.#dropped, reason).value += items;
  }

  rejected(reason: string, items: number): void {
    this.#counts(REJECTED, this.#rejected, reason).value += items;
  }

  /** Looked up once a reason: a queue that drops does so for each request. */
  #counts(spec: MetricSpec, known: Map<string, Count>, reason: string): Count {
    let count = known.get(reason);
    if (count === undefined) known.set(reason, (count = this.#meter.counter(spec, { ...this.#labels, reason })));
    return count;
  }
}
