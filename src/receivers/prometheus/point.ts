import type { Family, FamilyType } from './family.ts';

/** How a metric is encoded. */
export type MetricKind = 'gauge' | 'counter' | 'state' | 'histogram' | 'exponential' | 'summary';

/** The kind that OTLP knows a Prometheus type by; undefined for gauge histograms, which have none. */
export function metricKind(type: FamilyType): Exclude<MetricKind, 'exponential'> | undefined {
  switch (type) {
    case 'counter':
      return 'counter';
    case 'gauge':
    case 'unknown':
      return 'gauge';
    case 'info':
    case 'stateset':
      return 'state';
    case 'histogram':
    case 'summary':
      return type;
    case 'gaugehistogram':
      return undefined;
  }
}

/** Buckets or quantiles of a point, sorted by `bounds`; `entries` hold their values. */
export interface Levels {
  readonly bounds: number[];
  readonly entries: number[];
}

const NO_ENTRY = -1;

/** One data point of a target: the entries its numbers come from, and what must be known from scrape to scrape. */
export class Point {
  /** Where its encoded attributes lie in the attribute bytes of its series. */
  readonly attributesStart: number;
  readonly attributesEnd: number;
  /** Entry of the value; of the count for histograms and summaries. */
  value = NO_ENTRY;
  sum = NO_ENTRY;
  created = NO_ENTRY;
  infinity = NO_ENTRY;
  levels: Levels | undefined;
  /** Milliseconds since the epoch, NaN when unknown. */
  startMs = Number.NaN;
  /** What was last read: a lower value now is a reset. */
  previous = Number.NaN;
  /** Number of the page in which it was last written with a value that a stale marker must end. */
  writtenPage = 0;
  /** Downstream believes that it is alive: when it vanishes, a stale marker is owed. */
  exported = false;

  constructor(attributesStart: number, attributesEnd: number) {
    this.attributesStart = attributesStart;
    this.attributesEnd = attributesEnd;
  }

  /** Gives `part` its entry, or returns the entry that already plays it (labels in another order). */
  assign(part: 'value' | 'sum' | 'created' | 'infinity', entry: number): number {
    const existing = this[part];
    if (existing !== NO_ENTRY) return existing;
    this[part] = entry;
    return entry;
  }

  assignLevel(bound: number, entry: number): number {
    this.levels ??= { bounds: [], entries: [] };
    const { bounds, entries } = this.levels;
    let at = bounds.length;
    while (at > 0 && (bounds[at - 1] ?? 0) > bound) at -= 1;
    const existing = entries[at - 1];
    if (at > 0 && bounds[at - 1] === bound && existing !== undefined) return existing;
    bounds.splice(at, 0, bound);
    entries.splice(at, 0, entry);
    return entry;
  }
}

/** One OTLP metric: the points of a family under one resource and scope. */
export class Metric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly family: Family;
  readonly points: Point[] = [];
  readonly byAttributes = new Map<string, Point>();
  /** Encoded name, description, unit and metadata, valid while `headerRevision` is the family's. */
  header: Uint8Array | undefined;
  headerRevision = -1;
  /** Encoded size last time: saves moving the content. */
  expectedBytes = 0;

  constructor(name: string, kind: MetricKind, family: Family) {
    this.name = name;
    this.kind = kind;
    this.family = family;
  }
}
