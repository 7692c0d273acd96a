import type { EdgeCounts } from '../core/edge.ts';
import type { OnReason } from '../core/ledger.ts';
import type { Count, Labels, Meter, MetricSpec } from '../core/meter.ts';
import { ITEM_NAME, SIGNALS, type Signal } from '../core/signal.ts';

/** What the host counts at its edges, under the Collector's names. Components never count their own throughput. */

function receiverMetric(outcome: 'accepted' | 'refused' | 'failed', signal: Signal, help: string): MetricSpec {
  return counter(`otelcol_receiver_${outcome}_${ITEM_NAME[signal]}`, help, ['receiver', 'transport']);
}

function perSignal(make: (signal: Signal) => MetricSpec): Readonly<Record<Signal, MetricSpec>> {
  return { traces: make('traces'), metrics: make('metrics'), logs: make('logs') };
}

const ACCEPTED = perSignal((signal) => receiverMetric('accepted', signal, 'Items that went into the pipelines.'));
const REFUSED = perSignal((signal) =>
  receiverMetric('refused', signal, 'Items that the pipelines did not take; the sender was told.'),
);
const FAILED = perSignal((signal) => receiverMetric('failed', signal, 'Items lost to a fault inside Remora.'));

const RECEIVED_BYTES = counter('remora_receiver_accepted_bytes', 'Encoded bytes that went into the pipelines.', [
  'receiver',
  'transport',
  'otel_signal',
]);

const AT_PROCESSOR = ['processor', 'pipeline', 'otel_signal'];
const INCOMING = counter('otelcol_processor_incoming_items', 'Items that came into the processor.', AT_PROCESSOR);
const OUTGOING = counter(
  'otelcol_processor_outgoing_items',
  'Items that left the processor for the next component.',
  AT_PROCESSOR,
);

const BYPASSED = counter('remora_bypassed_items', 'Items that went around the processor in bypass mode.', AT_PROCESSOR);

const CONSUMED = counter(
  'otelcol_connector_consumed_items',
  'Items that were offered to the connector, by outcome: success, refused or failure.',
  ['connector', 'otel_signal', 'outcome'],
);
const PRODUCED = counter(
  'otelcol_connector_produced_items',
  'Items that the connector offered to its pipelines, by outcome: success, refused or failure.',
  ['connector', 'otel_signal', 'output_signal', 'outcome'],
);

const IN_ACCOUNT = ['stage', 'node', 'otel_signal', 'reason'];
const DROPPED = counter(
  'remora_dropped_items',
  'Items that a receiver, processor or exporter let go, by reason: filtered on purpose, or lost.',
  IN_ACCOUNT,
);
const REJECTED = counter(
  'remora_rejected_items',
  'Items that somebody further on refused for good, by reason.',
  IN_ACCOUNT,
);

function counter(name: string, help: string, labels: readonly string[]): MetricSpec {
  return { name, help, kind: 'counter', labels };
}

export const edgeMetrics: readonly MetricSpec[] = [
  ...SIGNALS.flatMap((signal) => [ACCEPTED[signal], REFUSED[signal], FAILED[signal]]),
  RECEIVED_BYTES,
  INCOMING,
  OUTGOING,
  BYPASSED,
  CONSUMED,
  PRODUCED,
  DROPPED,
  REJECTED,
];

export interface ReceiverEdge {
  readonly receiver: string;
  readonly transport: string;
  readonly signal: Signal;
}

export function meterReceiver(meter: Meter, { receiver, transport, signal }: ReceiverEdge, counts: EdgeCounts): void {
  const labels = { receiver, transport };
  meter.counterFrom(ACCEPTED[signal], labels, () => counts.acceptedItems);
  meter.counterFrom(REFUSED[signal], labels, () => counts.refusedItems + counts.rejectedItems);
  meter.counterFrom(FAILED[signal], labels, () => counts.failedItems);
  meter.counterFrom(RECEIVED_BYTES, { ...labels, otel_signal: signal }, () => counts.acceptedBytes);
}

export interface ProcessorEdge {
  readonly processor: string;
  readonly pipeline: string;
  readonly signal: Signal;
}

export function meterProcessor(meter: Meter, at: ProcessorEdge, incoming: EdgeCounts, outgoing: EdgeCounts): void {
  const labels = { processor: at.processor, pipeline: at.pipeline, otel_signal: at.signal };
  meter.counterFrom(INCOMING, labels, () => incoming.acceptedItems + incoming.rejectedItems);
  meter.counterFrom(OUTGOING, labels, () => outgoing.acceptedItems);
}

/** Counts what goes around the processor. */
export function meterBypassed(meter: Meter, { processor, pipeline, signal }: ProcessorEdge): Count {
  return meter.counter(BYPASSED, { processor, pipeline, otel_signal: signal });
}

/** What pipelines gave to a connector. */
export function meterConsumed(
  meter: Meter,
  at: { readonly connector: string; readonly signal: Signal },
  counts: EdgeCounts,
): void {
  meterOutcomes(meter, CONSUMED, { connector: at.connector, otel_signal: at.signal }, counts);
}

/** What a connector made of `signal` and gave to pipelines. */
export function meterProduced(
  meter: Meter,
  at: { readonly connector: string; readonly signal: Signal; readonly output: Signal },
  counts: EdgeCounts,
): void {
  const labels = { connector: at.connector, otel_signal: at.signal, output_signal: at.output };
  meterOutcomes(meter, PRODUCED, labels, counts);
}

function meterOutcomes(meter: Meter, spec: MetricSpec, labels: Labels, counts: EdgeCounts): void {
  meter.counterFrom(spec, { ...labels, outcome: 'success' }, () => counts.acceptedItems);
  meter.counterFrom(spec, { ...labels, outcome: 'refused' }, () => counts.refusedItems + counts.rejectedItems);
  meter.counterFrom(spec, { ...labels, outcome: 'failure' }, () => counts.failedItems);
}

/** Shows what the ledger's accounts book under a reason, each from its first time on. */
export function meterLosses(meter: Meter): OnReason {
  return (account, outcome, reason) => {
    const labels = { stage: account.stage, node: account.node, otel_signal: account.signal, reason };
    const spec = outcome === 'dropped' ? DROPPED : REJECTED;
    meter.counterFrom(spec, labels, () => account[outcome].get(reason) ?? 0);
  };
}
