import { counted } from './counted.ts';
import type { Summary } from './output/outcome.ts';

type Requests = Summary['requests'];

/** Requests of the input that no receiver is there for, in a sentence each. */
export function unreceivedTexts({ unreceived }: Pick<Requests, 'unreceived'>): string[] {
  return Object.entries(unreceived).map(
    ([receiver, count]) => `${counted(count, 'request')} to ${receiver} ${count === 1 ? 'has' : 'have'} no receiver`,
  );
}

/** Those that were answered, and not by taking all of them: where nothing is expected, nothing else says so. */
export function refusedNote({ answers }: Requests): string[] {
  const refused = Object.entries(answers).filter(([answer]) => answer !== 'accepted');
  if (refused.length === 0) return [];
  return [`requests were not taken: ${refused.map(([answer, count]) => `${count} ${answer}`).join(', ')}`];
}
