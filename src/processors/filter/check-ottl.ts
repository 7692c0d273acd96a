import type { Signal } from '../../core/signal.ts';
import { OttlError, parseOttl, type OttlContext } from './ottl.ts';

/** What is wrong with a condition, for the schemas of settings that hold conditions; undefined when nothing is. */
export function ottlProblem(text: string, signal: Signal, context: OttlContext): string | undefined {
  try {
    parseOttl(text, signal, context);
    return undefined;
  } catch (error) {
    if (!(error instanceof OttlError)) throw error;
    return `condition at character ${error.at + 1}: ${error.message}`;
  }
}
