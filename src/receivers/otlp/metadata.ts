import { CREDENTIAL_HEADERS, type Metadata } from '../../core/batch.ts';
import type { RequestHeaders } from '../../core/outside.ts';

/**
 * The headers of a request as metadata: names in lower case, the values of one that came several times joined by a comma,
 * without pseudo headers and credentials. Both servers refuse requests with more than 16 KiB of headers.
 */
export function metadataOf(headers: RequestHeaders): Metadata {
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || CREDENTIAL_HEADERS.has(name)) continue;
    metadata.set(name, typeof value === 'string' ? value : value.join(', '));
  }
  return metadata;
}
