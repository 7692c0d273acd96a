import { goPattern } from '../../core/go-pattern.ts';
import { expandTemplate, parseTemplate } from '../../core/go-template.ts';
import type { TransformConfig } from './config.ts';
import { putLabels, type PointEdit } from './point-edit.ts';

/** What a transform does with metrics of one name. */
export interface NameMatch {
  /** The name of the result. */
  readonly newName: string;
  /** combine: sets the labels that the groups of include become, without those that matched nothing. */
  readonly edits: readonly PointEdit[];
}

/** Names that are remembered; more are forgotten all at once, so that a flood of names costs time, not memory. */
const MAX_NAMES = 4096;
/** Longer names are not remembered. */
const MAX_LENGTH = 256;

/** Finds the metrics that `include` means. What it finds for a name is remembered. */
export class NameFilter {
  readonly #known = new Map<string, NameMatch | undefined>();
  readonly #match: (name: string) => NameMatch | undefined;

  constructor(config: TransformConfig) {
    this.#match = config.match_type === 'strict' ? strictMatch(config) : patternMatch(config);
  }

  match(name: string): NameMatch | undefined {
    const known = this.#known.get(name);
    if (known !== undefined || this.#known.has(name)) return known;
    if (this.#known.size >= MAX_NAMES) this.#known.clear();
    const match = this.#match(name);
    if (name.length <= MAX_LENGTH) this.#known.set(name, match);
    return match;
  }
}

function strictMatch({ include, new_name: newName }: TransformConfig): (name: string) => NameMatch | undefined {
  const match = { newName: newName === '' ? include : newName, edits: [] };
  return (name) => (name === include ? match : undefined);
}

function patternMatch(config: TransformConfig): (name: string) => NameMatch | undefined {
  const { action, new_name: newName, submatch_case: casing } = config;
  const pattern = goPattern(config.include);
  const template = parseTemplate(newName);
  const labels = groupLabels(pattern);
  return (name) => {
    const match = pattern.exec(name);
    if (match === null) return undefined;
    if (action !== 'combine') return { newName: expandTemplate(template, match) || name, edits: [] };
    const pairs = labels.flatMap((label, at): [string, string][] => {
      const value = match[at + 1] ?? '';
      return value === '' ? [] : [[label, inCase(value, casing)]];
    });
    return { newName, edits: [putLabels(pairs)] };
  };
}

/** The label that each group becomes: its name, or `$1` and so on for those without. */
export function groupLabels(pattern: RegExp): string[] {
  const labels: string[] = [];
  // What is escaped and what is in a class opens no group.
  for (const [part, name] of pattern.source.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|\((?!\?)|\(\?<(?![=!])([^>]+)>/gsu)) {
    if (part.startsWith('(')) labels.push(name ?? `$${labels.length + 1}`);
  }
  return labels;
}

function inCase(text: string, casing: TransformConfig['submatch_case']): string {
  switch (casing) {
    case 'lower':
      return text.toLowerCase();
    case 'upper':
      return text.toUpperCase();
    case undefined:
      return text;
  }
}
