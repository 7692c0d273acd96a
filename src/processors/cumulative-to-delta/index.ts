import { defineProcessor } from '../../core/component.ts';
import type { MetricSpec } from '../../core/meter.ts';
import { DROP_REASONS } from '../temporality/conversion.ts';
import { Converter } from '../temporality/converter.ts';
import { Rewriter } from '../temporality/rewriter.ts';
import { Streams } from '../temporality/streams.ts';
import { instanceLabels, TEMPORALITY_METRICS, temporalityBooks } from '../temporality/temporality-metrics.ts';
import { cumulativeToDeltaConfig } from './config.ts';
import { Deltas } from './deltas.ts';
import { metricFilter } from './metric-filter.ts';

const DROPPED: MetricSpec = {
  name: 'otelcol_cumulativetodelta_datapoints_dropped',
  help: 'Data points left out, by reason.',
  kind: 'counter',
  labels: ['processor', 'pipeline', 'reason'],
};
const TRACKED: MetricSpec = {
  name: 'otelcol_cumulativetodelta_streams_tracked',
  help: 'Streams that are known.',
  kind: 'gauge',
  labels: ['processor', 'pipeline'],
};

/** Makes deltas of cumulative monotonic sums and histograms. */
export const cumulativeToDeltaProcessor = defineProcessor({
  type: 'cumulativetodelta',
  aliases: ['cumulative_to_delta'],
  summary: 'Converts cumulative monotonic sums and histograms to deltas.',
  signals: ['metrics'],
  config: cumulativeToDeltaConfig,
  metrics: [DROPPED, TRACKED, ...TEMPORALITY_METRICS],
  memory: ({ max_bytes }) => [{ share: 'caches', bytes: max_bytes, path: ['max_bytes'] }],
  create(config, context) {
    const { clock, meter, random } = context;
    const { max_streams: maxStreams, max_bytes: maxBytes, max_staleness: maxStaleMs } = config;
    const streams = new Streams({ clock, maxStreams, maxBytes, maxStaleMs });
    const deltas = new Deltas(config.initial_value, metricFilter(config.include, config.exclude), clock);
    const labels = instanceLabels(context);
    const dropped = DROP_REASONS.map((reason) => [reason, meter.counter(DROPPED, { ...labels, reason })] as const);
    meter.gauge(TRACKED, labels, () => streams.size);
    const bookBoth = temporalityBooks(context, streams);
    return new Converter({
      context,
      streams,
      rewriter: new Rewriter(deltas, streams, random),
      book(tally) {
        for (const [reason, count] of dropped) count.value += tally.dropped[reason] ?? 0;
        bookBoth(tally);
      },
    });
  },
});
