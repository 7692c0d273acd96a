import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AdminAnswer, HtmlPage } from '../../core/admin.ts';

/** Sends the answer as JSON, or as the page that it has for people. */
export function send(response: ServerResponse, { status, body, html }: AdminAnswer, asHtml: boolean): void {
  const page = asHtml ? html?.() : undefined;
  const text = Buffer.from(page === undefined ? `${JSON.stringify(body, undefined, 2)}\n` : documentOf(page), 'utf8');
  response.writeHead(status, {
    'Content-Type': page === undefined ? 'application/json' : 'text/html; charset=utf-8',
    'Content-Length': text.length,
    'Content-Security-Policy': policyFor(page),
    'Referrer-Policy': 'no-referrer',
    Vary: 'Accept',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
    Connection: 'close',
  });
  response.end(text);
}

/** Nothing runs, nothing is fetched, nobody frames it, whatever a value from outside says; its own stylesheet applies. */
function policyFor(page: HtmlPage | undefined): string {
  const style = page === undefined ? '' : ` style-src 'sha256-${sha256(page.style)}';`;
  return `default-src 'none';${style} base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

function documentOf({ title, style, body }: HtmlPage): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    '</head>',
    `<body>\n${body}\n</body>`,
    '</html>\n',
  ].join('\n');
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('base64');
}
