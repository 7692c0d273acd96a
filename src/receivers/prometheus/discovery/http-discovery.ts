import { repeat, type Timer } from '../../../core/clock.ts';
import { errorMessage, RemoraError } from '../../../core/errors.ts';
import { jittered } from '../../../core/random.ts';
import { clientHeaders } from '../client-headers.ts';
import type { TargetGroup } from '../discovered-target.ts';
import type { PageClient } from '../page-client.ts';
import { USER_AGENT } from '../scrape-headers.ts';
import { DiscoveryProblems, type Discovery, type DiscoveryParts } from './discovery.ts';
import type { HttpDiscoveryConfig } from './settings.ts';
import { LIST_LIMIT_BYTES, parseTargetLists } from './target-lists.ts';

/** The instances of a fleet that start together do not go on asking together. */
const JITTER = 0.1;
const JSON_TYPE = /^application\/json(?:;\s*charset="?utf-8"?)?$/i;

/**
 * The targets that a URL lists, asked for every refresh_interval. An answer that cannot be used leaves those of the last
 * good one. One request runs at a time, for at most the interval.
 */
export class HttpDiscovery implements Discovery {
  readonly #config: HttpDiscoveryConfig;
  readonly #client: PageClient;
  readonly #parts: DiscoveryParts;
  readonly #problems: DiscoveryProblems;
  readonly #stopping = new AbortController();
  #ticking: Timer | undefined;
  #asking = false;

  constructor(config: HttpDiscoveryConfig, client: PageClient, parts: DiscoveryParts) {
    this.#config = config;
    this.#client = client;
    this.#parts = parts;
    this.#problems = new DiscoveryProblems(parts);
  }

  /** The first answer is not waited for. */
  start(): Promise<void> {
    const { clock, random } = this.#parts;
    const everyMs = (): number => jittered(this.#config.refresh_interval, JITTER, random);
    this.#ticking = repeat(clock, everyMs, () => void this.#refresh());
    void this.#refresh();
    return Promise.resolve();
  }

  stop(): void {
    this.#ticking?.cancel();
    this.#stopping.abort();
  }

  /** Never rejects. */
  async #refresh(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const source = sourceName(this.#config.url);
    try {
      const groups = await this.#ask();
      if (this.#stopping.signal.aborted) return;
      this.#parts.onTargets(this.#config.url, groups);
      this.#problems.passed(source);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#problems.failed(source, errorMessage(error));
    } finally {
      this.#asking = false;
    }
  }

  async #ask(): Promise<TargetGroup[]> {
    const { url, refresh_interval: intervalMs, follow_redirects: followRedirects } = this.#config;
    const late = new AbortController();
    const timer = this.#parts.clock.timer(intervalMs, () => late.abort());
    try {
      const headers = {
        accept: 'application/json',
        'accept-encoding': 'gzip',
        'user-agent': USER_AGENT,
        'x-prometheus-refresh-interval-seconds': String(intervalMs / 1000),
        ...(await clientHeaders(this.#config)),
      };
      const request = { url: new URL(url), headers, limitBytes: LIST_LIMIT_BYTES, followRedirects };
      const page = await this.#client.fetch(request, AbortSignal.any([late.signal, this.#stopping.signal]));
      try {
        if (!JSON_TYPE.test(page.contentType.trim())) throw notJson(page.contentType);
        const text = Buffer.from(page.bytes.subarray(0, page.length)).toString('utf8');
        return parseTargetLists(text, 'json', ['__meta_url', url]);
      } finally {
        page.release();
      }
    } finally {
      timer.cancel();
    }
  }
}

function notJson(contentType: string): RemoraError {
  return new RemoraError('scrape_failed', `The answer is "${contentType.slice(0, 60)}", not application/json.`);
}

/** Without user, password and query, which may hold secrets. */
function sourceName(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
