import type { PlainObject } from '../../support/otlp-proto.ts';
import type { Normalized } from './bed.ts';
import { merged, type Point } from './reference-merge.ts';

/** What metrics_transform does, on decoded requests: slow, and as directly as its page says it. */

export interface Transform {
  readonly include: string;
  readonly match_type?: 'strict' | 'regexp';
  readonly experimental_match_labels?: Readonly<Record<string, string>>;
  readonly action: 'update' | 'insert' | 'combine' | 'group';
  readonly new_name?: string;
  readonly group_resource_labels?: Readonly<Record<string, string>>;
  readonly aggregation_type?: string;
  readonly submatch_case?: 'lower' | 'upper';
  readonly operations?: readonly Operation[];
}

export interface Operation {
  readonly action: string;
  readonly label?: string;
  readonly new_label?: string;
  readonly label_set?: readonly string[];
  readonly aggregation_type?: string;
  readonly aggregated_values?: readonly string[];
  readonly new_value?: string;
  readonly value_actions?: readonly { readonly value: string; readonly new_value: string }[];
  readonly experimental_scale?: number;
  readonly label_value?: string;
}

const KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const;
type Kind = (typeof KINDS)[number];

/** Metrics and points are changed in place. */
export function transformed(request: Normalized, transforms: readonly Transform[]): Normalized {
  const grouped: Normalized['resourceMetrics'] = [];
  const resources = request.resourceMetrics.flatMap((resource) => {
    const scopes = resource.scopeMetrics.flatMap((scope) => {
      let { metrics } = scope;
      for (const transform of transforms) {
        const result = run(transform, metrics);
        metrics = result.metrics;
        if (result.grouped.length === 0) continue;
        const labels = Object.entries(transform.group_resource_labels ?? {});
        grouped.push({
          ...resource,
          resource: labels.reduce(
            (inner, [key, value]) => ({ ...inner, attributes: put(inner.attributes, key, value) }),
            resource.resource as Point,
          ),
          scopeMetrics: [{ ...scope, metrics: result.grouped }],
        });
      }
      return metrics.length === 0 && scope.metrics.length > 0 ? [] : [{ ...scope, metrics }];
    });
    return scopes.length === 0 && resource.scopeMetrics.length > 0 ? [] : [{ ...resource, scopeMetrics: scopes }];
  });
  return { resourceMetrics: [...resources, ...grouped] };
}

interface Result {
  readonly metrics: PlainObject[];
  readonly grouped: PlainObject[];
}

function run(transform: Transform, metrics: readonly PlainObject[]): Result {
  const found = metrics.filter((metric) => matchOf(transform, metric.name as string) !== undefined);
  const matching = found.filter((metric) => pointsOf(metric).length === 0 || split(transform, metric)[0].length > 0);
  switch (transform.action) {
    case 'update':
      return {
        metrics: metrics.flatMap((metric) => (matching.includes(metric) ? update(transform, metric) : [metric])),
        grouped: [],
      };
    case 'insert': {
      const copies = matching.flatMap((metric) => {
        const copy = structuredClone(withPoints(metric, split(transform, metric)[0]));
        copy.name = nameOf(transform, copy.name as string);
        return operated(transform, copy, transform.operations ?? []);
      });
      return { metrics: [...metrics, ...copies], grouped: [] };
    }
    case 'combine':
      return { metrics: combine(transform, metrics, matching), grouped: [] };
    case 'group':
      return {
        metrics: rest(transform, metrics, matching),
        grouped: matching.map((metric) => withPoints(metric, split(transform, metric)[0])),
      };
  }
}

function update(transform: Transform, metric: PlainObject): PlainObject[] {
  const isWhole = split(transform, metric)[1].length === 0;
  if (isWhole) metric.name = nameOf(transform, metric.name as string);
  const forSome = ['update_label', 'toggle_scalar_data_type', 'experimental_scale_value'];
  const operations = (transform.operations ?? []).filter(({ action }) => isWhole || forSome.includes(action));
  return operated(transform, metric, operations);
}

function combine(
  transform: Transform,
  metrics: readonly PlainObject[],
  matching: readonly PlainObject[],
): PlainObject[] {
  const [first] = matching;
  if (first === undefined || !canBeCombined(matching)) return [...metrics];
  const points = matching.flatMap((metric) => {
    const groups = Object.entries(matchOf(transform, metric.name as string)!);
    return split(transform, metric)[0].map((point) =>
      groups.reduce((labelled, [label, text]) => {
        const value =
          transform.submatch_case === 'upper'
            ? text.toUpperCase()
            : transform.submatch_case === 'lower'
              ? text.toLowerCase()
              : text;
        return value === '' ? labelled : { ...labelled, attributes: put(labelled.attributes, label, value) };
      }, structuredClone(point)),
    );
  });
  const combined: PlainObject = { ...structuredClone(withPoints(first, [])), name: transform.new_name };
  const whole = mergedMetric(withPoints(combined, points), undefined, transform.aggregation_type ?? 'sum');
  return [...rest(transform, metrics, matching), ...operated(transform, whole, transform.operations ?? [])];
}

function canBeCombined(metrics: readonly PlainObject[]): boolean {
  if (metrics.length < 2) return true;
  if (metrics.some((metric) => kindOf(metric) === 'summary')) return false;
  const shapes = metrics.map((metric) => {
    const { aggregationTemporality, isMonotonic } = dataOf(metric);
    const keys = new Set(pointsOf(metric).flatMap(({ attributes }) => attributes.map(({ key }) => key)));
    return JSON.stringify([kindOf(metric), metric.unit, aggregationTemporality, isMonotonic, [...keys].sort()]);
  });
  return new Set(shapes).size === 1;
}

/** The metrics without the points that are taken. */
function rest(transform: Transform, metrics: readonly PlainObject[], taken: readonly PlainObject[]): PlainObject[] {
  return metrics.flatMap((metric) => {
    if (!taken.includes(metric)) return [metric];
    const left = split(transform, metric)[1];
    return left.length === 0 ? [] : [withPoints(metric, left)];
  });
}

function operated(transform: Transform, metric: PlainObject, operations: readonly Operation[]): PlainObject[] {
  const wasEmpty = pointsOf(metric).length === 0;
  let current = metric;
  for (const operation of operations) current = operate(transform, current, operation);
  return !wasEmpty && pointsOf(current).length === 0 ? [] : [current];
}

function operate(transform: Transform, metric: PlainObject, operation: Operation): PlainObject {
  const { label = '', new_label: newLabel = '', new_value: newValue = '' } = operation;
  const points = pointsOf(metric);
  const isMeant = (point: Point): boolean => isMatch(transform, point);
  switch (operation.action) {
    case 'add_label':
      return withPoints(
        metric,
        points.map((point) =>
          has(point, newLabel) ? point : { ...point, attributes: put(point.attributes, newLabel, newValue) },
        ),
      );
    case 'update_label':
      return withPoints(
        metric,
        points.map((point) => (isMeant(point) && has(point, label) ? relabel(point, operation) : point)),
      );
    case 'delete_label_value':
      return withPoints(
        metric,
        points.filter((point) => !has(point, label) || textOf(point, label) !== operation.label_value),
      );
    case 'toggle_scalar_data_type':
      return withPoints(
        metric,
        points.map((point) => (isMeant(point) ? toggled(point) : point)),
      );
    case 'experimental_scale_value':
      return withPoints(
        metric,
        points.map((point) =>
          isMeant(point) ? scaled(kindOf(metric), point, operation.experimental_scale ?? 1) : point,
        ),
      );
    case 'aggregate_labels':
      return mergedMetric(metric, operation.label_set, operation.aggregation_type ?? 'sum');
    case 'aggregate_label_values': {
      const values = operation.aggregated_values ?? [];
      const replaced = points.map((point) =>
        has(point, label) && values.includes(textOf(point, label))
          ? { ...point, attributes: put(point.attributes, label, newValue) }
          : point,
      );
      return mergedMetric(withPoints(metric, replaced), undefined, operation.aggregation_type ?? 'sum');
    }
    default:
      throw new Error(`There is no ${operation.action}.`);
  }
}

function mergedMetric(metric: PlainObject, kept: readonly string[] | undefined, type: string): PlainObject {
  const kind = kindOf(metric);
  if (kind === undefined || kind === 'summary') return metric;
  const points = pointsOf(metric).map((point) => ({
    ...point,
    attributes: point.attributes.filter(({ key }) => kept === undefined || kept.includes(key)),
  }));
  return withPoints(metric, merged(kind, points, type, dataOf(metric).aggregationTemporality === 1));
}

function relabel(
  point: Point,
  { label = '', new_label: newLabel = '', value_actions: actions = [] }: Operation,
): Point {
  const key = newLabel === '' ? label : newLabel;
  const value = point.attributes.find((attribute) => attribute.key === label)!.value;
  const action = actions.find(({ value: from }) => from === textOf(point, label));
  const others = point.attributes.filter((attribute) => attribute.key !== label && attribute.key !== key);
  const renamed = action === undefined ? value : { stringValue: action.new_value };
  return { ...point, attributes: [...others, { key, value: renamed }] };
}

function toggled(point: Point): Point {
  const { asInt, asDouble, ...others } = point;
  if (asInt !== undefined) return { ...others, asDouble: Number(asInt) };
  if (asDouble === undefined) return point;
  return { ...others, asInt: String(BigInt(Math.trunc(asDouble))) };
}

function scaled(kind: Kind | undefined, point: Point, factor: number): Point {
  if (kind === 'summary' || kind === undefined) return point;
  if (kind !== 'gauge' && kind !== 'sum' && factor < 0) return point;
  const result: Point = { ...point };
  if (result.asInt !== undefined) result.asInt = String(BigInt(Math.trunc(Number(result.asInt) * factor)));
  if (result.asDouble !== undefined) result.asDouble *= factor;
  for (const key of ['sum', 'min', 'max', 'zeroThreshold'] as const) {
    const value = result[key];
    if (value !== undefined) result[key] = value * factor;
  }
  if (result.explicitBounds !== undefined) result.explicitBounds = result.explicitBounds.map((bound) => bound * factor);
  for (const sign of ['positive', 'negative'] as const) {
    const side = result[sign];
    if (side === undefined || side === null || side.bucketCounts.length === 0) continue;
    // The middle of its first bucket, scaled, says where the first bucket goes.
    const base = 2 ** (2 ** -(result.scale ?? 0));
    const middle = ((base ** side.offset + base ** (side.offset + 1)) / 2) * factor;
    result[sign] = { ...side, offset: Math.ceil(Math.log2(middle) * 2 ** (result.scale ?? 0)) - 1 };
  }
  result.exemplars = point.exemplars.map((exemplar) =>
    exemplar.asDouble === undefined ? exemplar : { ...exemplar, asDouble: exemplar.asDouble * factor },
  );
  return result;
}

// Matching

/** What the groups of include matched, by the label they would become; undefined when the name does not match. */
function matchOf({ include, match_type: type }: Transform, name: string): Record<string, string> | undefined {
  if (type !== 'regexp') return name === include ? {} : undefined;
  const match = new RegExp(include).exec(name);
  if (match === null) return undefined;
  const names = new Map(Object.entries(match.groups ?? {}).map(([label, text]) => [text, label]));
  return Object.fromEntries(match.slice(1).map((text, index) => [names.get(text) ?? `$${index + 1}`, text]));
}

function nameOf({ include, match_type: type, new_name: newName = '' }: Transform, name: string): string {
  if (newName === '') return name;
  return type === 'regexp'
    ? newName.replaceAll(/\$\{?(\d)\}?/g, (_, group: string) => new RegExp(include).exec(name)![Number(group)]!)
    : newName;
}

function isMatch({ experimental_match_labels: labels = {}, match_type: type }: Transform, point: Point): boolean {
  return Object.entries(labels).every(([label, expected]) =>
    type === 'regexp' ? new RegExp(expected).test(textOf(point, label)) : textOf(point, label) === expected,
  );
}

/** The points that are meant, and the others. */
function split(transform: Transform, metric: PlainObject): [Point[], Point[]] {
  const points = pointsOf(metric);
  return [points.filter((point) => isMatch(transform, point)), points.filter((point) => !isMatch(transform, point))];
}

// Objects

type Attributes = Point['attributes'];

const has = ({ attributes }: Point, label: string): boolean => attributes.some(({ key }) => key === label);

function textOf({ attributes }: Point, label: string): string {
  const value = attributes.find(({ key }) => key === label)?.value;
  return typeof value?.stringValue === 'string' ? value.stringValue : '';
}

function put(attributes: Attributes, key: string, text: string): Attributes {
  return [...attributes.filter((attribute) => attribute.key !== key), { key, value: { stringValue: text } }];
}

interface Data {
  readonly dataPoints: Point[];
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}

export function kindOf(metric: PlainObject): Kind | undefined {
  return KINDS.find((kind) => metric[kind] !== undefined && metric[kind] !== null);
}

function dataOf(metric: PlainObject): Data {
  const kind = kindOf(metric);
  return kind === undefined ? { dataPoints: [] } : (metric[kind] as Data);
}

export function pointsOf(metric: PlainObject): Point[] {
  return dataOf(metric).dataPoints;
}

function withPoints(metric: PlainObject, dataPoints: Point[]): PlainObject {
  const kind = kindOf(metric);
  return kind === undefined ? metric : { ...metric, [kind]: { ...dataOf(metric), dataPoints } };
}
