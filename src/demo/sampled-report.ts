import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { TraceCounts } from './arrived.ts';
import { cell, ledgersClosed, pointsProduced, sayOfScrapes, type Outcome, type Say } from './report.ts';
import type { SampledFigures } from './sampling-metrics.ts';

/** A trace as the shop made it; one line of its trace file. */
const madeTrace = z.object({ id: z.string(), spans: z.number(), logs: z.number(), error: z.boolean() });
type MadeTrace = z.output<typeof madeTrace>;

/** How many traces arrived with every span and log, with some of them, with none. */
interface Fates {
  made: number;
  whole: number;
  torn: number;
  gone: number;
}

/** Kept traces have arrived whole, with their logs, those with an error among them; of others nothing. Returns the exit code. */
export async function reportSampled(
  outcome: Outcome,
  { figures, traces }: { figures: SampledFigures; traces: string },
  say: Say,
): Promise<number> {
  const made = (await readFile(traces, 'utf8')).split('\n').filter((line) => line !== '');
  const { withError, others } = fatesOf(
    made.map((line) => madeTrace.parse(JSON.parse(line))),
    outcome.arrived.traces,
  );
  sayTraces(withError, others, say);
  const isEqual = sayItems(outcome, say);
  saySampling(figures, say);
  sayOfScrapes(outcome, say);
  const isCoherent = withError.whole === withError.made && withError.torn + others.torn + figures.orphans === 0;
  const isGood = isEqual && isCoherent && ledgersClosed(outcome);
  say(
    isGood
      ? 'Every trace with an error arrived whole with its logs; produced = arrived + sampled away, and both ledgers are closed.'
      : 'Something is unaccounted for; see above.',
  );
  return isGood ? 0 : 1;
}

function fatesOf(made: readonly MadeTrace[], arrived: ReadonlyMap<string, TraceCounts>) {
  const withError: Fates = { made: 0, whole: 0, torn: 0, gone: 0 };
  const others: Fates = { made: 0, whole: 0, torn: 0, gone: 0 };
  for (const { id, spans, logs, error } of made) {
    const fates = error ? withError : others;
    const came = arrived.get(id);
    fates.made += 1;
    if (came === undefined) fates.gone += 1;
    else if (came.spans === spans && came.logs === logs) fates.whole += 1;
    else fates.torn += 1;
  }
  return { withError, others };
}

function sayTraces(withError: Fates, others: Fates, say: Say): void {
  say(`\n${'traces'.padEnd(14)}${['produced', 'whole', 'torn', 'gone'].map(cell).join('')}`);
  for (const [name, { made, whole, torn, gone }] of [
    ['with an error', withError],
    ['others', others],
  ] as const) {
    say(`${name.padEnd(14)}${[made, whole, torn, gone].map(cell).join('')}`);
  }
}

/** True when what was produced is what arrived and what the sidecar says it sampled away. */
function sayItems(outcome: Outcome, say: Say): boolean {
  const { produced, arrived, sidecar } = outcome;
  const ledger = sidecar.output.join('');
  const rows: readonly (readonly [string, number, number, number])[] = [
    ['spans', produced['spans'] ?? 0, arrived.spans, sampledAway(ledger, 'traces')],
    ['log lines', produced['logLines'] ?? 0, arrived.logRecords, sampledAway(ledger, 'logs')],
    ['metric points', pointsProduced(outcome), arrived.points, 0],
  ];
  say(`\n${''.padEnd(14)}${['produced', 'arrived', 'sampled'].map(cell).join('')}`);
  for (const [what, made, came, sampled] of rows) {
    const verdict = made === came + sampled ? 'equal' : 'DIFFERENT';
    say(`${what.padEnd(14)}${[made, came, sampled].map(cell).join('')}  ${verdict}`);
  }
  return rows.every(([, made, came, sampled]) => made === came + sampled && made > 0);
}

/** What the processors of `signal` dropped for the reason `sampling`, of the ledger that is printed at the end. */
function sampledAway(ledger: string, signal: string): number {
  const rows = ledger.split('\n').filter((line) => line.startsWith('processor') && line.includes(`  ${signal}  `));
  return rows.reduce((sum, row) => sum + Number(/(\d+) sampling/.exec(row)?.[1] ?? 0), 0);
}

function saySampling({ wanted, kept, dropped, orphans }: SampledFigures, say: Say): void {
  const traces = kept + dropped;
  say(`\n${'by policy'.padEnd(14)}${['kept', 'dropped'].map(cell).join('')}`);
  for (const [policy, wants] of wanted) say(`${policy.padEnd(14)}${cell(wants)}${cell(traces - wants)}`);
  say(`${'together'.padEnd(14)}${cell(kept)}${cell(dropped)}`);
  say(`\nOrphans, which are logs that went another way than their trace: ${orphans}.`);
}
