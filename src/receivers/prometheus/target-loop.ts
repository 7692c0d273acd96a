import type { Batch } from '../../core/batch.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Consumer } from '../../core/component.ts';
import { asError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Job } from './job.ts';
import { pageFormat } from './negotiation.ts';
import type { Page, PageClient } from './page-client.ts';
import { reportSeries } from './report.ts';
import { ScrapeError } from './scrape-error.ts';
import { scrapeHeaders } from './scrape-headers.ts';
import type { ScrapeMetrics } from './scrape-metrics.ts';
import type { TargetSeries } from './target-series.ts';

export interface LoopParts {
  readonly job: Job;
  readonly series: TargetSeries;
  readonly client: PageClient;
  readonly next: Consumer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ScrapeMetrics;
  /** Of the job, now. */
  targetCount(): number;
  /** `undefined`: the target is well. */
  onHealth(problem: string | undefined): void;
}

/** What a last page may take: targets are those of the application beside us, and others wait for the stop to go on. */
const LAST_TIMEOUT_MS = 2000;

/**
 * Scrapes one target at a fixed rate.
 *
 * Invariants: one scrape runs at a time. When the next one is due while one runs, the running one is told to give up
 * its batch and the next follows at once; a second one that falls due meanwhile is skipped and counted.
 */
export class TargetLoop {
  readonly #parts: LoopParts;
  #timer: Timer | undefined;
  #dueMs = 0;
  #running: Promise<void> | undefined;
  #abort = new AbortController();
  #waiting = false;
  #offering = false;
  #draining = false;
  /** The page under way is let go: whoever asked for it has stopped, and that is not the target's fault. */
  #lettingGo = false;
  #stopped = false;
  #problem: string | undefined;
  /** Wall time of the last scrape. */
  #scrapedMs = 0;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  start(offsetMs: number): void {
    this.#dueMs = this.#parts.clock.monotonic() + offsetMs;
    this.#arm();
  }

  /** Scrapes once more, now or after the scrape under way, and no longer when it is time. */
  drain(): void {
    if (this.#stopped || this.#draining) return;
    this.#draining = true;
    this.#timer?.cancel();
    if (this.#running === undefined) this.#run();
    else this.#waiting = true;
  }

  /**
   * Scrapes a last time, because what the application counted since the last scrape is nowhere else, then ends every
   * series once. A page under way is let go; a batch under way, and the last page, have until `deadline`.
   */
  stop(deadline: AbortSignal): Promise<void> {
    return this.#end(deadline, {
      // Of one that did not answer before, nothing is expected now.
      isLastPageWanted: () => this.#problem === undefined,
      // Right behind the last samples, however long the stop has taken.
      endMs: () => this.#scrapedMs + 1,
    });
  }

  /** Ends every series once, without a last page: the target is not there any more. */
  async remove(deadline: AbortSignal): Promise<void> {
    await this.#end(deadline, { isLastPageWanted: () => false, endMs: () => this.#parts.clock.now() });
    this.#parts.onHealth(undefined);
  }

  /** `endMs`: the wall time at which the series end. */
  async #end(
    deadline: AbortSignal,
    { isLastPageWanted, endMs }: { isLastPageWanted: () => boolean; endMs: () => number },
  ): Promise<void> {
    if (this.#stopped) return;
    this.#draining = true;
    this.#timer?.cancel();
    this.#waiting = false;
    const giveUp = (): void => {
      this.#lettingGo = true;
      this.#abort.abort(new ScrapeError('aborted', 'The receiver is stopping.'));
    };
    deadline.addEventListener('abort', giveUp);
    if (!this.#offering || deadline.aborted) giveUp();
    await this.#running;
    if (!deadline.aborted && isLastPageWanted()) {
      this.#lettingGo = false;
      this.#run();
      await this.#running;
    }
    this.#stopped = true;
    deadline.removeEventListener('abort', giveUp);
    const { series, job } = this.#parts;
    const batch = series.farewell(endMs(), reportSeries(undefined, job.extraMetrics));
    if (batch !== undefined) await this.#offer(batch, deadline);
  }

  #arm(): void {
    const { clock } = this.#parts;
    this.#timer = clock.timer(Math.max(0, this.#dueMs - clock.monotonic()), () => this.#turn());
  }

  #turn(): void {
    const { clock, series, metrics } = this.#parts;
    const { intervalMs } = series.target;
    // A clock that stood still (a suspended machine) does not bring a burst of scrapes.
    const lateMs = Math.max(0, clock.monotonic() - this.#dueMs);
    this.#dueMs += intervalMs * (1 + Math.floor(lateMs / intervalMs));
    this.#arm();
    if (this.#running === undefined) this.#run();
    else if (this.#waiting) metrics.skipped('overlap').value += 1;
    else {
      this.#waiting = true;
      this.#abort.abort(new ScrapeError('timeout', 'The next scrape is due.'));
    }
  }

  #run(): void {
    this.#waiting = false;
    this.#abort = new AbortController();
    const running = this.#scrape(this.#abort).catch((error: unknown) => {
      this.#parts.log.error('A scrape failed inside Remora.', { error: asError(error).stack });
    });
    this.#running = running.then(() => {
      this.#running = undefined;
      if (this.#waiting && !this.#stopped) this.#run();
    });
  }

  async #scrape(abort: AbortController): Promise<void> {
    const { clock, job, series, metrics, client } = this.#parts;
    const timeMs = client.scrapeMs?.(series.target.url) ?? clock.now();
    this.#scrapedMs = timeMs;
    const fromMs = clock.monotonic();
    metrics.scrapes.value += 1;
    const { error, bodyBytes } = await this.#readPage(abort);
    // An application that has ended before Remora, as it should, is no failure.
    if (this.#lettingGo || (this.#draining && error !== undefined)) return;
    const durationSeconds = (clock.monotonic() - fromMs) / 1000;
    const { samples, added, duplicates, dropped } = series.summary;
    metrics.duration.observe(durationSeconds);
    if (error === undefined) {
      metrics.samples.value += samples;
      metrics.dropped.value += dropped;
    }
    metrics.duplicates.value += duplicates;
    this.#noteHealth(error);
    if (error === undefined && duplicates > 0) this.#tellOfDuplicates(duplicates);
    const report = reportSeries(
      {
        up: error === undefined,
        durationSeconds,
        samples,
        kept: samples - dropped,
        added,
        timeoutSeconds: series.target.timeoutMs / 1000,
        sampleLimit: job.rules.sampleLimit,
        bodyBytes,
      },
      job.extraMetrics,
    );
    const { batch, errored } = series.batch(timeMs, report);
    metrics.scraped.value += batch.items;
    metrics.errored.value += errored;
    this.#offering = true;
    await this.#offer(batch, abort.signal).finally(() => (this.#offering = false));
  }

  /** Fetches the page and takes it into the series. Every failure is an outcome. */
  async #readPage(abort: AbortController): Promise<{ error?: ScrapeError; bodyBytes: number }> {
    const { clock, job, series } = this.#parts;
    const limitMs = series.target.timeoutMs;
    const late = new ScrapeError('timeout', `The target did not answer within ${limitMs / 1000} s.`);
    const fetching = new AbortController();
    const onAbort = (): void => fetching.abort(abort.signal.reason);
    abort.signal.addEventListener('abort', onAbort);
    const timeoutMs = this.#draining ? Math.min(limitMs, LAST_TIMEOUT_MS) : limitMs;
    const timer = clock.timer(timeoutMs, () => fetching.abort(late));
    let page: Page | undefined;
    try {
      page = await this.#fetch(fetching.signal);
      series.read(page.bytes, page.length, pageFormat(page.contentType, job.config.fallback_scrape_protocol));
      return { bodyBytes: page.length };
    } catch (error) {
      if (page === undefined) series.fail();
      const failure = error instanceof ScrapeError ? error : new ScrapeError('connect', asError(error).message);
      return { error: failure, bodyBytes: failure.reason === 'body_size_limit' ? -1 : (page?.length ?? 0) };
    } finally {
      timer.cancel();
      abort.signal.removeEventListener('abort', onAbort);
      page?.release();
    }
  }

  async #fetch(abort: AbortSignal): Promise<Page> {
    const { job, series, client } = this.#parts;
    const { targetLimit } = job;
    const targets = this.#parts.targetCount();
    if (targetLimit > 0 && targets > targetLimit) {
      const text = `The job has ${targets} targets, target_limit is ${targetLimit}.`;
      throw new ScrapeError('target_limit', text);
    }
    const headers = await scrapeHeaders(job, series.target);
    const { url } = series.target;
    const followRedirects = job.config.follow_redirects;
    return await client.fetch({ url, headers, limitBytes: job.bodyLimitBytes, followRedirects }, abort);
  }

  /** Hands a batch over. One that is not taken is let go: the next scrape brings newer values. */
  async #offer(batch: Batch, abort: AbortSignal): Promise<void> {
    const { next, series, metrics, log } = this.#parts;
    const verdict = await next.consume(batch, abort);
    if (verdict.status === 'accepted') {
      series.accepted();
      return;
    }
    metrics.skipped(verdict.status).value += 1;
    metrics.lostPoints(verdict.status).value += batch.items;
    log.error('The pipeline did not take a scrape; its samples are lost.', {
      job: this.#parts.job.name,
      target: series.target.instance,
      verdict: verdict.status,
      reason: verdict.reason.message,
    });
  }

  /** Without the query, which may hold secrets. */
  get #where(): { readonly job: string; readonly target: string } {
    const { job, series } = this.#parts;
    const { origin, pathname } = series.target.url;
    return { job: job.name, target: origin + pathname };
  }

  /** Once for each scrape, as Prometheus does; the log keeps repeats down. */
  #tellOfDuplicates(samples: number): void {
    const text = 'Samples of a page are of the same series; the first of each was taken, the others were dropped.';
    this.#parts.log.warn(text, { ...this.#where, num_dropped: samples });
  }

  #noteHealth(error: ScrapeError | undefined): void {
    const { job, series, metrics, log } = this.#parts;
    const where = this.#where;
    if (error !== undefined) {
      metrics.failure(error.reason).value += 1;
      log.warn('A scrape failed.', { ...where, reason: error.reason, error: error.message });
    } else if (this.#problem !== undefined) log.info('A target answers again.', where);
    this.#problem = error?.message;
    this.#parts.onHealth(
      error === undefined ? undefined : `job "${job.name}", target ${series.target.instance}: ${error.message}`,
    );
  }
}
