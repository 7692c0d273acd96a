import type { Sockets, Tap } from '../../core/outside.ts';
import type { Page, PageClient } from './page-client.ts';
import { ScrapeError, scrapeFailure } from './scrape-error.ts';

/** A client whose pages come from what stands in for sockets. */
export function seamPageClient(sockets: Sockets, receiverId: string): PageClient {
  return {
    async fetch({ url, limitBytes }, abort) {
      const reply = await sockets.fetchPage(receiverId, url, abort);
      if ('failure' in reply) throw new ScrapeError(scrapeFailure(reply.failure.reason), reply.failure.message);
      if (reply.status !== 200) throw new ScrapeError('status', `The target answered with status ${reply.status}.`);
      if (reply.body.length > limitBytes) {
        throw new ScrapeError('body_size_limit', `The page is larger than ${limitBytes} bytes.`);
      }
      return pageOf(reply.contentType, reply.body);
    },
    scrapeMs: (url) => sockets.scrapeMs(url),
    close: () => Promise.resolve(),
  };
}

function pageOf(contentType: string, body: Uint8Array): Page {
  const bytes = new Uint8Array(body.length + 1);
  bytes.set(body);
  return { contentType, bytes, length: body.length, release: () => undefined };
}

/** Tells of every page, and of every failure. */
export function tappedPageClient(client: PageClient, tap: Tap, receiverId: string): PageClient {
  return {
    async fetch(request, abort) {
      const tell = tap.page(receiverId, request.url);
      try {
        const page = await client.fetch(request, abort);
        tell({ status: 200, contentType: page.contentType, body: page.bytes.subarray(0, page.length) });
        return page;
      } catch (error) {
        if (error instanceof ScrapeError) tell({ failure: { reason: error.reason, message: error.message } });
        throw error;
      }
    },
    close: () => client.close(),
  };
}
