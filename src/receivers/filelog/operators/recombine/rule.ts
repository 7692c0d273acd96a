import { traceFold } from '../stack-traces.ts';
import type { RecombineConfig } from './config.ts';
import type { Rule } from './entry-group.ts';

/** Makes the rules of a configuration, one for every source. */
export function recombineRule(config: RecombineConfig): () => Rule {
  const { is_first_entry: isFirst, is_last_entry: isLast } = config;
  if (isFirst !== undefined) return constantly((entry) => (isFirst(entry) ? 'first' : 'inner'));
  if (isLast !== undefined) return constantly((entry) => (isLast(entry) ? 'last' : 'inner'));
  const makeFold = traceFold(config.preset ?? []);
  return () => {
    const fold = makeFold();
    return (_entry, text) => (fold.continues(text) ? 'inner' : 'first');
  };
}

function constantly(rule: Rule): () => Rule {
  return () => rule;
}
