import manifest from '../../../package.json' with { type: 'json' };
import { clientHeaders, type Headers } from './client-headers.ts';
import type { Job } from './job.ts';
import { acceptHeader } from './negotiation.ts';
import type { Target } from './target.ts';

export const VERSION = manifest.version;
export const USER_AGENT = `Remora/${VERSION}`;

/** The request headers of a scrape. Throws ScrapeError when a file with credentials cannot be read. */
export async function scrapeHeaders(job: Job, target: Target): Promise<Headers> {
  return {
    accept: acceptHeader(job.protocols, job.escaping),
    'user-agent': USER_AGENT,
    'x-prometheus-scrape-timeout-seconds': String(target.timeoutMs / 1000),
    'accept-encoding': job.config.enable_compression ? 'gzip' : 'identity',
    ...(await clientHeaders(job.config)),
  };
}
