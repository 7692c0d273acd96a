/**
 * The bench: each scenario with load generator, subject and sink as separate processes, Remora and the bare baseline in
 * turn, so that the ratio holds on a noisy machine.
 *
 *   npm run bench                        every scenario, 3 rounds of 4 seconds
 *   npm run bench -- --smoke             1 short round: does everything still run
 *   npm run bench -- --filter gRPC --rounds 5 --seconds 6 --source
 *
 * Prints a table and, last, one line of JSON. Exit code 1 when a promised ratio is missed (not with --smoke).
 */
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { scenarios, type RunResult, type Scenario } from './scenarios.ts';

interface Row {
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

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    source: { type: 'boolean', default: false },
    filter: { type: 'string', default: '' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
});

const rounds = Number(values.rounds ?? (values.smoke ? 1 : 3));
const seconds = Number(values.seconds ?? (values.smoke ? 1 : 4));
const root = join(import.meta.dirname, '../..');
const main = join(root, values.source ? 'src/main.ts' : 'dist/remora.mjs');

const rows: Row[] = [];
for (const scenario of scenarios) {
  if (scenario.name.includes(values.filter)) rows.push(await measure(scenario));
}
process.stdout.write(`\n${table(rows)}\n`);
const machine = { cpu: cpus()[0]?.model ?? '', cores: availableParallelism(), node: process.version };
process.stdout.write(`${JSON.stringify({ machine, rounds, seconds, rows })}\n`);
const missed = rows.filter(({ ratio, floor }) => floor !== undefined && ratio < floor);
for (const { scenario, ratio, floor } of missed) {
  process.stderr.write(`${scenario}: ratio ${ratio.toFixed(2)} is under ${floor ?? 0}\n`);
}
process.exitCode = missed.length > 0 && !values.smoke ? 1 : 0;

async function measure(scenario: Scenario): Promise<Row> {
  const pairs: { bare: RunResult; remora: RunResult }[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await scenario.run('bare', { main, seconds });
    const remora = await scenario.run('remora', { main, seconds });
    pairs.push({ bare, remora });
    const ratio = (remora.itemsPerCpuSecond / bare.itemsPerCpuSecond).toFixed(2);
    process.stderr.write(`${scenario.name}, round ${round + 1} of ${rounds}: ratio ${ratio}\n`);
  }
  const middle = (of: (pair: { bare: RunResult; remora: RunResult }) => number): number => median(pairs.map(of));
  return {
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

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function table(all: readonly Row[]): string {
  const head = ['scenario', 'items per CPU-second', 'bare', 'ratio', 'floor', 'peak RSS', 'added p50', 'added p99'];
  const body = all.map((row) => [
    row.scenario,
    `${thousands(row.remoraPerCpuSecond)} ${row.unit}`,
    thousands(row.barePerCpuSecond),
    row.ratio.toFixed(2),
    row.floor?.toFixed(2) ?? '',
    `${row.peakRssMb.toFixed(0)} MB`,
    added(row.addedP50Ms),
    added(row.addedP99Ms),
  ]);
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
