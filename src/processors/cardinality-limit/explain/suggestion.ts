import type { CardinalityLimitConfig } from '../config.ts';
import { yamlOf } from './fixes.ts';
import type { MetricReport } from './report.ts';

/** What a limiter has in lists, which a further configuration replaces as a whole. */
export type OwnLimits = Pick<CardinalityLimitConfig, 'metrics' | 'spans' | 'logs'>;

export interface Limiter {
  readonly own: OwnLimits;
  /** By the id of the limiter; several instances of it have the same settings. */
  readonly report: {
    readonly processor: string;
    readonly metrics: readonly Pick<MetricReport, 'fixes'>[];
  };
}

type Tree = { [key: string]: unknown };

/**
 * The first advice for everything that is told of, of all limiters, as one configuration that can be given as one more
 * `--config`: of each list that it has, the entries that were there follow behind. Empty when there is no advice.
 */
export function suggestionFor(limiters: readonly Limiter[]): string {
  const made: Tree = {};
  for (const { report } of limiters) {
    for (const { fixes } of report.metrics)
      if (fixes[0] !== undefined) merge(made, treeIn(structuredClone(fixes[0].config)));
  }
  for (const { own, report } of limiters) {
    for (const path of LISTS) addOwn(made, ['processors', report.processor, ...path], at(own, path));
  }
  if (Object.keys(made).length === 0) return '';
  const added = Object.keys(treeIn(made['processors'])).filter((id) => id.endsWith('/cardinality'));
  const advice = added.map((id) => `# Name ${id} in the pipelines, before the limiter.\n`);
  return advice.join('') + yamlOf(made);
}

const LISTS = [
  ['metrics'],
  ['spans', 'attributes'],
  ['spans', 'resource_attributes'],
  ['logs', 'attributes'],
  ['logs', 'resource_attributes'],
] as const;

function addOwn(made: Tree, path: readonly string[], own: unknown): void {
  const list = at(made, path);
  if (Array.isArray(list) && Array.isArray(own)) joinLists(list, structuredClone(own));
}

function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => treeIn(inner)[key], tree);
}

/** Maps are merged, lists joined; of what is said twice the first counts, and of limits the higher one. */
function merge(to: Tree, from: Tree): void {
  for (const [key, value] of Object.entries(from)) {
    const known = to[key];
    if (known === undefined) to[key] = value;
    else if (Array.isArray(known) && Array.isArray(value)) joinLists(known, value);
    else if (key === 'limit') to[key] = Math.max(Number(known), Number(value));
    else if (isTree(known) && isTree(value)) merge(known, value);
  }
}

/** One entry for each metric or attribute. One that says nothing but a limit lets the other say the rest. */
function joinLists(to: unknown[], from: readonly unknown[]): void {
  for (const entry of from) {
    const { match, key } = treeIn(entry);
    const known = to.map(treeIn).find((each) => each['match'] === match && each['key'] === key);
    if (known === undefined) to.push(entry);
    else if (known['on_overflow'] === undefined) merge(known, treeIn(entry));
    else known['limit'] ??= treeIn(entry)['limit'];
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function treeIn(value: unknown): Tree {
  return isTree(value) ? value : {};
}
