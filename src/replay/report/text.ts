import type { Difference } from '../output/compare.ts';
import type { JobResult } from '../run-job.ts';
import { printable, printableLines } from './printable.ts';

/** Differences of one replay that are shown; the rest is counted. */
const SHOWN = 20;
/** Of one place, also when there are many of them. */
const SHOWN_OF_PLACE = 5;
/** Places of one difference that are shown. */
const SHOWN_DETAILS = 10;

const MARK = { passed: 'ok', failed: 'FAILED', updated: 'updated', invalid: 'INVALID' } as const;
const SIGN = { failed: '!', missing: '-', unexpected: '+', changed: '~' } as const;

/** One replay for a person: a line, and below it what differs. */
export function resultText(result: JobResult): string {
  return outcomeText(result) + result.notes.map((note) => `    note: ${printable(note)}\n`).join('');
}

function outcomeText({ job, status, differences, checks, error, items, tookMs }: JobResult): string {
  const took = `${(tookMs / 1000).toFixed(1)} s`;
  const head = `${MARK[status].padEnd(8)} ${printable(job.name)}`;
  if (error !== undefined) return `${head}\n${printableLines(error, '    ')}\n`;
  const held = checks.length === 0 ? '' : `${checks.length} checks, `;
  if (differences.length === 0 || (status === 'updated' && differences.every(({ where }) => where === 'expected')))
    return `${head}  ${items} items, ${held}${took}\n`;
  return `${head}  ${countsText(differences)}, ${took}\n${differencesText(differences)}`;
}

/** Each place has its part of what is shown, so that a ledger is not hidden by a thousand spans. */
export function differencesText(differences: readonly Difference[]): string {
  const places = Map.groupBy(differences, ({ where }) => where);
  const most = Math.max(SHOWN_OF_PLACE, Math.floor(SHOWN / places.size));
  return [...places].map(([where, all]) => `    ${printable(where)}\n${placeText(alike(where, all), most)}`).join('');
}

/** Items that change in the same way stand together. */
function alike(where: string, differences: readonly Difference[]): readonly (readonly Difference[])[] {
  if (!where.startsWith('exporter ')) return differences.map((difference) => [difference]);
  const keyOf = (difference: Difference): unknown =>
    difference.details.length === 0 ? difference : JSON.stringify(difference.details);
  return [...Map.groupBy(differences, keyOf).values()];
}

function placeText(groups: readonly (readonly Difference[])[], most: number): string {
  const rest = groups.slice(most).reduce((sum, group) => sum + group.length, 0);
  const shown = groups.slice(0, most).map(groupText).join('');
  return rest > 0 ? `${shown}      and ${rest} more differences\n` : shown;
}

function groupText([first, ...others]: readonly Difference[]): string {
  if (first === undefined) return '';
  const { kind, what, details } = first;
  let text = `      ${SIGN[kind]} ${printable(what)}\n`;
  for (const detail of details.slice(0, SHOWN_DETAILS)) text += `          ${printable(detail)}\n`;
  if (details.length > SHOWN_DETAILS) text += `          and ${details.length - SHOWN_DETAILS} more\n`;
  return others.length === 0 ? text : `${text}          the same of ${others.length} more\n`;
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
  return `${results.length} ${results.length === 1 ? 'replay' : 'replays'}: ${parts.join(', ')}\n`;
}
