import type { Arrived } from './arrived.ts';
import type { RemoraProcess } from './processes.ts';

export type Say = (text: string) => void;

/** What there is to report when all parts have ended. */
export interface Outcome {
  readonly produced: Readonly<Record<string, number>>;
  readonly arrived: Arrived;
  readonly sidecar: RemoraProcess;
  readonly receiver: RemoraProcess;
}

/** All that was produced has arrived, once. Returns the exit code. */
export function reportAll(outcome: Outcome, say: Say): number {
  const { produced, arrived } = outcome;
  const rows: readonly (readonly [string, number, number])[] = [
    ['spans', produced['spans'] ?? 0, arrived.spans],
    ['log lines', produced['logLines'] ?? 0, arrived.logRecords],
    ['metric points', pointsProduced(outcome), arrived.points],
  ];
  say(`\n${''.padEnd(14)}${'produced'.padStart(10)}${'arrived'.padStart(10)}`);
  for (const [what, made, came] of rows) {
    say(`${what.padEnd(14)}${cell(made)}${cell(came)}  ${made === came ? 'equal' : 'DIFFERENT'}`);
  }
  sayOfScrapes(outcome, say);
  const equal = rows.every(([, made, came]) => made === came && made > 0) && ledgersClosed(outcome);
  say(equal ? 'produced = arrived, and both ledgers are closed.' : 'Something is unaccounted for; see above.');
  return equal ? 0 : 1;
}

export function pointsProduced({ produced }: Outcome): number {
  return (produced['sdkPoints'] ?? 0) + (produced['scrapedPoints'] ?? 0);
}

export function sayOfScrapes({ produced, arrived }: Outcome, say: Say): void {
  say(
    `\nThe log was rotated ${produced['rotations'] ?? 0} times; the page was scraped ${produced['scrapes'] ?? 0} times, and ${arrived.synthetic} points about the scrapes came with it.`,
  );
}

export function ledgersClosed({ sidecar, receiver }: Outcome): boolean {
  return [sidecar, receiver].every(
    ({ output, exitCode }) => exitCode === 0 && output.join('').includes('ledger: closed'),
  );
}

export function cell(value: number | string): string {
  return String(value).padStart(10);
}
