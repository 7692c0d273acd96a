import { tableOf } from './amounts.ts';
import type { EffectReport, Section } from './sections.ts';
import { subjectOf, verdictOf } from './verdict.ts';

const MAX_NAME = 60;

/** The effect as tables for a terminal. Names come from data: control characters never reach it. */
export function effectText(report: EffectReport): string {
  const head = `old  ${plain(report.oldName)}\nnew  ${plain(report.newName)}\n${plain(subjectOf(report))}\n`;
  const remarks = report.remarks.map((remark) => `note: ${plain(remark)}\n`).join('');
  const verdict = verdictOf(report).join(' ');
  return `${head}\n${report.sections.map((section) => sectionText(section, report.currency)).join('\n')}\n${remarks}${verdict}\n`;
}

function sectionText(section: Section, currency: string): string {
  const { heads, rows } = tableOf(section, currency);
  const lines = [heads, ...rows.map(([name = '', ...cells]) => [nameText(name), ...cells])];
  const widths = heads.map((_, n) => Math.max(...lines.map((line) => line[n]?.length ?? 0)));
  const write = (cells: readonly string[]): string =>
    widths
      .map((width, n) => (n === 0 ? (cells[n] ?? '').padEnd(width) : (cells[n] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  const rest = section.more > 0 ? `and ${section.more} more\n` : '';
  return `${lines.map(write).join('\n')}\n${rest}`;
}

function nameText(name: string): string {
  const text = plain(name);
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME - 1)}…` : text;
}

/** Without what a terminal would obey, and without what turns the direction of text. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');
}
