import { sleep, type Clock } from '../../core/clock.ts';
import type { PageReply } from '../../core/outside.ts';
import type { PageRecord } from '../input.ts';
import { Redaction } from '../record/redaction.ts';

const NO_SECRETS = new Redaction([]);

/** The first scrape this near to a recorded one is that one. Timers of a busy machine are late, and those of a replay are not. */
const SAME_SCRAPE_MS = 1000;

/** Recorded pages: whoever asks for a URL gets the page that was recorded nearest in time, the earlier of two. */
export class Pages {
  readonly #byUrl: ReadonlyMap<string, readonly PageRecord[]>;
  readonly #clock: Clock;
  readonly #startMs: number;
  /** Wall time of the last scrape, by URL. */
  readonly #scrapedMs = new Map<string, number>();
  /** URLs that were asked for and never recorded. */
  readonly unknown = new Set<string>();

  /** `records` are in order of time, which is counted from `startMs`. */
  constructor(records: readonly PageRecord[], clock: Clock, startMs: number) {
    this.#byUrl = Map.groupBy(records, ({ url }) => url);
    this.#clock = clock;
    this.#startMs = startMs;
  }

  /** The page, after the time that it took. Rejects with the reason of `abort`. */
  async fetch(url: URL, abort: AbortSignal): Promise<PageReply> {
    const nearest = this.#nearest(url);
    if (nearest === undefined) {
      const { href } = url;
      this.unknown.add(href);
      return { failure: { reason: 'connect', message: `The fixture has no page of ${href}.` } };
    }
    const { reply, tookMs = 0 } = nearest;
    if (tookMs > 0) await sleep(this.#clock, tookMs, abort);
    abort.throwIfAborted();
    return reply;
  }

  /** Wall time of a scrape that begins now: when it began as it was recorded. Later with each scrape of the URL. */
  scrapeMs(url: URL): number {
    const nowMs = this.#clock.now();
    const lastMs = this.#scrapedMs.get(url.href) ?? 0;
    const recordedMs = this.#recordedMs(url) ?? nowMs;
    const isSame = recordedMs > lastMs && Math.abs(recordedMs - nowMs) <= SAME_SCRAPE_MS;
    const timeMs = isSame ? recordedMs : Math.max(nowMs, lastMs + 1);
    this.#scrapedMs.set(url.href, timeMs);
    return timeMs;
  }

  /** Without the time that a page took, nobody knows when it was asked for. */
  #recordedMs(url: URL): number | undefined {
    const nearest = this.#nearest(url);
    return nearest?.tookMs === undefined ? undefined : this.#startMs + nearest.atMs;
  }

  #nearest(url: URL): PageRecord | undefined {
    const atMs = this.#clock.now() - this.#startMs;
    let nearest: PageRecord | undefined;
    // A recording has no credentials, and the configuration may.
    for (const record of this.#byUrl.get(url.href) ?? this.#byUrl.get(NO_SECRETS.url(url)) ?? []) {
      if (nearest !== undefined && Math.abs(record.atMs - atMs) >= Math.abs(nearest.atMs - atMs)) break;
      nearest = record;
    }
    return nearest;
  }
}
