import { Family, valuePart, type Part, type Resolved } from './family.ts';
import { metricKind } from './point.ts';

/** The metric that a sample is a number of. */
export interface Belonging {
  readonly family: Family;
  readonly part: Part;
  readonly metricName: string;
}

/** As the page has it. */
export function belonging(sampleName: string, { family, part }: Resolved): Belonging {
  const kind = metricKind(family.type);
  if (kind === 'histogram' || kind === 'summary') return { family, part, metricName: family.name };
  return { family, part, metricName: part === 'created' ? `${family.name}_total` : sampleName };
}

/**
 * Under the name that relabelling gave it. Type, help and unit stay; parts of a histogram or summary find together again
 * when all of them keep their suffix. One that lost it is a number of its own, of unknown type.
 */
export function renamedBelonging(name: string, { family, part }: Resolved): Belonging {
  switch (part) {
    case 'bucket':
    case 'count':
    case 'sum':
    case 'created': {
      const suffix = `_${part}`;
      if (!name.endsWith(suffix)) return unknownValue(name, family);
      const base = name.slice(0, -suffix.length);
      return { family, part, metricName: family.type === 'counter' ? `${base}_total` : base };
    }
    case 'value':
    case 'target_info':
    case 'scope_info':
      return { family, part: valuePart(name), metricName: name };
    case 'quantile':
    case 'native':
    case 'stray':
      return { family, part, metricName: name };
  }
}

function unknownValue(name: string, from: Family): Belonging {
  const family = new Family(name, 'unknown', false, -1);
  family.help = from.help;
  return { family, part: 'value', metricName: name };
}
