import type { Scraped } from './scraped.ts';

/**
 * What the receiver makes of pages, as slowly and plainly as it can be written: every page is read from scratch with regular
 * expressions, and what is remembered is kept under texts. Of the formats it knows what `random-pages.ts` writes.
 */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Milliseconds, NaN for none. */
  readonly stamp: number;
  readonly exemplar: string;
}

interface Point {
  readonly identity: string;
  readonly kind: string;
  stamp: number;
  value: number;
  created: number;
  sum: number | undefined;
  readonly levels: [number, number][];
  readonly exemplars: string[];
}

interface Start {
  startMs: number;
  previous: number;
}

export interface Expected {
  readonly points: string[];
  readonly samples: number;
  readonly duplicates: number;
}

const SAMPLE =
  /^([a-z_]+)(?:[ \t]*\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(-?[+\w.]+(?:e[-+]?\d+)?)(?:[ \t]+(-?[\d.]+))?(?: # \{(.*)\} (\S+))?[ \t]*$/;
const LABEL = /([a-z_]+)\s*=\s*"((?:[^"\\]|\\.)*)"/g;

export class ReferenceModel {
  #exported = new Map<string, string>();
  #started = new Map<string, Start>();
  #lastGoodMs = Number.NaN;

  /** The points of a page, undefined for one that is bad; `take` as in PagedTarget. */
  scrape(page: string | undefined, format: 'text' | 'openmetrics', timeMs: number, take: boolean): Expected {
    const { points, samples, duplicates } = page === undefined ? NOTHING : readPage(page, format);
    const shown: string[] = [];
    const alive = new Map<string, string>();
    for (const point of points.values()) {
      const atMs = Number.isNaN(point.stamp) ? timeMs : point.stamp;
      const startMs = point.kind === 'gauge' ? 0 : this.#startOf(point, atMs);
      shown.push(`${point.identity} ${numbersOf(point)} ${startMs} ${atMs} ${point.exemplars.join()}`);
      if (Number.isNaN(point.stamp)) alive.set(point.identity, point.kind);
    }
    for (const identity of this.#exported.keys()) if (!points.has(identity)) shown.push(`${identity} stale ${timeMs}`);
    if (page !== undefined) {
      for (const identity of this.#started.keys()) if (!points.has(identity)) this.#started.delete(identity);
      this.#lastGoodMs = timeMs;
    }
    if (take) this.#exported = alive;
    return { points: shown.sort(), samples, duplicates };
  }

  #startOf(point: Point, atMs: number): number {
    const known = this.#started.get(point.identity);
    let startMs = known?.startMs ?? atMs;
    if (point.created > 0 && point.created <= atMs) startMs = point.created;
    else if (known !== undefined && point.value < known.previous && this.#lastGoodMs <= atMs)
      startMs = this.#lastGoodMs;
    startMs = Math.min(startMs, atMs);
    this.#started.set(point.identity, { startMs, previous: point.value });
    return startMs;
  }
}

const NOTHING = { points: new Map<string, Point>(), samples: 0, duplicates: 0 };

function readPage(page: string, format: 'text' | 'openmetrics'): typeof NOTHING {
  const types = new Map<string, string>();
  const points = new Map<string, Point>();
  const seen = new Set<string>();
  let samples = 0;
  for (const line of page.split('\n')) {
    const type = /^\s*#\s+TYPE\s+(\S+)\s+(\S+)/.exec(line);
    if (type !== null) types.set(type[1] ?? '', type[2] === 'untyped' ? 'unknown' : (type[2] ?? ''));
    if (line.trim() === '' || /^\s*#/.test(line)) continue;
    const sample = readSample(line.trim(), format);
    samples += 1;
    const key = `${sample.name}${sortedText(sample.labels)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    addTo(points, sample, types);
  }
  return { points, samples, duplicates: samples - seen.size };
}

function readSample(line: string, format: 'text' | 'openmetrics'): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`The model cannot read ${line}`);
  const [, name = '', text = '', value = '', stamp, exemplarLabels, exemplarValue] = match;
  const exemplar =
    exemplarValue === undefined ? '' : `${sortedText(labelsOf(exemplarLabels ?? ''))}=${number(exemplarValue)}`;
  const factor = format === 'text' ? 1 : 1000;
  const ms = stamp === undefined ? Number.NaN : Math.round(Number(stamp) * factor);
  return { name, labels: labelsOf(text), value: number(value), stamp: ms, exemplar };
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(LABEL)) {
    const plain = value.replaceAll(/\\([\\"n])/g, (_, c: string) => (c === 'n' ? '\n' : c));
    if (plain !== '') labels[name] = plain;
  }
  return labels;
}

function number(text: string): number {
  const infinite = /^([+-]?)inf/i.exec(text);
  return infinite === null ? Number(text) : infinite[1] === '-' ? -Infinity : Infinity;
}

function addTo(
  points: Map<string, Point>,
  { name, labels, value, stamp, exemplar }: Sample,
  types: Map<string, string>,
): void {
  const base = name.replace(/_(bucket|count|sum|total|created)$/, '');
  const suffix = name.slice(base.length);
  const family = types.has(name) ? name : types.has(base) && suffix !== '' ? base : name;
  const type = types.get(family) ?? 'unknown';
  const isGroup = type === 'histogram' || type === 'summary';
  const { le, quantile, ...rest } = labels;
  const attributes =
    type === 'histogram'
      ? { ...rest, ...(quantile === undefined ? {} : { quantile }) }
      : type === 'summary'
        ? { ...rest, ...(le === undefined ? {} : { le }) }
        : labels;
  const metric = isGroup ? family : suffix === '_created' && type === 'counter' ? `${family}_total` : name;
  const kind = isGroup ? type : type === 'counter' ? 'sum' : 'gauge';
  const identity = `${kind} ${type} ${metric}${sortedText(attributes)}`;
  let point = points.get(identity);
  if (point === undefined) {
    point = {
      identity,
      kind,
      stamp: Number.NaN,
      value: Number.NaN,
      created: 0,
      sum: undefined,
      levels: [],
      exemplars: [],
    };
    points.set(identity, point);
  }
  if (exemplar !== '') point.exemplars.push(exemplar);
  if (isGroup && suffix === '_sum') point.sum = value;
  else if (suffix === '_created' && type !== 'unknown') point.created = value * 1000;
  else if (type === 'histogram' && suffix === '_bucket') point.levels.push([number(le ?? ''), value]);
  else if (type === 'summary' && suffix === '') point.levels.push([Number(quantile), value]);
  else {
    point.value = value;
    point.stamp = stamp;
  }
}

function numbersOf({ kind, value, sum, levels }: Point): string {
  if (kind === 'gauge' || kind === 'sum') return text(value);
  const sorted = levels.toSorted(([a], [b]) => a - b);
  if (kind === 'summary') return `${value} ${sum} ${JSON.stringify(sorted)}`;
  const counts = sorted.map(([, upTo], at) => upTo - (sorted[at - 1]?.[1] ?? 0));
  return `${value} ${sum} ${JSON.stringify(counts)} ${JSON.stringify(sorted.map(([bound]) => bound).filter(Number.isFinite))}`;
}

function text(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function sortedText(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A point as the model writes it. */
export function asExpected(point: Scraped): string {
  const { kind, type, name, attributes, stale, timeMs, startMs, value, count, sum } = point;
  const identity = `${kind} ${type} ${name}${sortedText(attributes)}`;
  if (stale) return `${identity} stale ${timeMs}`;
  const numbers =
    kind === 'histogram'
      ? `${count} ${sum} ${JSON.stringify(point.bucketCounts)} ${JSON.stringify(point.bounds)}`
      : kind === 'summary'
        ? `${count} ${sum} ${JSON.stringify(point.quantiles)}`
        : text(value ?? Number.NaN);
  return `${identity} ${numbers} ${startMs} ${timeMs} ${point.exemplars.map(exemplarText).join()}`;
}

function exemplarText(exemplar: Readonly<Record<string, unknown>>): string {
  const labels: Record<string, string> = {};
  for (const { key, value } of (exemplar['filteredAttributes'] ?? []) as {
    key: string;
    value: { stringValue?: string };
  }[])
    labels[key] = value.stringValue ?? '';
  return `${sortedText(labels)}=${Number(exemplar['asDouble'])}`;
}
