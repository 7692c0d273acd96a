import { shortened } from './amounts.ts';
import { printable, printableLines } from '../report/printable.ts';
import type { EffectReport, Section } from './sections.ts';
import { split, tableOf, unchangedText } from './tables.ts';
import { subjectOf, verdictOf } from './verdict.ts';

const MAX_NAME = 60;
/** Sections whose names are sentences, which are short enough. */
const SENTENCES: ReadonlySet<string> = new Set(['error-spans', 'error-logs']);

/** The effect for a terminal: what matters most, then tables. Names come from data: they steer neither it nor a CI system. */
export function effectText(report: EffectReport): string {
  const { shown, unchanged } = split(report.sections);
  const parts = [
    `${verdictOf(report).join(' ')}\n`,
    `old  ${printable(report.oldName)}\nnew  ${printable(report.newName)}\n${printable(subjectOf(report))}\n`,
    ...shown.map((section) => sectionText(section, report)),
    ...(unchanged.length === 0 ? [] : [`${unchangedText(unchanged)}\n`]),
    ...(report.remarks.length === 0 ? [] : [report.remarks.map((remark) => `note: ${printable(remark)}\n`).join('')]),
  ];
  return printableLines(parts.join('\n'));
}

function sectionText(section: Section, report: EffectReport): string {
  const { heads, rows, rest } = tableOf(section, report);
  const most = SENTENCES.has(section.id) ? Infinity : MAX_NAME;
  const lines = [
    [section.title, ...heads],
    ...rows.map(({ line, cells }) => [shortened(printable(line.name), most), ...cells]),
  ];
  const widths = [section.title, ...heads].map((_, n) => Math.max(...lines.map((line) => line[n]?.length ?? 0)));
  const write = (cells: readonly string[]): string =>
    widths
      .map((width, n) => (n === 0 ? (cells[n] ?? '').padEnd(width) : (cells[n] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  return `${lines.map(write).join('\n')}\n${rest === '' ? '' : `${rest}\n`}`;
}
