import type { PageReply } from '../../core/outside.ts';
import type { PageRecord } from '../input.ts';

/** Recorded pages: whoever asks for a URL gets the page that was recorded nearest in time, the earlier of two. */
export class Pages {
  readonly #byUrl: ReadonlyMap<string, readonly PageRecord[]>;
  /** URLs that were asked for and never recorded. */
  readonly unknown = new Set<string>();

  /** `records` are in order of time. */
  constructor(records: readonly PageRecord[]) {
    this.#byUrl = Map.groupBy(records, ({ url }) => url);
  }

  at(url: string, atMs: number): PageReply {
    const records = this.#byUrl.get(url) ?? [];
    let nearest: PageRecord | undefined;
    for (const record of records) {
      if (nearest !== undefined && Math.abs(record.atMs - atMs) >= Math.abs(nearest.atMs - atMs)) break;
      nearest = record;
    }
    if (nearest !== undefined) return nearest.reply;
    this.unknown.add(url);
    return { failure: { reason: 'connect', message: `The fixture has no page of ${url}.` } };
  }
}
