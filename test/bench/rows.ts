import type { CeilingScenario, RatioScenario, RunOptions, RunResult } from './scenario.ts';

/** What the bench found for one scenario: medians of its rounds, or of a figure with a ceiling the worst round. */
export type Row = RatioRow | CeilingRow;

export interface RatioRow {
  readonly kind: 'ratio';
  readonly scenario: string;
  readonly unit: string;
  readonly remoraPerCpuSecond: number;
  readonly barePerCpuSecond: number;
  readonly ratio: number;
  readonly floor: number | undefined;
  readonly peakRssMb: number;
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
}

export interface CeilingRow {
  readonly kind: 'ceiling';
  readonly scenario: string;
  readonly unit: string;
  /** Undefined when it was skipped. */
  readonly value: number | undefined;
  /** What else was seen in that round, in words. */
  readonly detail: string;
  readonly ceiling: number;
}

type Say = (line: string) => void;

interface Pair {
  readonly bare: RunResult;
  readonly remora: RunResult;
}

/** Who goes first changes from round to round, so that a machine that slows down favours neither. */
async function pairOf(scenario: RatioScenario, run: RunOptions, remoraFirst: boolean): Promise<Pair> {
  if (!remoraFirst) return { bare: await scenario.run('bare', run), remora: await scenario.run('remora', run) };
  const remora = await scenario.run('remora', run);
  return { bare: await scenario.run('bare', run), remora };
}

export async function ratioRow(scenario: RatioScenario, run: RunOptions, rounds: number, say: Say): Promise<RatioRow> {
  const pairs: Pair[] = [];
  for (let round = 1; round <= rounds; round++) {
    const pair = await pairOf(scenario, run, round % 2 === 0);
    const { bare, remora } = pair;
    pairs.push(pair);
    const ratio = (remora.itemsPerCpuSecond / bare.itemsPerCpuSecond).toFixed(2);
    say(`${scenario.name}, round ${round} of ${rounds}: ratio ${ratio}`);
  }
  const middle = (of: (pair: Pair) => number): number => median(pairs.map(of));
  return {
    kind: 'ratio',
    scenario: scenario.name,
    unit: scenario.unit,
    remoraPerCpuSecond: middle(({ remora }) => remora.itemsPerCpuSecond),
    barePerCpuSecond: middle(({ bare }) => bare.itemsPerCpuSecond),
    ratio: middle(({ bare, remora }) => remora.itemsPerCpuSecond / bare.itemsPerCpuSecond),
    floor: scenario.floor,
    peakRssMb: middle(({ remora }) => remora.peakRssBytes / 2 ** 20),
    addedP50Ms: middle(({ bare, remora }) => remora.p50Ms - bare.p50Ms),
    addedP99Ms: middle(({ bare, remora }) => remora.p99Ms - bare.p99Ms),
  };
}

export async function ceilingRow(
  scenario: CeilingScenario,
  run: RunOptions,
  rounds: number,
  say: Say,
): Promise<CeilingRow> {
  const { unit, ceiling } = scenario;
  let value: number | undefined;
  let detail = '';
  for (let round = 1; round <= rounds; round++) {
    const result = await scenario.run(run);
    if ('skipped' in result) {
      say(`${scenario.name}: skipped, ${result.skipped}`);
      break;
    }
    say(`${scenario.name}, round ${round} of ${rounds}: ${result.value.toFixed(2)} ${unit} ${result.detail ?? ''}`);
    if (value !== undefined && value >= result.value) continue;
    value = result.value;
    detail = result.detail ?? '';
  }
  return { kind: 'ceiling', scenario: scenario.name, unit, value, detail, ceiling };
}

/** What a row misses of its promise, in words; undefined when it keeps it. */
export function missed(row: Row): string | undefined {
  if (row.kind === 'ceiling') {
    if (row.value === undefined || row.value <= row.ceiling) return undefined;
    return `${row.scenario}: ${row.value.toFixed(2)} ${row.unit} is above ${row.ceiling}`;
  }
  if (row.floor === undefined || row.ratio >= row.floor) return undefined;
  return `${row.scenario}: ratio ${row.ratio.toFixed(2)} is under ${row.floor}`;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
