/**
 * The bench: each scenario with load generator, subject and sink as separate processes, Remora and the bare baseline in
 * turn, so that the ratio holds on a noisy machine.
 *
 *   npm run bench                        every scenario, 3 rounds of 4 seconds, a backlog of 1 GB
 *   npm run bench -- --smoke             1 short round: does everything still run
 *   npm run bench -- --filter gRPC --rounds 5 --seconds 6 --source
 *   npm run bench -- --filter backlog --rounds 1 --backlog-gb 10
 *
 * Prints tables and, last, one line of JSON. Exit code 1 when a promise is missed (not with --smoke).
 */
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ceilingRow, missed, ratioRow, type Row } from './rows.ts';
import type { RunOptions } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { tables } from './table.ts';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    source: { type: 'boolean', default: false },
    filter: { type: 'string', default: '' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'backlog-gb': { type: 'string' },
  },
});

const { smoke } = values;
const rounds = Number(values.rounds ?? (smoke ? 1 : 3));
const seconds = Number(values.seconds ?? (smoke ? 1 : 4));
const root = join(import.meta.dirname, '../..');
const options: RunOptions = {
  main: join(root, values.source ? 'src/main.ts' : 'dist/remora.mjs'),
  seconds,
  backlogBytes: Number(values['backlog-gb'] ?? (smoke ? 0.02 : 1)) * 1e9,
  smoke,
};
const say = (line: string): boolean => process.stderr.write(`${line}\n`);

const rows: Row[] = [];
for (const scenario of scenarios) {
  if (!scenario.name.includes(values.filter)) continue;
  rows.push(
    scenario.kind === 'ratio'
      ? await ratioRow(scenario, options, rounds, say)
      : await ceilingRow(scenario, options, rounds, say),
  );
}
process.stdout.write(`\n${tables(rows)}\n`);
const machine = { cpu: cpus()[0]?.model ?? '', cores: availableParallelism(), node: process.version };
const backlogGb = options.backlogBytes / 1e9;
process.stdout.write(`${JSON.stringify({ machine, rounds, seconds, backlogGb, rows })}\n`);
const misses = rows.flatMap((row) => missed(row) ?? []);
for (const miss of misses) say(miss);
process.exitCode = misses.length > 0 && !smoke ? 1 : 0;
