import type { Count, Distribution, Meter, MetricSpec } from '../../core/meter.ts';
import type { ScrapeFailure } from './scrape-error.ts';

/** The self metrics of scraping. Labels are bounded: jobs and reasons are from the configuration and from this source. */
const scraped = {
  name: 'otelcol_scraper_scraped_metric_points',
  help: 'Metric points successfully scraped.',
  kind: 'counter',
  labels: ['receiver', 'scraper'],
} as const satisfies MetricSpec;

const errored = {
  name: 'otelcol_scraper_errored_metric_points',
  help: 'Metric points on good pages that could not be made, for example a histogram without its count.',
  kind: 'counter',
  labels: ['receiver', 'scraper'],
} as const satisfies MetricSpec;

const scrapes = {
  name: 'remora_scrape_scrapes',
  help: 'Scrapes that were begun.',
  kind: 'counter',
  labels: ['receiver', 'job'],
} as const satisfies MetricSpec;

const samples = {
  name: 'remora_scrape_samples',
  help: 'Samples on good pages.',
  kind: 'counter',
  labels: ['receiver', 'job'],
} as const satisfies MetricSpec;

const duplicates = {
  name: 'remora_scrape_duplicate_samples',
  help: 'Samples that a page held twice; the first was taken.',
  kind: 'counter',
  labels: ['receiver', 'job'],
} as const satisfies MetricSpec;

const dropped = {
  name: 'remora_scrape_relabel_dropped_samples',
  help: 'Samples on good pages that metric_relabel_configs dropped.',
  kind: 'counter',
  labels: ['receiver', 'job'],
} as const satisfies MetricSpec;

const failures = {
  name: 'remora_scrape_failures',
  help: 'Scrapes that failed, by reason; up is 0.',
  kind: 'counter',
  labels: ['receiver', 'job', 'reason'],
} as const satisfies MetricSpec;

const skipped = {
  name: 'remora_scrape_skipped',
  help: 'Scrapes that left nothing: overlap (the one before still ran), retry (the pipeline pushed back), rejected.',
  kind: 'counter',
  labels: ['receiver', 'job', 'reason'],
} as const satisfies MetricSpec;

const lostPoints = {
  name: 'remora_scrape_lost_points',
  help: 'Data points of scrapes that the pipeline did not take, by its verdict.',
  kind: 'counter',
  labels: ['receiver', 'job', 'reason'],
} as const satisfies MetricSpec;

const targets = {
  name: 'remora_scrape_targets',
  help: 'Targets that are scraped, after discovery and relabelling.',
  kind: 'gauge',
  labels: ['receiver', 'job'],
} as const satisfies MetricSpec;

const failedDiscoveries = {
  name: 'remora_scrape_discovery_failures',
  help: 'Lists of targets that could not be read, by mechanism (file, http); the targets of the last good list stay.',
  kind: 'counter',
  labels: ['receiver', 'job', 'mechanism'],
} as const satisfies MetricSpec;

const duration = {
  name: 'remora_scrape_duration_seconds',
  help: 'Time from the request to the parsed page.',
  kind: 'histogram',
  labels: ['receiver', 'job'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
} as const satisfies MetricSpec;

export const scrapeMetricSpecs: readonly MetricSpec[] = [
  scraped,
  errored,
  scrapes,
  samples,
  duplicates,
  dropped,
  failures,
  skipped,
  lostPoints,
  targets,
  failedDiscoveries,
  duration,
];

export interface ScrapeMetrics {
  readonly scraped: Count;
  readonly errored: Count;
  readonly scrapes: Count;
  readonly samples: Count;
  readonly duplicates: Count;
  readonly dropped: Count;
  readonly duration: Distribution;
  failure(reason: ScrapeFailure): Count;
  skipped(reason: 'overlap' | 'retry' | 'rejected'): Count;
  lostPoints(reason: 'retry' | 'rejected'): Count;
}

export function scrapeMetrics(meter: Meter, receiver: string, job: string): ScrapeMetrics {
  const labels = { receiver, job };
  return {
    scraped: meter.counter(scraped, { receiver, scraper: job }),
    errored: meter.counter(errored, { receiver, scraper: job }),
    scrapes: meter.counter(scrapes, labels),
    samples: meter.counter(samples, labels),
    duplicates: meter.counter(duplicates, labels),
    dropped: meter.counter(dropped, labels),
    duration: meter.histogram(duration, labels),
    failure: (reason) => meter.counter(failures, { ...labels, reason }),
    skipped: (reason) => meter.counter(skipped, { ...labels, reason }),
    lostPoints: (reason) => meter.counter(lostPoints, { ...labels, reason }),
  };
}

export function observeTargets(meter: Meter, receiver: string, job: string, count: () => number): void {
  meter.gauge(targets, { receiver, job }, count);
}

export function discoveryFailures(meter: Meter, receiver: string, job: string, mechanism: 'file' | 'http'): Count {
  return meter.counter(failedDiscoveries, { receiver, job, mechanism });
}
