import { amountText, bytesText, changeText } from './amounts.ts';
import type { EffectReport, Line, Section } from './sections.ts';

/** A section as a table: its heads and, for each line, its name and cells. Columns without anything are left out. */
export interface Table {
  readonly heads: readonly string[];
  readonly rows: readonly Row[];
  /** What is not shown, or nothing: `and 3 more that changed less, 5 unchanged`. */
  readonly rest: string;
}

export interface Row {
  readonly line: Line;
  readonly cells: readonly string[];
}

export function tableOf(section: Section, { currency, top }: Pick<EffectReport, 'currency' | 'top'>): Table {
  const changed = section.isWhole ? section.lines : section.lines.filter(isChanged);
  const lines = section.isWhole ? changed : changed.slice(0, top);
  const hasInput = lines.some(({ input }) => input !== undefined);
  const hasBytes = lines.some(({ bytes }) => bytes !== undefined);
  const heads = [
    ...(hasInput ? ['in'] : []),
    ...['old', 'new', 'change'],
    ...(hasBytes ? ['bytes old', 'bytes new', 'change'] : []),
  ];
  const rows = lines.map((line) => {
    const { unit, input, old, new: now, bytes, deviation } = line;
    const amount = (value: number, chance = 0): string =>
      `${amountText(value, unit, currency)}${chance === 0 ? '' : ` ± ${amountText(chance, unit, currency)}`}`;
    const cells = [
      ...(hasInput ? [input === undefined ? '' : amountText(input, unit, currency)] : []),
      ...[amount(old, deviation?.old), amount(now, deviation?.new), changeText(old, now)],
      ...(bytes === undefined ? [] : [bytesText(bytes.old), bytesText(bytes.new), changeText(bytes.old, bytes.new)]),
    ];
    return { line, cells };
  });
  return { heads, rows, rest: restText(changed.length - lines.length, section.lines.length - changed.length) };
}

/** Sections that have something to show, and the titles of those in which nothing changed. */
export function split(sections: readonly Section[]): { shown: readonly Section[]; unchanged: readonly string[] } {
  const isShown = ({ isWhole, lines }: Section): boolean => isWhole || lines.some(isChanged);
  const unchanged = sections.filter((section) => !isShown(section)).map(({ title }) => title);
  return { shown: sections.filter(isShown), unchanged };
}

/** `Unchanged: services, routes.` */
export function unchangedText(titles: readonly string[]): string {
  return titles.length === 0 ? '' : `Unchanged: ${titles.join(', ').toLowerCase()}.`;
}

function isChanged({ old, new: now, bytes }: Line): boolean {
  return old !== now || (bytes !== undefined && bytes.old !== bytes.new);
}

function restText(more: number, unchanged: number): string {
  const parts = [
    ...(more > 0 ? [`${more} more that changed less`] : []),
    ...(unchanged > 0 ? [`${unchanged} unchanged`] : []),
  ];
  return parts.length === 0 ? '' : `and ${parts.join(', ')}`;
}
