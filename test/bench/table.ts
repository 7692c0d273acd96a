import type { CeilingRow, RatioRow, Row } from './rows.ts';

const RATIO_HEAD = ['scenario', 'items per CPU-second', 'bare', 'ratio', 'floor', 'peak RSS', 'added p50', 'added p99'];
const CEILING_HEAD = ['scenario', 'measured', 'ceiling'];

/** The rows as Markdown: ratios in one table, figures with a ceiling in another. */
export function tables(rows: readonly Row[]): string {
  const ratios = rows.filter((row) => row.kind === 'ratio').map(ratioCells);
  const ceilings = rows.filter((row) => row.kind === 'ceiling').map(ceilingCells);
  const both = [
    ratios.length > 0 ? table(RATIO_HEAD, ratios) : '',
    ceilings.length > 0 ? table(CEILING_HEAD, ceilings) : '',
  ];
  return both.filter((text) => text !== '').join('\n\n');
}

function ratioCells(row: RatioRow): string[] {
  return [
    row.scenario,
    `${thousands(row.remoraPerCpuSecond)} ${row.unit}`,
    thousands(row.barePerCpuSecond),
    row.ratio.toFixed(2),
    row.floor?.toFixed(2) ?? '',
    `${row.peakRssMb.toFixed(0)} MB`,
    added(row.addedP50Ms),
    added(row.addedP99Ms),
  ];
}

function ceilingCells({ scenario, unit, value, detail, ceiling }: CeilingRow): string[] {
  const measured = value === undefined ? 'skipped' : `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`;
  return [scenario, detail === '' ? measured : `${measured} (${detail})`, String(ceiling)];
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

/** Empty where latency is not measured. */
function added(ms: number): string {
  return ms === 0 ? '' : `${ms.toFixed(2)} ms`;
}

function thousands(value: number): string {
  return `${Math.round(value / 1000).toLocaleString('en')} k`;
}
