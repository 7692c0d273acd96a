import type { Difference } from '../output/compare.ts';
import type { JobResult } from '../run-job.ts';

/** Differences of one replay that are shown; the rest is counted. */
const SHOWN = 20;
/** Places of one difference that are shown. */
const SHOWN_DETAILS = 10;

const MARK = { passed: 'ok', failed: 'FAILED', updated: 'updated', invalid: 'INVALID' } as const;
const SIGN = { failed: '!', missing: '-', unexpected: '+', changed: '~' } as const;

/** One replay for a person: a line, and below it what differs. */
export function resultText({ job, status, differences, checks, error, items, tookMs }: JobResult): string {
  const took = `${(tookMs / 1000).toFixed(1)} s`;
  const head = `${MARK[status].padEnd(8)} ${job.name}`;
  if (error !== undefined) return `${head}\n${indented(error, '    ')}\n`;
  const held = checks.length === 0 ? '' : `${checks.length} checks, `;
  if (differences.length === 0) return `${head}  ${items} items, ${held}${took}\n`;
  return `${head}  ${countsText(differences)}, ${took}\n${differencesText(differences)}`;
}

export function differencesText(differences: readonly Difference[]): string {
  let text = '';
  let where: string | undefined;
  for (const difference of differences.slice(0, SHOWN)) {
    if (difference.where !== where) text += `    ${difference.where}\n`;
    where = difference.where;
    text += `      ${SIGN[difference.kind]} ${difference.what}\n`;
    const { details } = difference;
    for (const detail of details.slice(0, SHOWN_DETAILS)) text += `          ${detail}\n`;
    if (details.length > SHOWN_DETAILS) text += `          and ${details.length - SHOWN_DETAILS} more\n`;
  }
  const rest = differences.length - SHOWN;
  return rest > 0 ? `${text}      and ${rest} more differences\n` : text;
}

/** `1 failed, 3 missing, 1 unexpected, 2 changed`, without what is none. */
export function countsText(differences: readonly Difference[]): string {
  const count = (wanted: Difference['kind']): number => differences.filter(({ kind }) => kind === wanted).length;
  const parts = (['failed', 'missing', 'unexpected', 'changed'] as const).map((kind) => ({ kind, n: count(kind) }));
  return parts
    .filter(({ n }) => n > 0)
    .map(({ kind, n }) => `${n} ${kind}`)
    .join(', ');
}

export function totalText(results: readonly JobResult[]): string {
  const count = (status: JobResult['status']): number => results.filter((result) => result.status === status).length;
  const parts = (['passed', 'failed', 'invalid', 'updated'] as const).map((status) => `${count(status)} ${status}`);
  return `${results.length} replays: ${parts.join(', ')}\n`;
}

function indented(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => by + line)
    .join('\n');
}
