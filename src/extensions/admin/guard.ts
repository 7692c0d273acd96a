import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { adminError, type AdminAnswer } from '../../core/admin.ts';
import type { Secret } from '../../core/secret.ts';

/** Who may ask. A web page that runs on the machine of whoever has a tunnel to here is not one of them. */

export interface GuardOptions {
  /** As configured; requests may name it in Host. */
  readonly host: string;
  readonly token: Secret | undefined;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Why the request is refused; undefined when it may go on. */
export function refusalOf(request: IncomingMessage, { host, token }: GuardOptions): AdminAnswer | undefined {
  const { headers, socket } = request;
  if (headers.origin !== undefined || isFromPage(request)) {
    return adminError(
      403,
      'Requests of web pages are refused.',
      'Ask with curl or another client that sends no Origin.',
    );
  }
  const named = hostOf(headers.host);
  if (named === undefined || !(isLoopback(named) || named === host || named === addressOf(socket.localAddress))) {
    const advice = `Ask for localhost, or for the address that the extension listens on.`;
    return adminError(421, `The Host "${(headers.host ?? '').slice(0, 200)}" is not this instance.`, advice);
  }
  if (token !== undefined && !isEqual(headers.authorization ?? '', `Bearer ${token.reveal()}`)) {
    return adminError(401, 'The token is missing or wrong.', 'Send "Authorization: Bearer <token>".');
  }
  return undefined;
}

/**
 * Browsers say it of every request, of images too, which carry no Origin. A link of our own pages may be followed: what the
 * browser takes for one place is one host, and that is checked.
 */
function isFromPage({ method, headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'none') return false;
  return !(site === 'same-origin' && method === 'GET' && headers['sec-fetch-mode'] === 'navigate');
}

/** Without the port and in lower case. */
function hostOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]]+))(?::\d+)?$/.exec(header?.toLowerCase() ?? '');
  return match?.[1] ?? match?.[2];
}

/** `::ffff:10.0.0.1` is 10.0.0.1 on a socket that takes both. */
function addressOf(local: string | undefined): string | undefined {
  return local?.replace(/^::ffff:(?=\d+\.)/, '');
}

/** Takes the same time wherever they differ. */
function isEqual(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
