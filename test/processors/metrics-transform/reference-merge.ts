import { isDeepStrictEqual } from 'node:util';

/** A data point of any kind, as it is decoded: integers of 64 bits are decimal texts. */
export interface Point {
  attributes: { key: string; value: { stringValue?: unknown } | null }[];
  startTimeUnixNano: string;
  timeUnixNano: string;
  flags: number;
  exemplars: { asDouble?: number }[];
  asInt?: string;
  asDouble?: number;
  count?: string;
  sum?: number;
  min?: number;
  max?: number;
  bucketCounts?: string[];
  explicitBounds?: number[];
  scale?: number;
  zeroCount?: string;
  zeroThreshold?: number;
  positive?: Side | null;
  negative?: Side | null;
}

interface Side {
  offset: number;
  bucketCounts: string[];
}

/** One point of each series that there is. */
export function merged(kind: string, points: readonly Point[], type: string, isDelta: boolean): Point[] {
  const groups = Map.groupBy(points, ({ attributes, timeUnixNano, startTimeUnixNano }) =>
    JSON.stringify([
      [...attributes].sort((a, b) => (a.key < b.key ? -1 : 1)),
      timeUnixNano,
      isDelta ? startTimeUnixNano : '',
    ]),
  );
  return [...groups.values()].flatMap((group) => {
    const recorded = group.filter(({ flags }) => flags % 2 === 0);
    if (recorded.length === 0) return group.slice(0, 1);
    if (kind === 'gauge' || kind === 'sum') return [numbers(recorded, type)];
    return histograms(recorded);
  });
}

function whole(points: readonly Point[]): Point {
  const starts = points.map(({ startTimeUnixNano }) => BigInt(startTimeUnixNano));
  return {
    ...points[0]!,
    startTimeUnixNano: String(starts.reduce((a, b) => (a < b ? a : b))),
    exemplars: points.flatMap(({ exemplars }) => exemplars),
  };
}

// Numbers

function numbers(points: readonly Point[], type: string): Point {
  const values = points.map(({ asInt, asDouble }) => (asInt === undefined ? asDouble! : BigInt(asInt)));
  const others = whole(points);
  delete others.asInt;
  delete others.asDouble;
  const value = VALUES[type]!(values);
  return typeof value === 'bigint' ? { ...others, asInt: String(value) } : { ...others, asDouble: value };
}

type Value = number | bigint;

const areInts = (values: readonly Value[]): values is readonly bigint[] =>
  values.every((value) => typeof value === 'bigint');
const sumOf = (values: readonly Value[]): Value =>
  values.reduce((a, b) => (typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b)));

const VALUES: Readonly<Record<string, (values: readonly Value[]) => Value>> = {
  sum: sumOf,
  mean(values) {
    const sum = sumOf(values);
    return typeof sum === 'bigint' ? sum / BigInt(values.length) : sum / values.length;
  },
  min: (values) => values.reduce((a, b) => (b < a ? b : a)),
  max: (values) => values.reduce((a, b) => (b > a ? b : a)),
  count: (values) => (typeof values[0] === 'bigint' ? BigInt(values.length) : values.length),
  median(values) {
    const half = values.length >> 1;
    if (areInts(values)) {
      const sorted = [...values].sort((a, b) => (a < b ? -1 : 1));
      return values.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2n;
    }
    const sorted = values.map(Number).sort((a, b) => a - b);
    return values.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
  },
};

// Histograms

/** Those with the same bounds become one. */
function histograms(points: readonly Point[]): Point[] {
  const results: Point[] = [];
  let waiting = points;
  while (waiting.length > 0) {
    const [first] = waiting;
    const like = waiting.filter(
      ({ explicitBounds, bucketCounts }) =>
        isDeepStrictEqual(explicitBounds, first!.explicitBounds) &&
        bucketCounts?.length === first!.bucketCounts?.length,
    );
    waiting = waiting.filter((point) => !like.includes(point));
    const values = like
      .slice(1)
      .reduce((a, b) => (a.scale === undefined ? addHistogram(a, b) : addExponential(a, b)), like[0]!);
    const { startTimeUnixNano, exemplars } = whole(like);
    results.push({ ...values, startTimeUnixNano, exemplars });
  }
  return results;
}

const plus = (a = '0', b = '0'): string => String(BigInt(a) + BigInt(b));

function addHistogram(a: Point, b: Point): Point {
  return {
    ...addWhole(a, b),
    bucketCounts: (a.bucketCounts ?? []).map((count, at) => plus(count, b.bucketCounts?.[at])),
  };
}

/** What only one of them says of its values is not known of all. */
function addWhole(a: Point, b: Point): Point {
  if (b.count === '0') return a;
  const others = { ...a };
  delete others.sum;
  delete others.min;
  delete others.max;
  if (a.count === '0') return { ...others, count: b.count!, ...whatItSays(b) };
  const both: Point = { ...others, count: plus(a.count, b.count) };
  if (a.sum !== undefined && b.sum !== undefined) both.sum = a.sum + b.sum;
  if (a.min !== undefined && b.min !== undefined) both.min = Math.min(a.min, b.min);
  if (a.max !== undefined && b.max !== undefined) both.max = Math.max(a.max, b.max);
  return both;
}

function whatItSays({ sum, min, max }: Point): Pick<Point, 'sum' | 'min' | 'max'> {
  return {
    ...(sum === undefined ? {} : { sum }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

function addExponential(a: Point, b: Point): Point {
  const scale = Math.min(a.scale!, b.scale!);
  const side = (sign: 'positive' | 'negative'): Side => {
    const counts = new Map<number, bigint>();
    for (const point of [a, b]) {
      point[sign]?.bucketCounts.forEach((count, at) => {
        const index = Math.floor((point[sign]!.offset + at) / 2 ** (point.scale! - scale));
        counts.set(index, (counts.get(index) ?? 0n) + BigInt(count));
      });
    }
    const indexes = [...counts.keys()];
    const offset = indexes.length === 0 ? 0 : Math.min(...indexes);
    const length = indexes.length === 0 ? 0 : Math.max(...indexes) - offset + 1;
    return { offset, bucketCounts: Array.from({ length }, (_, at) => String(counts.get(offset + at) ?? 0n)) };
  };
  const zeroCount = plus(a.zeroCount, b.zeroCount);
  return { ...addWhole(a, b), scale, zeroCount, positive: side('positive'), negative: side('negative') };
}
