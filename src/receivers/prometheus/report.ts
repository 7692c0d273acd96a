import type { ReportSeries } from './request-writer.ts';

/** What one scrape says about itself. */
export interface ScrapeReport {
  readonly up: boolean;
  readonly durationSeconds: number;
  readonly samples: number;
  /** Of those, what relabelling left. */
  readonly kept: number;
  readonly added: number;
  readonly timeoutSeconds: number;
  readonly sampleLimit: number;
  /** -1 when the page was larger than its limit, as Prometheus reports it. */
  readonly bodyBytes: number;
}

/** The five series that Prometheus adds to every scrape; three more on demand. `undefined` ends them. */
export function reportSeries(report: ScrapeReport | undefined, extra: boolean): ReportSeries[] {
  const series = (name: string, unit: string, description: string, value: number | undefined): ReportSeries => {
    return { name, unit, description, value };
  };
  const always = [
    series('up', '', 'The scraping was successful', report === undefined ? undefined : Number(report.up)),
    series('scrape_duration_seconds', 's', 'Duration of the scrape', report?.durationSeconds),
    series('scrape_samples_scraped', '', 'The number of samples the target exposed', report?.samples),
    series(
      'scrape_samples_post_metric_relabeling',
      '',
      'The number of samples remaining after metric relabeling was applied',
      report?.kept,
    ),
    series('scrape_series_added', '', 'The approximate number of new series in this scrape', report?.added),
  ];
  if (!extra) return always;
  return [
    ...always,
    series('scrape_timeout_seconds', 's', 'The configured scrape timeout for a target', report?.timeoutSeconds),
    series('scrape_sample_limit', '', 'The configured sample limit for a target', report?.sampleLimit),
    series('scrape_body_size_bytes', 'By', 'The uncompressed size of the last scrape response', report?.bodyBytes),
  ];
}
