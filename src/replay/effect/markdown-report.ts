import { tableOf } from './amounts.ts';
import type { EffectReport, Section } from './sections.ts';
import { plain } from './text-report.ts';
import { subjectOf, verdictOf } from './verdict.ts';

/** The effect for a pull request: what matters most is seen, the rest unfolds. */
export function effectMarkdown(report: EffectReport): string {
  const [summary, ...others] = report.sections;
  const { currency } = report;
  const parts = [
    `### Effect of ${escaped(report.newName)}`,
    verdictOf(report).join(' '),
    `Against ${escaped(report.oldName)}, with ${escaped(subjectOf(report))}.`,
    ...(summary === undefined ? [] : [table(summary, currency)]),
    ...others.map((section) => folded(section, currency)),
    ...(report.remarks.length === 0 ? [] : [report.remarks.map((remark) => `- ${escaped(remark)}`).join('\n')]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function folded(section: Section, currency: string): string {
  const about = section.about === '' ? '' : `${section.about}\n\n`;
  return `<details><summary>${section.title}</summary>\n\n${about}${table(section, currency)}\n\n</details>`;
}

function table(section: Section, currency: string): string {
  const { heads, rows } = tableOf(section, currency);
  const write = (cells: readonly string[]): string => `| ${heads.map((_, n) => cells[n] ?? '').join(' | ')} |`;
  const body = rows.map(([name = '', ...cells]) => write([escaped(name), ...cells]));
  const rest = section.more > 0 ? `\n\nAnd ${section.more} more.` : '';
  const rule = write(heads.map((_, n) => (n === 0 ? '---' : '---:')));
  return `${[write(heads), rule, ...body].join('\n')}${rest}`;
}

/** Names come from data: none of them may become markup, a link or a mention. */
function escaped(text: string): string {
  return plain(text)
    .replaceAll(/[&<>@|`]/g, (char) => `&#${char.charCodeAt(0)};`)
    .replaceAll(/[\\*_~[\]#!]/g, String.raw`\$&`)
    .replaceAll('://', '&#58;//')
    .replaceAll(/\bwww\./gi, (text_) => `${text_.slice(0, -1)}&#46;`);
}
