import type { Format } from './page-scanner.ts';

export type FamilyType =
  'counter' | 'gauge' | 'histogram' | 'summary' | 'unknown' | 'info' | 'stateset' | 'gaugehistogram';

/** Which number of its data point a sample is. `stray` has no place in OTLP: counted as errored. */
export type Part =
  'value' | 'native' | 'bucket' | 'count' | 'sum' | 'created' | 'quantile' | 'target_info' | 'scope_info' | 'stray';

const NO_FAMILIES: readonly Family[] = [];

/** A metric family of one target. Its type never changes: a page that changes it starts a new table. */
export class Family {
  readonly name: string;
  readonly type: FamilyType;
  /** True when a TYPE or UNIT line made it; such a line must be there again on every page. */
  readonly declared: boolean;
  readonly index: number;
  /** Families of the same name and other types, this one among them; empty when there are none. */
  siblings: readonly Family[] = NO_FAMILIES;
  unit = '';
  help = '';
  /**
   * Numbers of the pages that last held its TYPE line (of one that is not declared: any TYPE line before its samples), a
   * sample, and in which it was left again.
   */
  typePage = 0;
  samplePage = 0;
  closedPage = 0;
  /** Bumped when HELP changes, so that encoded headers are made anew. */
  revision = 0;

  constructor(name: string, type: FamilyType, declared: boolean, index: number) {
    this.name = name;
    this.type = type;
    this.declared = declared;
    this.index = index;
  }
}

const TEXT_TYPES: Readonly<Record<string, FamilyType>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
  untyped: 'unknown',
};
const OPENMETRICS_TYPES: Readonly<Record<string, FamilyType>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
  unknown: 'unknown',
  info: 'info',
  stateset: 'stateset',
  gaugehistogram: 'gaugehistogram',
};

/** The type that a TYPE line names; undefined when the format has no such type. */
export function familyType(word: string, format: Format): FamilyType | undefined {
  const types = format === 'text' ? TEXT_TYPES : OPENMETRICS_TYPES;
  return Object.hasOwn(types, word) ? types[word] : undefined;
}

interface Suffix {
  readonly text: string;
  readonly part: Part;
  /** Families whose samples carry it, by format. */
  readonly text004: readonly FamilyType[];
  readonly openmetrics: readonly FamilyType[];
}

const SUFFIXES: readonly Suffix[] = [
  // In text the TYPE line names the sample itself; targets that name the family as OpenMetrics does are understood too.
  { text: '_total', part: 'value', text004: ['counter'], openmetrics: ['counter'] },
  { text: '_bucket', part: 'bucket', text004: ['histogram'], openmetrics: ['histogram'] },
  { text: '_count', part: 'count', text004: ['histogram', 'summary'], openmetrics: ['histogram', 'summary'] },
  { text: '_sum', part: 'sum', text004: ['histogram', 'summary'], openmetrics: ['histogram', 'summary'] },
  { text: '_created', part: 'created', text004: [], openmetrics: ['counter', 'histogram', 'summary'] },
  { text: '_info', part: 'value', text004: [], openmetrics: ['info'] },
  { text: '_bucket', part: 'stray', text004: [], openmetrics: ['gaugehistogram'] },
  { text: '_gcount', part: 'stray', text004: [], openmetrics: ['gaugehistogram'] },
  { text: '_gsum', part: 'stray', text004: [], openmetrics: ['gaugehistogram'] },
];

export interface Resolved {
  readonly family: Family;
  readonly part: Part;
}

/** The families of one target by name. */
export class Families {
  readonly list: Family[] = [];
  readonly #byName = new Map<string, Family>();

  /** Of several families of that name, the one that was declared or selected last. */
  named(name: string): Family | undefined {
    return this.#byName.get(name);
  }

  /** The family of this type among `family` and its siblings. */
  ofType(family: Family, type: FamilyType): Family | undefined {
    return family.type === type ? family : family.siblings.find((sibling) => sibling.type === type);
  }

  /** Declares a family of the same name and another type. */
  declareBeside(family: Family, type: FamilyType): void {
    const beside = new Family(family.name, type, true, this.list.length);
    this.list.push(beside);
    const siblings = family.siblings.length === 0 ? [family, beside] : [...family.siblings, beside];
    for (const sibling of siblings) sibling.siblings = siblings;
  }

  /** From now on samples of that name are those of `family`. */
  select(family: Family): void {
    this.#byName.set(family.name, family);
  }

  declare(name: string, type: FamilyType, declared: boolean): Family {
    const family = new Family(name, type, declared, this.list.length);
    this.list.push(family);
    this.#byName.set(name, family);
    return family;
  }

  /** The family and part of a sample name. A string says why OpenMetrics forbids it. */
  resolve(name: string, hasQuantile: boolean, format: Format): Resolved | string {
    const exact = this.#byName.get(name);
    if (exact?.declared === true) return inOwnFamily(exact, hasQuantile, format);
    for (const suffix of SUFFIXES) {
      if (!name.endsWith(suffix.text)) continue;
      const family = this.#byName.get(name.slice(0, -suffix.text.length));
      const types = format === 'text' ? suffix.text004 : suffix.openmetrics;
      if (family?.declared === true && types.includes(family.type)) return withPart(family, suffix.part, name);
    }
    const family = exact ?? this.declare(name, 'unknown', false);
    return withPart(family, 'value', name);
  }
}

function withPart(family: Family, part: Part, sampleName: string): Resolved {
  return { family, part: part === 'value' ? valuePart(sampleName) : part };
}

/** `target_info` and `otel_scope_info` describe resource and scope whatever type they are given. */
export function valuePart(sampleName: string): Part {
  if (sampleName === 'target_info') return 'target_info';
  return sampleName === 'otel_scope_info' ? 'scope_info' : 'value';
}

function inOwnFamily(family: Family, hasQuantile: boolean, format: Format): Resolved | string {
  switch (family.type) {
    case 'gauge':
    case 'unknown':
    case 'stateset':
      return withPart(family, 'value', family.name);
    case 'counter':
      if (format === 'text') return withPart(family, 'value', family.name);
      return `samples of counter "${family.name}" must end in _total`;
    case 'summary':
      if (hasQuantile) return { family, part: 'quantile' };
      break;
    case 'histogram':
    case 'info':
    case 'gaugehistogram':
      break;
  }
  if (format === 'openmetrics') return `"${family.name}" cannot be a sample of a ${family.type}`;
  return { family, part: 'stray' };
}
