import { cleanText } from './clean-text.ts';
import { findDrivers, seriesWithout, type Driver } from './drivers.ts';
import { OTHER_LABELS, type AnalysedLabel, type MetricAnalysis } from './metric-analysis.ts';
import type { LabelSource } from './point-labels.ts';

/** A label as people are told of it. */
export interface LabelFindings {
  /** Harmless to show; `key` is what it is called for machines. */
  readonly label: string;
  /** As it was received. */
  readonly key: string;
  readonly source: LabelSource | undefined;
  /** About how many different values it has, and how many series would be left without it. */
  readonly values: number;
  readonly seriesWithout: number;
  readonly samples: readonly string[];
}

/** Labels that together, and only together, make the series as many as they are. */
export interface DriverFindings {
  readonly labels: readonly LabelFindings[];
  readonly seriesWithout: number;
}

/** What was found of one metric up to some moment. */
export interface Findings {
  /** About how many different series were seen. */
  readonly series: number;
  /** The strongest first; more than one where each would do, because they multiply. */
  readonly drivers: readonly DriverFindings[];
  /** That with the most values first. */
  readonly labels: readonly LabelFindings[];
}

/** `target` are the series that may be left without the labels that are to blame. */
export function findingsOf(analysis: MetricAnalysis, target: number): Findings {
  const series = analysis.series.count();
  const labels = analysis.labels.map((label, index) => toldOf(label, series, seriesWithout(analysis, index)));
  const told = (driver: Driver): DriverFindings => ({
    labels: driver.labels.flatMap((index) => labels[index] ?? []),
    seriesWithout: driver.seriesWithout,
  });
  return {
    series,
    drivers: findDrivers(analysis, target).map(told),
    labels: labels.filter(({ values }) => values > 0).sort((one, other) => other.values - one.values),
  };
}

function toldOf({ key, source, values, samples }: AnalysedLabel, series: number, without: number): LabelFindings {
  return {
    label: source === undefined ? OTHER_LABELS : cleanText(key, 128),
    key,
    source,
    // Estimates of both err, each its own way.
    values: Math.min(series, values.count()),
    seriesWithout: without,
    samples: [...samples.texts],
  };
}
