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

/** An entry or a point that is not there. */
export const NONE = -1;

/** Entries of a point beside the one of its value: what only histograms, summaries and `_created` have. */
export class PointParts {
  sum = NONE;
  created = NONE;
  infinity = NONE;
  /** Buckets or quantiles, sorted by `bounds`; `levels` hold their values. */
  readonly bounds: number[] = [];
  readonly levels: number[] = [];

  /** Gives `part` its entry, or returns the entry that already plays it (labels in another order). */
  assign(part: 'sum' | 'created' | 'infinity', entry: number): number {
    const existing = this[part];
    if (existing !== NONE) return existing;
    this[part] = entry;
    return entry;
  }

  assignLevel(bound: number, entry: number): number {
    const { bounds, levels } = this;
    let at = bounds.length;
    while (at > 0 && (bounds[at - 1] ?? 0) > bound) at -= 1;
    const existing = levels[at - 1];
    if (at > 0 && bounds[at - 1] === bound && existing !== undefined) return existing;
    bounds.splice(at, 0, bound);
    levels.splice(at, 0, entry);
    return entry;
  }
}

/** One OTLP metric: the points of a family under one resource and scope. */
export class Metric {
  readonly name: string;
  readonly kind: MetricKind;
  family: Family;
  /** The family is one of a table that was replaced. */
  isInherited = false;
  /** Number of the metric in its table of points; NONE while it has none. */
  index = NONE;
  /** Its points are a chain in the table. */
  firstPoint = NONE;
  lastPoint = NONE;
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

  belongTo(family: Family): void {
    this.family = family;
    this.isInherited = false;
    this.header = undefined;
  }
}
