import type { IncomingMessage } from 'node:http';
import { adminError, type AdminAnswer, type AdminPage, type AdminPages } from '../../core/admin.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { readJson } from './body.ts';

/** Finds the page and asks it. Never rejects. */
export async function route(request: IncomingMessage, pages: AdminPages, log: Logger): Promise<AdminAnswer> {
  const target = URL.parse(request.url ?? '', 'http://localhost');
  if (target === null) return adminError(400, 'The request target cannot be read.');
  if (target.pathname === '/') return index(request, pages.list());
  const page = pageAt(target.pathname, pages.list());
  if (page === undefined)
    return adminError(404, `There is no page ${target.pathname.slice(0, 200)}.`, 'GET / lists them.');
  const method = page.methods.find((each) => each === request.method);
  if (method === undefined) return adminError(405, `${page.path} takes ${page.methods.join(', ')}.`);
  const read = method === 'GET' ? { body: undefined } : await readJson(request);
  if ('refusal' in read) return read.refusal;
  try {
    const rest = target.pathname.slice(page.path.length + 1);
    return await page.answer({ method, rest, query: target.searchParams, body: read.body });
  } catch (error) {
    log.error('An admin page failed, which is a bug.', { page: page.path, error: errorMessage(error) });
    return adminError(500, 'Internal error.');
  }
}

/** The closest one: `/a/b` before `/a`. */
function pageAt(pathname: string, pages: readonly AdminPage[]): AdminPage | undefined {
  let found: AdminPage | undefined;
  for (const page of pages) {
    const isAt = pathname === page.path || pathname.startsWith(`${page.path}/`);
    if (isAt && page.path.length > (found?.path.length ?? 0)) found = page;
  }
  return found;
}

function index({ method }: IncomingMessage, pages: readonly AdminPage[]): AdminAnswer {
  if (method !== 'GET') return adminError(405, '/ takes GET.');
  return { status: 200, body: { pages: pages.map(({ path, methods, summary }) => ({ path, methods, summary })) } };
}
