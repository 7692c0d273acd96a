import { counted } from '../counted.ts';
import type { Difference } from '../output/compare.ts';
import type { JobResult } from '../run-job.ts';
import { printable, printableLines } from './printable.ts';

/** How much of many differences is shown; the rest is counted. */
export interface Shown {
  /** Of one replay: each place has its part. */
  readonly differences: number;
  /** Of one place at least, and of a kind of difference in it. */
  readonly ofPlace: number;
  readonly ofKind: number;
  /** Places of one difference. */
  readonly details: number;
}

export const USUAL: Shown = { differences: 20, ofPlace: 5, ofKind: 2, details: 10 };
export const ALL: Shown = { differences: Infinity, ofPlace: Infinity, ofKind: Infinity, details: Infinity };

const MARK = { passed: 'ok', failed: 'FAILED', updated: 'updated', invalid: 'INVALID' } as const;
const SIGN = { failed: '!', missing: '-', unexpected: '+', changed: '~' } as const;

/** Those that say most come first. */
const KINDS = ['failed', 'changed', 'missing', 'unexpected'] as const;

/** One replay for a person: a line, and below it what differs. */
export function resultText(result: JobResult, shown = USUAL): string {
  return outcomeText(result, shown) + result.notes.map((note) => `    note: ${printable(note)}\n`).join('');
}

function outcomeText({ job, status, differences, checks, error, items, tookMs }: JobResult, shown: Shown): string {
  const took = `${(tookMs / 1000).toFixed(1)} s`;
  const head = `${MARK[status].padEnd(8)} ${printable(job.name)}`;
  if (error !== undefined) return `${head}\n${printableLines(error, '    ')}\n`;
  const held = checks.length === 0 ? '' : `${counted(checks.length, 'check')}, `;
  if (differences.length === 0 || (status === 'updated' && differences.every(({ where }) => where === 'expected')))
    return `${head}  ${counted(items, 'item')}, ${held}${took}\n`;
  return `${head}  ${countsText(differences)}, ${took}\n${differencesText(differences, shown)}`;
}

/** Each place has its part of what is shown, so that a ledger is not hidden by a thousand spans. */
export function differencesText(differences: readonly Difference[], shown = USUAL): string {
  const places = Map.groupBy(differences, ({ where }) => where);
  const most = Math.max(shown.ofPlace, Math.floor(shown.differences / places.size));
  return [...places].map(([where, all]) => `    ${printable(where)}\n${placeText(all, most, shown)}`).join('');
}

/** And so has each kind: what became of the items that are still there is not hidden by those that are missing. */
function placeText(differences: readonly Difference[], most: number, shown: Shown): string {
  const kinds = Map.groupBy(differences, ({ kind }) => kind);
  const ofKind = Math.max(shown.ofKind, Math.floor(most / kinds.size));
  return KINDS.map((kind) => kindText(kind, alike(errorsFirst(kinds.get(kind) ?? [])), ofKind, shown)).join('');
}

function errorsFirst(differences: readonly Difference[]): readonly Difference[] {
  return differences.toSorted((a, b) => Number(b.isError ?? false) - Number(a.isError ?? false));
}

/** Items that change in the same way stand together. */
function alike(differences: readonly Difference[]): readonly (readonly Difference[])[] {
  const keyOf = (difference: Difference): unknown => {
    const { where, details } = difference;
    return where.startsWith('exporter ') && details.length > 0 ? JSON.stringify(details) : difference;
  };
  return [...Map.groupBy(differences, keyOf).values()];
}

function kindText(
  kind: Difference['kind'],
  groups: readonly (readonly Difference[])[],
  most: number,
  shown: Shown,
): string {
  const rest = groups.slice(most).reduce((sum, group) => sum + group.length, 0);
  const text = groups
    .slice(0, most)
    .map((group) => groupText(group, shown))
    .join('');
  return rest > 0 ? `${text}        and ${rest} more ${kind}\n` : text;
}

function groupText([first, ...others]: readonly Difference[], shown: Shown): string {
  if (first === undefined) return '';
  const { kind, what, details } = first;
  let text = `      ${SIGN[kind]} ${printable(what)}\n`;
  for (const detail of details.slice(0, shown.details)) text += `          ${printable(detail)}\n`;
  if (details.length > shown.details) text += `          and ${details.length - shown.details} more\n`;
  return others.length === 0 ? text : `${text}          the same of ${others.length} more\n`;
}

/**
 * `1 failed; traces: 3 missing, 2 changed; ledger: 4 changed`, without what is none. Items are those of a signal, over all
 * exporters.
 */
export function countsText(differences: readonly Difference[]): string {
  const failed = differences.filter(({ kind }) => kind === 'failed').length;
  const others = differences.filter(({ kind }) => kind !== 'failed');
  const subjects = Array.from(
    Map.groupBy(others, subjectOf),
    ([subject, all]) => `${printable(subject)}: ${kindCounts(all)}`,
  );
  return [...(failed === 0 ? [] : [`${failed} failed`]), ...subjects].join('; ');
}

/** What differs in one line: the first check that failed by its name. */
export function headlineText(differences: readonly Difference[]): string {
  const failed = differences.filter(({ kind }) => kind === 'failed');
  const [first] = failed;
  if (first === undefined) return countsText(differences);
  const others = countsText(differences.filter(({ kind }) => kind !== 'failed'));
  const more = failed.length > 1 ? [`${failed.length - 1} more failed`] : [];
  return [first.what, ...more, ...(others === '' ? [] : [others])].join('; ');
}

/** What differs: items of a signal, the ledger, the metrics. */
function subjectOf({ where }: Difference): string {
  return where.slice(where.lastIndexOf(' ') + 1);
}

function kindCounts(differences: readonly Difference[]): string {
  const counts = Map.groupBy(differences, ({ kind }) => kind);
  const kinds = (['missing', 'unexpected', 'changed'] as const).filter((kind) => counts.has(kind));
  return kinds
    .map((kind) => `${counts.get(kind)?.length ?? 0} ${kind}${errorsText(counts.get(kind) ?? [])}`)
    .join(', ');
}

/** ` (3 with an error)` */
function errorsText(differences: readonly Difference[]): string {
  const errors = differences.filter(({ isError }) => isError).length;
  return errors === 0 ? '' : ` (${errors} with an error)`;
}

export function totalText(results: readonly JobResult[]): string {
  const count = (status: JobResult['status']): number => results.filter((result) => result.status === status).length;
  const parts = (['passed', 'failed', 'invalid', 'updated'] as const).map((status) => `${count(status)} ${status}`);
  return `${counted(results.length, 'replay')}: ${parts.join(', ')}\n`;
}
