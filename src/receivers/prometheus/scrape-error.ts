import { RemoraError } from '../../core/errors.ts';

/** Why a scrape failed: the values of the `reason` label, so the list stays short. */
const FAILURES = [
  'connect',
  'timeout',
  'status',
  'content_type',
  'body_size_limit',
  'encoding',
  'parse',
  'sample_limit',
  'label_limit',
  'relabel',
  'target_limit',
  'credentials',
  'memory',
  'aborted',
] as const;
export type ScrapeFailure = (typeof FAILURES)[number];

/** A reason by its name; of one that is not known, that there was no connection. */
export function scrapeFailure(name: string): ScrapeFailure {
  return FAILURES.find((known) => known === name) ?? 'connect';
}

/** The whole scrape fails: `up` becomes 0 and no sample of the page is kept. */
export class ScrapeError extends RemoraError {
  readonly reason: ScrapeFailure;

  constructor(reason: ScrapeFailure, message: string, options?: { cause?: unknown }) {
    super('scrape_failed', message, options);
    this.name = 'ScrapeError';
    this.reason = reason;
  }
}
