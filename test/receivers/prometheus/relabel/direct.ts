import { createHash } from 'node:crypto';

/** A rule as it stands in a configuration; what is absent has its default. */
export interface PlainRule {
  readonly source_labels?: readonly string[];
  readonly separator?: string;
  readonly regex?: string;
  readonly modulus?: number;
  readonly target_label?: string;
  readonly replacement?: string;
  readonly action: string;
}

/** The documentation of relabel_config read word by word, with nothing shared with what it checks. ASCII patterns only. */
export function directly(
  given: Readonly<Record<string, string>>,
  rules: readonly PlainRule[],
): Record<string, string> | undefined {
  // As pairs: those of the start by name, then those that rules set.
  let labels = Object.entries(given).filter(([, value]) => value !== '');
  labels.sort(([a], [b]) => (a < b ? -1 : 1));
  const set = new Set<string>();
  const value = (name: string): string => labels.find(([other]) => other === name)?.[1] ?? '';
  const put = (name: string, text: string): void => {
    const isSet = set.has(name) && value(name) !== '';
    if (text !== '' && isSet) labels = labels.map((pair) => (pair[0] === name ? [name, text] : pair));
    else labels = labels.filter(([other]) => other !== name);
    if (text !== '' && !isSet) labels = [...labels, [name, text]];
    set.add(name);
  };
  for (const rule of rules) {
    const source = (rule.source_labels ?? []).map(value).join(rule.separator ?? ';');
    const target = rule.target_label ?? '';
    const match = matched(rule.regex ?? '(.*)', source);
    switch (rule.action) {
      case 'replace': {
        if (match === null) break;
        const name = filled(target, match);
        if (name !== '') put(name, filled(rule.replacement ?? '$1', match));
        break;
      }
      case 'keep':
        if (match === null) return undefined;
        break;
      case 'drop':
        if (match !== null) return undefined;
        break;
      case 'keepequal':
        if (source !== value(target)) return undefined;
        break;
      case 'dropequal':
        if (source === value(target)) return undefined;
        break;
      case 'lowercase':
        put(target, source.toLowerCase());
        break;
      case 'uppercase':
        put(target, source.toUpperCase());
        break;
      case 'hashmod': {
        const half = createHash('md5').update(source).digest('hex').slice(16);
        put(target, (BigInt(`0x${half}`) % BigInt(rule.modulus ?? 0)).toString());
        break;
      }
      case 'labelmap':
        for (const [name, text] of [...labels]) {
          const found = matched(rule.regex ?? '(.*)', name);
          const other = found === null ? '' : filled(rule.replacement ?? '$1', found);
          if (other !== '') put(other, text);
        }
        break;
      case 'labeldrop':
        labels = labels.filter(([name]) => matched(rule.regex ?? '(.*)', name) === null);
        break;
      case 'labelkeep':
        labels = labels.filter(([name]) => matched(rule.regex ?? '(.*)', name) !== null);
        break;
      default:
        throw new Error(rule.action);
    }
  }
  return Object.fromEntries(labels);
}

function matched(pattern: string, text: string): RegExpExecArray | null {
  const ignoresCase = pattern.startsWith('(?i)');
  return new RegExp(`^(?:${ignoresCase ? pattern.slice(4) : pattern})$`, ignoresCase ? 'isu' : 'su').exec(text);
}

/** Only `$0`, `${0}` and `$$` are in the generated rules. */
function filled(template: string, match: RegExpExecArray): string {
  return template.replaceAll(/\$\$|\$0|\$\{0\}/g, (found) => (found === '$$' ? '$' : match[0]));
}
