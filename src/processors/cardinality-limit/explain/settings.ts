import * as z from 'zod';
import { cleanTextBytes } from './clean-text.ts';
import { MetricAnalysis } from './metric-analysis.ts';

const whole = (most: number) => z.number().int().max(most);

/** What stands under `explain`. */
export const explainSettings = () =>
  z.strictObject({
    metrics: whole(1000)
      .positive()
      .default(30)
      .describe('Metrics that are explained at once: those near or over a limit.'),
    labels: whole(64).positive().default(32).describe('Labels of a metric that are told apart; the rest is _other.'),
    samples: whole(20)
      .nonnegative()
      .default(5)
      .describe(
        'Values that are shown of each label, each cut to 64 characters; 0 shows none, where values are secrets.',
      ),
  });

export type ExplainSettings = z.output<ReturnType<typeof explainSettings>>;

/** What explanations take at most in one instance: the analysis of each metric, and what was found before. */
export function explainBytes(settings: ExplainSettings): number {
  const { metrics, labels, samples } = settings;
  const found = (labels + 1) * (512 + samples * 16 + cleanTextBytes(256));
  return metrics * (MetricAnalysis.bytesFor(settings) + found);
}
