import { goPattern } from '../../core/go-pattern.ts';

/** A longer name is no name that anybody gave: no rule is for it. */
const MAX_MATCHED = 1024;

export interface MetricPattern {
  test(name: string): boolean;
}

/**
 * Which names of metrics a rule is for: a name with `*` (any text) and `?` (one character), or `/regular expression/` for
 * all of the name. Throws config_invalid.
 */
export function metricPattern(text: string): MetricPattern {
  const pattern = text.length > 1 && text.startsWith('/') && text.endsWith('/') ? whole(text.slice(1, -1)) : glob(text);
  return { test: (name) => name.length <= MAX_MATCHED && pattern.test(name) };
}

function whole(source: string): RegExp {
  // By itself, so that what is wrong is told of what was written.
  goPattern(source);
  return goPattern(`^(?:${source})$`);
}

/** Names come from outside, so none may take longer than its length times that of the pattern. */
function glob(text: string): MetricPattern {
  const pattern = Array.from(text);
  return { test: (name) => fits(pattern, Array.from(name)) };
}

/** Of all stars only the last one that was passed is tried anew: what it takes is free, so those before it need not be. */
function fits(pattern: readonly string[], name: readonly string[]): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let next = 0; next < name.length;) {
    const part = pattern[at];
    if (part === '*') {
      star = at;
      at += 1;
      from = next;
    } else if (part !== undefined && (part === '?' || part === name[next])) {
      at += 1;
      next += 1;
    } else if (star < 0) return false;
    else {
      at = star + 1;
      from += 1;
      next = from;
    }
  }
  return pattern.slice(at).every((part) => part === '*');
}
