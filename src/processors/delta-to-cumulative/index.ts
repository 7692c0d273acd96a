import { defineProcessor } from '../../core/component.ts';
import type { MetricSpec } from '../../core/meter.ts';
import { Converter } from '../temporality/converter.ts';
import { DROP_REASONS } from '../temporality/conversion.ts';
import { Rewriter } from '../temporality/rewriter.ts';
import { Streams } from '../temporality/streams.ts';
import { instanceLabels, TEMPORALITY_METRICS, temporalityBooks } from '../temporality/temporality-metrics.ts';
import { deltaToCumulativeConfig } from './config.ts';
import { Totals } from './totals.ts';

const LABELS = ['processor', 'pipeline'] as const;

const DATAPOINTS: MetricSpec = {
  name: 'otelcol_deltatocumulative_datapoints',
  help: 'Delta points seen; those that were left out have the reason in error, the others none.',
  kind: 'counter',
  labels: [...LABELS, 'error'],
};
const TRACKED: MetricSpec = {
  name: 'otelcol_deltatocumulative_streams_tracked',
  help: 'Streams that are known.',
  kind: 'gauge',
  labels: LABELS,
};
const LIMIT: MetricSpec = {
  name: 'otelcol_deltatocumulative_streams_limit',
  help: 'The most streams that may be known.',
  kind: 'gauge',
  labels: LABELS,
};
const MAX_STALE: MetricSpec = {
  name: 'otelcol_deltatocumulative_streams_max_stale',
  help: 'Seconds without points after which a stream is forgotten.',
  kind: 'gauge',
  labels: LABELS,
};
const GAPS: MetricSpec = {
  name: 'remora_temporality_gaps',
  help: 'Deltas that begin after the end of the one before: something between them was lost, or never sent.',
  kind: 'counter',
  labels: LABELS,
};

/** Makes totals of deltas. */
export const deltaToCumulativeProcessor = defineProcessor({
  type: 'deltatocumulative',
  aliases: ['delta_to_cumulative'],
  summary: 'Converts sums and histograms of deltas to cumulative ones.',
  signals: ['metrics'],
  config: deltaToCumulativeConfig,
  metrics: [DATAPOINTS, TRACKED, LIMIT, MAX_STALE, GAPS, ...TEMPORALITY_METRICS],
  memory: ({ max_bytes }) => [{ share: 'caches', bytes: max_bytes, path: ['max_bytes'] }],
  create(config, context) {
    const { clock, meter, random } = context;
    const { max_streams: maxStreams, max_bytes: maxBytes, max_stale: maxStaleMs } = config;
    const streams = new Streams({ clock, maxStreams, maxBytes, maxStaleMs });
    const labels = instanceLabels(context);
    const seen = (error: string) => meter.counter(DATAPOINTS, { ...labels, error });
    const converted = seen('');
    const dropped = DROP_REASONS.map((reason) => [reason, seen(reason)] as const);
    const gaps = meter.counter(GAPS, labels);
    meter.gauge(TRACKED, labels, () => streams.size);
    meter.gauge(LIMIT, labels, () => maxStreams);
    meter.gauge(MAX_STALE, labels, () => maxStaleMs / 1000);
    const bookBoth = temporalityBooks(context, streams);
    return new Converter({
      context,
      streams,
      rewriter: new Rewriter(new Totals(), streams, random),
      book(tally) {
        converted.value += tally.converted;
        for (const [reason, count] of dropped) count.value += tally.dropped[reason] ?? 0;
        gaps.value += tally.gaps;
        bookBoth(tally);
      },
    });
  },
});
