import { formatProblem, type Problem } from '../config/problem.ts';
import { taken } from './output.ts';

const COLOUR = { error: '\u001b[31m', warning: '\u001b[33m' } as const;
const PLAIN = '\u001b[0m';

/** One line a problem on standard error, in colour only on a terminal. */
export async function printProblems(problems: readonly Problem[], kind: 'error' | 'warning'): Promise<void> {
  const { isTTY } = process.stderr;
  const label = isTTY && process.env['NO_COLOR'] === undefined ? `${COLOUR[kind]}${kind}${PLAIN}` : kind;
  for (const problem of problems) process.stderr.write(`${label}: ${formatProblem(problem)}\n`);
  await taken(process.stderr);
}
