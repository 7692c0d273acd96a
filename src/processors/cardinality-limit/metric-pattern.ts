import { goPattern } from '../../core/go-pattern.ts';

/**
 * Which names of metrics a rule is for: a name with `*` (any text) and `?` (one character), or `/regular expression/` for
 * all of the name. Throws config_invalid.
 */
export function metricPattern(text: string): RegExp {
  if (text.length > 1 && text.startsWith('/') && text.endsWith('/')) {
    const inner = text.slice(1, -1);
    // By itself, so that what is wrong is told of what was written.
    goPattern(inner);
    return goPattern(`^(?:${inner})$`);
  }
  const source = text
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}
