import type { Value } from './entry.ts';

const SCHEME = /^([a-z][a-z\d+.-]*):/i;
const FORBIDDEN = /\p{Cc}/u;
const BAD_ESCAPE = /%(?![\da-f]{2})/i;

/**
 * Parts of a URI as the Collector's uri_parser names them. Takes an absolute URI, a path that begins with /, or a query
 * that begins with ?. Empty parts are left out; the password always is. The path stays escaped, the query is decoded.
 */
export function parseUri(text: string): Map<string, Value> | string {
  const parts = new Map<string, Value>();
  if (text.startsWith('?')) {
    addQuery(parts, text.slice(1));
    return parts;
  }
  if (FORBIDDEN.test(text)) return 'there is a control character in the URI';
  const scheme = SCHEME.exec(text)?.[1];
  if (scheme === undefined && !text.startsWith('/')) return 'it is no URI, and no path that begins with /';
  const question = text.indexOf('?');
  const hierarchy = text.slice(scheme === undefined ? 0 : scheme.length + 1, question === -1 ? undefined : question);
  if (scheme !== undefined) parts.set('scheme', scheme.toLowerCase());
  const reason = addHierarchy(parts, hierarchy, scheme !== undefined);
  if (reason !== undefined) return reason;
  if (question !== -1) addQuery(parts, text.slice(question + 1));
  return parts;
}

function addHierarchy(parts: Map<string, Value>, text: string, isAbsolute: boolean): string | undefined {
  if (BAD_ESCAPE.test(text)) return 'a % in the URI is not followed by two hex digits';
  let path = text;
  if (isAbsolute && text.startsWith('//')) {
    const slash = text.indexOf('/', 2);
    const reason = addAuthority(parts, text.slice(2, slash === -1 ? undefined : slash));
    if (reason !== undefined) return reason;
    path = slash === -1 ? '' : text.slice(slash);
  }
  // What follows a scheme without a slash, as in mailto:a@b, is no path.
  if (path.startsWith('/')) parts.set('path', path.replaceAll(' ', '%20'));
  return undefined;
}

function addAuthority(parts: Map<string, Value>, authority: string): string | undefined {
  const at = authority.lastIndexOf('@');
  const user = at === -1 ? '' : decoded(authority.slice(0, at).split(':')[0] ?? '');
  const match = /^(\[[^\]]*\]|[^:[\]\s]*)(?::(\d*))?$/.exec(authority.slice(at + 1));
  if (match === null) return 'host or port of the URI cannot be read';
  const host = decoded((match[1] ?? '').replace(/^\[|\]$/g, ''));
  const port = match[2] ?? '';
  if (user !== '') parts.set('user', user);
  if (host !== '') parts.set('host', host);
  if (port !== '') parts.set('port', port);
  return undefined;
}

function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Escapes that are not UTF-8 stay as they are.
    return text;
  }
}

function addQuery(parts: Map<string, Value>, text: string): void {
  const query = new Map<string, Value[]>();
  for (const [key, value] of new URLSearchParams(text)) {
    const values = query.get(key);
    if (values === undefined) query.set(key, [value]);
    else values.push(value);
  }
  if (query.size > 0) parts.set('query', query);
}
