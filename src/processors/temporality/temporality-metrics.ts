import type { ProcessorContext } from '../../core/component.ts';
import type { Count, MetricSpec } from '../../core/meter.ts';
import type { Tally } from './conversion.ts';
import type { Streams } from './streams.ts';

const LABELS = ['processor', 'pipeline'] as const;

const RESETS: MetricSpec = {
  name: 'remora_temporality_resets',
  help: 'Streams that began anew: their value or start time said so, or their histogram came with other bounds.',
  kind: 'counter',
  labels: LABELS,
};
const STATE_BYTES: MetricSpec = {
  name: 'remora_temporality_state_bytes',
  help: 'Memory taken for what is known of streams.',
  kind: 'gauge',
  labels: LABELS,
};

/** What both directions have. */
export const TEMPORALITY_METRICS: readonly MetricSpec[] = [RESETS, STATE_BYTES];

/** Labels of the one instance that is in a pipeline. */
export function instanceLabels({ id, pipeline }: Pick<ProcessorContext, 'id' | 'pipeline'>) {
  return { processor: id, pipeline };
}

/** Declares what both directions have; gives what books a batch. */
export function temporalityBooks(context: ProcessorContext, streams: Streams): (tally: Tally) => void {
  const labels = instanceLabels(context);
  const resets: Count = context.meter.counter(RESETS, labels);
  context.meter.gauge(STATE_BYTES, labels, () => streams.bytesUsed);
  return (tally) => {
    resets.value += tally.resets;
  };
}
