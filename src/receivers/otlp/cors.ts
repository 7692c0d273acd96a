import type { IncomingMessage } from 'node:http';
import type { HttpSettings } from './config.ts';
import type { CorsAnswer } from './http.ts';

type CorsSettings = NonNullable<HttpSettings['cors']>;

const NONE: CorsAnswer = { headers: [], preflight: false };
/** What browsers send with OTLP/HTTP anyway. */
const USUAL_HEADERS = ['accept', 'content-type', 'content-encoding', 'x-requested-with'];

/** Cross-origin requests of browsers (Fetch standard, CORS protocol), as the Collector's confighttp. */
export function corsOf(settings: CorsSettings): (request: IncomingMessage) => CorsAnswer {
  const origins = settings.allowed_origins.map(originPattern);
  const headers = new Set([...USUAL_HEADERS, ...settings.allowed_headers.map((name) => name.toLowerCase())]);
  return (request) => {
    const { origin } = request.headers;
    if (origin === undefined) return NONE;
    const preflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
    const vary = ['Vary', 'Origin'];
    if (!origins.some((pattern) => pattern.test(origin))) return { headers: vary, preflight };
    const allowed = [...vary, 'Access-Control-Allow-Origin', origin];
    return {
      headers: [...allowed, ...(preflight ? preflightHeaders(request, headers, settings) : exposed(settings))],
      preflight,
    };
  };
}

function preflightHeaders(request: IncomingMessage, allowed: ReadonlySet<string>, settings: CorsSettings): string[] {
  const asked = (request.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const names = allowed.has('*') ? asked : asked.filter((name) => allowed.has(name));
  const answer = ['Access-Control-Allow-Methods', 'POST'];
  if (names.length > 0) answer.push('Access-Control-Allow-Headers', names.join(', '));
  if (settings.max_age > 0) answer.push('Access-Control-Max-Age', String(settings.max_age));
  return answer;
}

function exposed(settings: CorsSettings): string[] {
  if (settings.exposed_headers.length === 0) return [];
  return ['Access-Control-Expose-Headers', settings.exposed_headers.join(', ')];
}

function originPattern(origin: string): RegExp {
  const escaped = origin.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`, 'i');
}
