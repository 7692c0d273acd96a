import { shortened } from './amounts.ts';
import { printable } from '../report/printable.ts';
import type { EffectReport, Section } from './sections.ts';
import { split, tableOf, unchangedText } from './tables.ts';
import { isBad, subjectOf, verdictOf } from './verdict.ts';

/** A comment on GitHub has 65,536 characters at most, and somebody may write a sentence around it. */
const MAX_LENGTH = 60_000;
const MAX_NAME = 120;

/** The effect for a pull request: what matters most is seen, the rest unfolds. Short enough for a comment. */
export function effectMarkdown(report: EffectReport): string {
  const { shown, unchanged } = split(report.sections);
  const [summary, ...others] = shown;
  const { remarks } = report;
  const parts = [
    `### Effect of ${name(report.newName)}`,
    verdict(report),
    `Against ${name(report.oldName)}, with ${escaped(subjectOf(report))}.`,
    ...(summary === undefined ? [] : [table(summary, report)]),
    ...(remarks.length === 0 ? [] : [remarks.map((remark) => `- ${escaped(shortened(remark, 500))}`).join('\n')]),
    ...(unchanged.length === 0 ? [] : [unchangedText(unchanged)]),
  ];
  return `${withinLimit(parts, others, report).join('\n\n')}\n`;
}

/** Whole tables, as many as there is room for. */
function withinLimit(parts: readonly string[], sections: readonly Section[], report: EffectReport): string[] {
  const all = [...parts];
  const left: string[] = [];
  let length = parts.reduce((sum, part) => sum + part.length + 2, 0);
  for (const section of sections) {
    const text = folded(section, report);
    if (length + text.length + 2 > MAX_LENGTH) left.push(section.title);
    else {
      all.push(text);
      length += text.length + 2;
    }
  }
  if (left.length > 0) all.push(`Left out, for there is no room in a comment: ${left.join(', ').toLowerCase()}.`);
  return all;
}

function verdict(report: EffectReport): string {
  const text = verdictOf(report).join(' ');
  return isBad(report) ? `> [!CAUTION]\n> **${text}**` : `**${text}**`;
}

function folded(section: Section, report: EffectReport): string {
  const about = section.about === '' ? '' : `${section.about}\n\n`;
  const open = section.id.startsWith('error') ? ' open' : '';
  return `<details${open}><summary>${section.title}</summary>\n\n${about}${table(section, report)}\n\n</details>`;
}

function table(section: Section, report: EffectReport): string {
  const { heads, rows, rest } = tableOf(section, report);
  const write = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = [write([section.title, ...heads]), write(['---', ...heads.map(() => '---:')])];
  const isData = !OURS.has(section.id);
  const body = rows.map(({ line, cells }) =>
    write([isData ? name(line.name) : line.name, ...heads.map((_, n) => escaped(cells[n] ?? ''))]),
  );
  return `${[...head, ...body].join('\n')}${rest === '' ? '' : `\n\n${rest}`}`;
}

/** Sections whose names are not from data. */
const OURS: ReadonlySet<string> = new Set(['summary', 'signals', 'cost']);

/** A name from data as code: in it nobody is mentioned, and no issue is linked. */
function name(text: string): string {
  return `<code>${entities(shortened(printable(text), MAX_NAME))}</code>`;
}

/** A sentence with something from data in it: nothing of it becomes markup, a link, a mention or a reference. */
function escaped(text: string): string {
  return entities(printable(text))
    .replaceAll(/&#(?:64|35);/g, '$&&#8203;')
    .replaceAll(/\bwww\./gi, (www) => `${www.slice(0, -1)}&#46;`);
}

/** What Markdown, tables, HTML and mathematics go by, as entities, which are text wherever they stand. */
function entities(text: string): string {
  return text.replaceAll(/[&<>@|`\\*_~[\]#!$]/g, (char) => `&#${char.charCodeAt(0)};`).replaceAll('://', '&#58;//');
}
