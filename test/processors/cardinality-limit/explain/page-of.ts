import assert from 'node:assert/strict';
import type { ProcessorReport } from '../../../../src/processors/cardinality-limit/explain/report.ts';
import type { AdminBook } from '../../../../src/service/admin-book.ts';
import type { ExplainRig } from './rig.ts';

export interface PageOf {
  readonly body: { readonly processors: readonly ProcessorReport[]; readonly suggestion: string };
  readonly html: string;
}

/** `/cardinality` as the admin extension would ask for it. */
export function adminPage(admin: AdminBook, query = ''): PageOf {
  const pages = admin.list().filter(({ path }) => path === '/cardinality');
  assert.equal(pages.length, 1);
  const answer = pages[0]?.answer({ method: 'GET', rest: '', query: new URLSearchParams(query), body: undefined });
  assert.ok(answer !== undefined && 'status' in answer);
  assert.equal(answer.status, 200);
  const body: unknown = JSON.parse(JSON.stringify(answer.body));
  assert.ok(isReports(body));
  return { body, html: answer.html?.().body ?? '' };
}

/** Of the one limiter of the rig. */
export function reportOf(rig: ExplainRig): ProcessorReport {
  const [report] = adminPage(rig.admin).body.processors;
  assert.ok(report !== undefined);
  return report;
}

/** The shape is what the type of the report says; the page is made of it in the same process. */
function isReports(body: unknown): body is PageOf['body'] {
  return typeof body === 'object' && body !== null && 'processors' in body && Array.isArray(body.processors);
}
