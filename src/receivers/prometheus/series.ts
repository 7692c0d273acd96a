import { parseNumber } from '../../core/go-number.ts';
import { ANY_VALUE, EXPONENTIAL_POINT, HISTOGRAM_POINT, KEY_VALUE, NUMBER_POINT } from '../../otlp/fields.ts';
import type { Writer } from '../../otlp/writer.ts';
import type { ByteHash } from './byte-hash.ts';
import { DROPPED, EntryTable } from './entry-table.ts';
import { Families, type Family, type Part, type Resolved } from './family.ts';
import { NO_SCOPE, ResourceGroups, type ResourceGroup, type ScopeGroup, type ScopeLabels } from './groups.ts';
import type { ValueRanges } from './line-shape.ts';
import type { MetadataLine } from './metadata-line.ts';
import { OpenMetricsPoints } from './open-metrics-points.ts';
import type { Format, PageScanner } from './page-scanner.ts';
import { metricKind, NONE, type Metric, type MetricKind } from './point.ts';
import { PointTable } from './point-table.ts';
import { LabelSet } from './relabel/label-set.ts';
import { belonging, renamedBelonging, type Belonging } from './renaming.ts';
import { hasLabel, type SampleKey } from './sample-key.ts';
import { ScrapeError } from './scrape-error.ts';
import { AttributePlan, plannedAttributes, type SeriesPlan } from './series-plan.ts';
import {
  addExternalLabels,
  brokenLabelLimit,
  foreignName,
  mergeLabels,
  ownPairs,
  relabelMerged,
  type LabelRules,
  type MergedLabels,
  type Target,
} from './target.ts';

/** A HELP or UNIT text and the page that last held it. */
export interface Note {
  text: string;
  page: number;
}

/** Where a new series goes: its metric, its scope, and its `le` or `quantile`. */
export interface Prepared extends Belonging {
  readonly scope: ScopeLabels;
  readonly level: string | undefined;
}

const SCOPE_PREFIX = 'otel_scope_';
/** Bytes of encoded attributes for a byte of a key, as most pages are. */
const ATTRIBUTES_PER_KEY = 1.5;

/**
 * All series of one target: which line gives which number of which data point.
 *
 *   entry (raw bytes of a line) -> number of a point -> Metric -> ScopeGroup -> ResourceGroup
 *
 * Everything that depends on names and labels is worked out once, when a line is seen for the first time.
 */
export class Series {
  readonly entries: EntryTable;
  readonly points: PointTable;
  readonly families = new Families();
  /** Of the lines among the entries; undefined while there are none. */
  format: Format | undefined;
  readonly groups = new ResourceGroups();
  readonly metadata = new Map<number, MetadataLine>();
  readonly helps = new Map<string, Note>();
  readonly units = new Map<string, Note>();
  /** Entries without a place in OTLP. */
  readonly strays: number[] = [];
  readonly openMetrics = new OpenMetricsPoints();
  readonly #target: Target;
  readonly #rules: LabelRules;
  readonly #merged: MergedLabels = { count: 0, name: '', job: '', instance: '', pairs: [], sources: [] };
  readonly #labels = new LabelSet();
  readonly #rest: string[] = [];
  #scope = NO_SCOPE;
  /** Where the series before went: the next one mostly goes there too. */
  #lastMetric: Metric | undefined;
  #lastScope: ScopeGroup | undefined;

  constructor(target: Target, rules: LabelRules, hash: ByteHash) {
    this.#target = target;
    this.#rules = rules;
    this.entries = new EntryTable(hash);
    this.points = new PointTable(hash);
  }

  /**
   * Makes room for `lines` with keys of `keyBytes` each, which saves growing step by step. What is not used of it costs
   * no memory where it is large.
   */
  reserve(lines: number, keyBytes: number): void {
    this.entries.reserve(Math.ceil(lines), Math.ceil(lines * keyBytes));
    this.points.reserve(Math.ceil(lines), Math.ceil(lines * keyBytes * ATTRIBUTES_PER_KEY));
  }

  /** Bytes of memory held for series, without what each metric has once. */
  get bytes(): number {
    return this.entries.bytes + this.points.bytes + this.openMetrics.bytes;
  }

  /**
   * Works the labels of a new series out for the `register` that follows; undefined when rules drop the series. Throws
   * ScrapeError when its labels break a limit, or rules left it without a name.
   */
  prepare(key: SampleKey, resolved: Resolved): Prepared | undefined {
    const merged = this.#merged;
    merged.name = key.name;
    mergeLabels(key.labels, this.#target, this.#rules.honorLabels, merged);
    const relabelled = this.#rules.relabel.length > 0;
    if (relabelled && !relabelMerged(merged, this.#target, this.#rules, this.#labels)) return undefined;
    if (merged.name === '')
      throw new ScrapeError('relabel', `metric_relabel_configs left "${key.name}" without a name.`);
    const foreign = this.#rules.legacyNames ? foreignName(merged) : undefined;
    if (foreign !== undefined)
      throw new ScrapeError('parse', `"${foreign}" is no name under metric_name_validation_scheme legacy.`);
    const broken = brokenLabelLimit(merged, this.#rules);
    if (broken !== undefined) throw new ScrapeError('label_limit', `${broken}.`);
    const isRenamed = merged.name !== key.name;
    const place = isRenamed ? renamedBelonging(merged.name, resolved) : belonging(key.name, resolved);
    const { family, part, metricName } = place;
    const level = this.#divide(merged.pairs, part);
    return { family, part, metricName, scope: this.#scope, level };
  }

  /** Whether rules drop a new series, of which nothing is kept. */
  drops(key: SampleKey): boolean {
    if (this.#rules.relabel.length === 0) return false;
    this.#merged.name = key.name;
    mergeLabels(key.labels, this.#target, this.#rules.honorLabels, this.#merged);
    return !relabelMerged(this.#merged, this.#target, this.#rules, this.#labels);
  }

  /** A series that rules drop is remembered, so that they need not run again. */
  registerDropped(entry: number, part: Part): void {
    this.entries.parts[entry] = part;
    this.entries.cells[entry] = DROPPED;
  }

  /**
   * Finds or makes the place of a series that was not seen before. `part` is what it plays on the page. The number of its
   * data point; NONE when it has none, or when rules may keep it apart from others of its metric.
   */
  register(entry: number, exposedPart: Part, prepared: Prepared): number {
    const { family, part, metricName, scope, level } = prepared;
    const merged = this.#merged;
    const resource = this.groups.resource(merged.job, merged.instance);
    this.entries.parts[entry] = exposedPart;
    const kind = part === 'native' ? 'exponential' : metricKind(family.type);
    const bound = level === undefined ? Number.NaN : (parseNumber(level) ?? Number.NaN);
    if (part === 'target_info') resource.infos.push({ entry, labels: ownPairs(this.#rest, this.#target) });
    else if (part === 'scope_info') describeScope(resource, scope, ownPairs(this.#rest, this.#target));
    else if (kind === undefined || part === 'stray' || (needsLevel(part) && Number.isNaN(bound))) {
      this.strays.push(entry);
    } else {
      const metric = this.#metric(resource.scope(scope), metricName, kind, family);
      addExternalLabels(this.#rest, this.#target);
      const point = this.#point(metric, this.#rest);
      this.entries.cells[entry] = place(this.points, point, part, bound, entry);
      if (this.#rules.relabel.length === 0) return point;
    }
    return NONE;
  }

  /**
   * How further series that differ from this one, the last that was registered, in label values alone are registered;
   * undefined when their values decide more than attributes.
   */
  plan(key: SampleKey, prepared: Prepared): SeriesPlan | undefined {
    const { family, part, metricName, scope } = prepared;
    const { honorLabels, relabel } = this.#rules;
    const kind = metricKind(family.type);
    if (kind === undefined || relabel.length > 0 || scope !== NO_SCOPE || !isNumber(part)) return undefined;
    if (honorLabels && (hasLabel(key, 'job') || hasLabel(key, 'instance'))) return undefined;
    const planned = plannedAttributes(this.#merged, this.#target);
    const levelLabel = levelLabelOf(part);
    const level = planned.find(({ name }) => name === levelLabel)?.label ?? NONE;
    if (levelLabel !== undefined && level === NONE) return undefined;
    const attributes = planned.filter(({ name }) => name !== levelLabel);
    const { job, instance } = this.#target;
    return {
      metric: this.#metric(this.groups.resource(job, instance).scope(scope), metricName, kind, family),
      family,
      part,
      level,
      attributes: new AttributePlan(attributesField(kind), attributes),
    };
  }

  /** As `register`, for a line whose values lie in `page`; `bound` is that of a bucket or quantile. */
  registerPlanned(entry: number, plan: SeriesPlan, page: PageScanner, values: ValueRanges, bound: number): number {
    const { metric, part, attributes } = plan;
    this.entries.parts[entry] = part;
    attributes.write(this.points.attributes, page, values);
    const point = this.points.at(metric);
    this.entries.cells[entry] = place(this.points, point, part, bound, entry);
    return point;
  }

  /** Takes over what must be remembered from the table that this one replaces. */
  adopt(old: Series): void {
    for (const resource of old.groups.list) {
      for (const scope of resource.scopes) {
        for (const metric of scope.metrics) this.#adoptMetric(old, resource, scope, metric);
      }
    }
  }

  #adoptMetric(old: Series, resource: ResourceGroup, scope: ScopeGroup, metric: Metric): void {
    let here: Metric | undefined;
    const { points: from } = old;
    const { points: to } = this;
    for (let point = metric.firstPoint; point !== NONE; point = from.next[point] ?? NONE) {
      const startMs = from.startMs[point] ?? Number.NaN;
      if (from.exported[point] === 0 && Number.isNaN(startMs)) continue;
      here ??= this.groups.resource(resource.job, resource.instance).scope(scope.labels).inherited(metric);
      to.attributes.raw(from.attributes.buffer, from.starts[point] ?? 0, from.attributesEnd(point));
      const taken = to.at(here);
      to.exported[taken] = from.exported[point] ?? 0;
      to.startMs[taken] = startMs;
      to.previous[taken] = from.previous[point] ?? Number.NaN;
    }
  }

  #metric(scope: ScopeGroup, name: string, kind: MetricKind, family: Family): Metric {
    const last = this.#lastMetric;
    if (last?.family === family && last.name === name && last.kind === kind && scope === this.#lastScope) return last;
    const metric = scope.metric(name, kind, family);
    this.#lastMetric = metric;
    this.#lastScope = scope;
    return metric;
  }

  #point(metric: Metric, pairs: readonly string[]): number {
    writeAttributes(this.points.attributes, attributesField(metric.kind), sortedPairs(pairs));
    return this.points.at(metric);
  }

  /** Takes the scope labels, into `#scope`, and the bucket or quantile label out; what remains is in `#rest`. */
  #divide(labels: readonly string[], part: Part): string | undefined {
    const rest = this.#rest;
    rest.length = 0;
    const levelLabel = levelLabelOf(part);
    let level: string | undefined;
    let scoped = false;
    for (let at = 0; at < labels.length; at += 2) {
      const name = labels[at] ?? '';
      if (name === levelLabel) level = labels[at + 1];
      else if (name.startsWith(SCOPE_PREFIX)) scoped = true;
      else rest.push(name, labels[at + 1] ?? '');
    }
    this.#scope = scoped ? scopeOf(labels) : NO_SCOPE;
    return level;
  }
}

/** Parts that are a number of a point, and nothing else. */
function isNumber(part: Part): boolean {
  return part !== 'target_info' && part !== 'scope_info' && part !== 'stray' && part !== 'native';
}

function needsLevel(part: Part): boolean {
  return levelLabelOf(part) !== undefined;
}

function levelLabelOf(part: Part): string | undefined {
  if (part === 'bucket') return 'le';
  return part === 'quantile' ? 'quantile' : undefined;
}

/** Puts the entry where its number belongs, `bound` that of a bucket or quantile; returns the entry that holds the number. */
function place(points: PointTable, point: number, part: Part, bound: number, entry: number): number {
  switch (part) {
    case 'sum':
    case 'created':
      return points.ownParts(point).assign(part, entry);
    case 'bucket':
      if (bound === Infinity) return points.ownParts(point).assign('infinity', entry);
      return points.ownParts(point).assignLevel(bound, entry);
    case 'quantile':
      return points.ownParts(point).assignLevel(bound, entry);
    case 'value':
    case 'native':
    case 'count':
    case 'target_info':
    case 'scope_info':
    case 'stray':
      return points.assignValue(point, entry);
  }
}

function scopeOf(labels: readonly string[]): ScopeLabels {
  const scope = { name: '', version: '', schemaUrl: '', attributes: [] as string[] };
  for (let at = 0; at < labels.length; at += 2) {
    const name = labels[at] ?? '';
    const value = labels[at + 1] ?? '';
    if (!name.startsWith(SCOPE_PREFIX) || value === '') continue;
    const field = name.slice(SCOPE_PREFIX.length);
    if (field === 'name') scope.name = value;
    else if (field === 'version') scope.version = value;
    else if (field === 'schema_url') scope.schemaUrl = value;
    else scope.attributes.push(field, value);
  }
  return { ...scope, attributes: sortedPairs(scope.attributes).slice() };
}

function describeScope(resource: ResourceGroup, labels: ScopeLabels, attributes: readonly string[]): void {
  resource.scope(labels).infoAttributes = sortedPairs(attributes).slice();
}

export function attributesField(kind: MetricKind): number {
  if (kind === 'exponential') return EXPONENTIAL_POINT.attributes;
  return kind === 'histogram' ? HISTOGRAM_POINT.attributes : NUMBER_POINT.attributes;
}

/** repeated KeyValue { string key = 1; AnyValue value = 2; } with string values. */
export function writeAttributes(writer: Writer, field: number, pairs: readonly string[]): void {
  for (let at = 0; at < pairs.length; at += 2) {
    const attribute = writer.begin(field);
    writer.string(KEY_VALUE.key, pairs[at] ?? '');
    const value = writer.begin(KEY_VALUE.value);
    writer.string(ANY_VALUE.string, pairs[at + 1] ?? '');
    writer.end(value);
    writer.end(attribute);
  }
}

const sorted: string[] = [];

/** Pairs by name, valid until the next call. Few labels, nearly in order: insertion sort. */
function sortedPairs(pairs: readonly string[]): readonly string[] {
  sorted.length = 0;
  for (let from = 0; from < pairs.length; from += 2) {
    const name = pairs[from] ?? '';
    let at = sorted.length;
    sorted.push(name, pairs[from + 1] ?? '');
    for (; at > 0 && (sorted[at - 2] ?? '') > name; at -= 2) {
      sorted[at] = sorted[at - 2] ?? '';
      sorted[at + 1] = sorted[at - 1] ?? '';
    }
    sorted[at] = name;
    sorted[at + 1] = pairs[from + 1] ?? '';
  }
  return sorted;
}
