import type { Signal } from '../../core/signal.ts';
import { OttlError, parseOttl, type OttlContext } from './ottl.ts';
import { parseEventOttl } from './span-events.ts';

/** What is wrong with a condition, for the schemas of settings that hold conditions; undefined when nothing is. */
export function ottlProblem(text: string, signal: Signal, context: OttlContext): string | undefined {
  return problemOf(() => parseOttl(text, signal, context));
}

/** The same of a condition on span events. */
export function eventOttlProblem(text: string): string | undefined {
  return problemOf(() => parseEventOttl(text));
}

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (!(error instanceof OttlError)) throw error;
    return `condition at character ${error.at + 1}: ${error.message}`;
  }
}
