import type { IncomingMessage } from 'node:http';

/** Browsers name text/html. Who takes anything, as curl does, gets JSON; `?format=` has the last word. */
export function prefersHtml({ url, headers }: IncomingMessage): boolean {
  const format = URL.parse(url ?? '', 'http://localhost')?.searchParams.get('format');
  if (format === 'html' || format === 'json') return format === 'html';
  const accept = headers.accept ?? '';
  return weightOf(accept, 'text/html') > weightOf(accept, 'application/json');
}

/** The `q` of a type that is named (RFC 9110, section 12.5.1); 0 where it is not. */
function weightOf(accept: string, type: string): number {
  for (const part of accept.toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((each) => each.trim());
    if (name !== type) continue;
    const q = parameters.find((each) => each.startsWith('q='));
    return q === undefined ? 1 : Number(q.slice(2)) || 0;
  }
  return 0;
}
