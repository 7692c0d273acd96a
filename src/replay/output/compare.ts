import { differencesOf } from './differences.ts';
import { identityOf, isError, itemsOf, timelessOf, titleOf, type Item } from './items.ts';
import { normalized } from './normal.ts';
import type { Outcome, Output } from './outcome.ts';

/** How an outcome differs from what was expected. */
export interface Comparison {
  /** Nothing: they are equal. */
  readonly differences: readonly Difference[];
}

export interface Difference {
  /** `exporter otlphttp/backend traces`, `ledger`, `metrics`, `checks`. */
  readonly where: string;
  /** A check `failed`; everything else is beside what was expected. */
  readonly kind: 'failed' | 'missing' | 'unexpected' | 'changed';
  /** What it is about: an item, a node of the ledger, a metric. */
  readonly what: string;
  /** Of what changed: each place, with what was expected and what is. */
  readonly details: readonly string[];
  /** Of an item that is missing: a span with the status ERROR, or a log record of ERROR and worse. */
  readonly isError?: boolean;
}

/**
 * Compares by meaning: the order of items, the order of attributes and the division into requests do not count. Equal bytes
 * are equal without a look at what they say.
 */
export function compareOutcomes(expected: Outcome, actual: Outcome): Comparison {
  const differences: Difference[] = [];
  const [before, after] = [byName(expected.outputs), byName(actual.outputs)];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    differences.push(...compareOutputs(`exporter ${name}`, before.get(name), after.get(name)));
  }
  differences.push(...compareSummaries(expected, actual), ...compareMetrics(expected.metrics, actual.metrics));
  return { differences };
}

function byName(outputs: readonly Output[]): Map<string, Output> {
  return new Map(outputs.map((output) => [`${output.exporter} ${output.signal}`, output]));
}

function compareOutputs(where: string, expected: Output | undefined, actual: Output | undefined): Difference[] {
  const isSame = expected?.sha256 === actual?.sha256 && expected?.items === actual?.items;
  if (isSame) return [];
  const [before, after] = [linesOf(expected), linesOf(actual)];
  if (before !== undefined && after !== undefined) return compareItems(where, before, after);
  const counts = `${expected?.items ?? 0} items expected, ${actual?.items ?? 0} came`;
  return [
    { where, kind: 'changed', what: counts, details: ['only a digest is kept: expect: lines shows what differs'] },
  ];
}

/** No lines where there is no output; undefined where only a digest is kept. */
function linesOf(output: Output | undefined): Uint8Array | undefined {
  return output === undefined ? NO_LINES : output.lines;
}

const NO_LINES = new Uint8Array(0);

interface Compared {
  readonly item: Item;
  /** All that it says. */
  readonly text: string;
}

export function compareItems(where: string, expectedLines: Uint8Array, actualLines: Uint8Array): Difference[] {
  const [missing, unexpected] = withoutEqual(comparedOf(expectedLines), comparedOf(actualLines));
  const others = counterparts(missing, unexpected);
  const differences = missing.map((one): Difference => {
    const what = titleOf(one.item);
    const other = others.get(one);
    if (other === undefined)
      return { where, kind: 'missing', what, details: [], ...(isError(one.item) ? { isError: true } : {}) };
    return { where, kind: 'changed', what, details: changes(one.item, other.item) };
  });
  const found = new Set(others.values());
  for (const one of unexpected) {
    if (!found.has(one)) differences.push({ where, kind: 'unexpected', what: titleOf(one.item), details: [] });
  }
  return differences;
}

/** Which item of the second is the same as which of the first, changed: by its identity, else what is like it at another time. */
function counterparts(missing: readonly Compared[], unexpected: readonly Compared[]): Map<Compared, Compared> {
  const found = new Map<Compared, Compared>();
  for (const keyOf of [identityOf, timelessOf]) {
    const taken = new Set(found.values());
    const rest = unexpected.filter((one) => !taken.has(one));
    const byKey = Map.groupBy(rest, ({ item }) => keyOf(item));
    for (const one of missing) {
      const other = found.has(one) ? undefined : byKey.get(keyOf(one.item))?.shift();
      if (other !== undefined) found.set(one, other);
    }
  }
  return found;
}

function comparedOf(lines: Uint8Array): Compared[] {
  return Array.from(itemsOf(lines), (item) => ({
    item,
    text: JSON.stringify([normalized(item.surroundings), normalized(item.body)]),
  }));
}

/** Both without the items that the other has as well, as often as it has them. */
function withoutEqual(expected: readonly Compared[], actual: readonly Compared[]): [Compared[], Compared[]] {
  const counts = new Map<string, number>();
  for (const { text } of expected) counts.set(text, (counts.get(text) ?? 0) + 1);
  const unexpected = actual.filter(({ text }) => !takeOne(counts, text));
  const missing = expected.filter(({ text }) => takeOne(counts, text));
  return [missing, unexpected];
}

function takeOne(counts: Map<string, number>, text: string): boolean {
  const count = counts.get(text) ?? 0;
  if (count > 0) counts.set(text, count - 1);
  return count > 0;
}

function changes(expected: Item, actual: Item): string[] {
  return [
    ...differencesOf(normalized(expected.surroundings), normalized(actual.surroundings)),
    ...differencesOf(normalized(expected.body), normalized(actual.body)).map((text) => text.replace(OF_POINT, '')),
  ];
}

/** An item of a metric is one point: what differs in it is named as the point's, `attributes["status"]`. */
const OF_POINT = /^(?:gauge|sum|histogram|exponentialHistogram|summary)\.dataPoints\[0\]\./;

function compareSummaries({ summary: expected }: Outcome, { summary: actual }: Outcome): Difference[] {
  const rows = ({ nodes }: Outcome['summary']): Map<string, unknown> =>
    new Map(nodes.map(({ stage, node, signal, ...counts }) => [`${stage} ${node} ${signal}`, counts]));
  const rest = ({ ledgerCloses, requests, unknownPages, unreadFiles = [] }: Outcome['summary']): Map<string, unknown> =>
    new Map(Object.entries({ ledgerCloses, requests, unknownPages, unreadFiles }));
  return [
    ...compareEntries('ledger', rows(expected), rows(actual)),
    ...compareEntries('input', rest(expected), rest(actual)),
  ];
}

function compareMetrics(expected: string, actual: string): Difference[] {
  return compareEntries('metrics', seriesOf(expected), seriesOf(actual));
}

/** The hash of the configuration, which fixtures of before have. */
const CONFIG_INFO = 'remora_config_info{';

function seriesOf(text: string): Map<string, unknown> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(CONFIG_INFO));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), numberOf(line)]));
}

/** As text where JSON has no such number. */
function numberOf(line: string): number | string {
  const text = line.slice(line.lastIndexOf(' ') + 1).trim();
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

function compareEntries(where: string, expected: Map<string, unknown>, actual: Map<string, unknown>): Difference[] {
  const differences: Difference[] = [];
  for (const what of new Set([...expected.keys(), ...actual.keys()])) {
    const details = differencesOf(expected.get(what), actual.get(what), '').map((text) => text.replace(/^: /, ''));
    if (details.length === 0) continue;
    const kind = !actual.has(what) ? 'missing' : !expected.has(what) ? 'unexpected' : 'changed';
    differences.push({ where, kind, what, details });
  }
  return differences;
}
