import type { ProcessorContext } from '../../../core/component.ts';
import { durationText } from '../../../core/settings.ts';
import { joinCardinalityPage } from './cardinality-page.ts';
import { meterCardinality } from './cardinality-metrics.ts';
import { Explainer } from './explainer.ts';
import type { Explanation } from './explanation.ts';
import { logExplanation } from './log-line.ts';
import { metricReport, type ProcessorReport } from './report.ts';
import type { ExplainSettings } from './settings.ts';
import type { OwnLimits } from './suggestion.ts';

export interface ExplainOptions {
  readonly context: Pick<
    ProcessorContext,
    'id' | 'pipeline' | 'signal' | 'clock' | 'random' | 'log' | 'meter' | 'admin'
  >;
  readonly settings: ExplainSettings;
  /** The share of the limit from which a metric is near it. */
  readonly near: number;
  readonly windowMs: number;
  readonly own: OwnLimits;
}

/** Explains one limiter: in metrics, in a log line for each window, and at `/cardinality`. */
export function explainCardinality({ context, settings, near, windowMs, own }: ExplainOptions): Explanation {
  const { id: processor, pipeline, signal, clock, log, meter, admin } = context;
  const explainer = new Explainer({ context, settings, near });
  const report = (): ProcessorReport => ({
    processor,
    pipeline,
    of: signal === 'traces' ? 'spans' : signal,
    window: durationText(windowMs),
    unexplained: explainer.unexplained,
    metrics: explainer.told().map((told) => metricReport(told, processor, clock.monotonic())),
  });
  const leavePage = joinCardinalityPage(admin, { own, report });
  meterCardinality({
    meter,
    processor,
    pipeline,
    told: () => explainer.told(),
    unexplained: () => explainer.unexplained,
    nowMs: () => clock.monotonic(),
  });
  return {
    newSeries: (metric, place, start, end, verdict) => explainer.newSeries(metric, place, start, end, verdict),
    labelsToDrop: (metric) => explainer.labelsToDrop(metric),
    windowEnded() {
      logExplanation(log, explainer.told(), explainer.unexplained, clock.monotonic());
      explainer.windowEnded();
    },
    stop() {
      leavePage();
      explainer.stop();
    },
  };
}
