import { isMetricData } from '../../otlp/count.ts';
import { METRIC, METRIC_DATA } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';
import type { TransformConfig } from './config.ts';
import { KeptLabels } from './kept-labels.ts';
import type { LabelFilter } from './label-filter.ts';
import { taker, type Matched } from './matched.ts';
import { shapeOf, type MetricDraft, type MetricShape } from './metric-draft.ts';
import { keepMatched } from './point-edit.ts';
import type { Workbench } from './workbench.ts';

/**
 * Makes one metric of the points of all, with the description, unit and kind of the first; undefined where they are too
 * different, which is noted.
 */
export function combiner(
  config: TransformConfig,
  filter: LabelFilter | undefined,
): (metrics: readonly Matched[], bench: Workbench) => MetricDraft | undefined {
  const keep = filter === undefined ? [] : [keepMatched(filter)];
  const take = taker(filter);
  const all = new KeptLabels(undefined);
  return (metrics, bench) => {
    const [first] = metrics;
    const refusal = refusalOf(metrics, bench);
    if (refusal !== undefined) bench.refusals.set(config, refusal);
    if (refusal !== undefined || first === undefined) return undefined;
    const { arena, pass } = bench;
    const combined = bench.add(first.draft);
    combined.rename(first.match.newName);
    join(combined, arena, (kind) => {
      for (const { draft, match } of metrics) pass.writePoints(draft, kind, [...keep, ...match.edits], arena);
    });
    for (const metric of metrics) take(metric, bench);
    bench.merge.run(combined, all, config.aggregation_type, arena);
    return combined;
  };
}

/** Gives the metric, which keeps everything else, other points. */
function join(combined: MetricDraft, arena: Writer, writePoints: (kind: number) => void): void {
  const from = arena.pos;
  const { bytes, start, end } = combined;
  const { kind } = shapeOf(combined);
  combined.writeFields(arena, isMetricData);
  if (kind !== 0) {
    const data = arena.begin(kind, end - start);
    for (metricAt.reset(bytes, start, end); metricAt.next();) {
      if (metricAt.field !== kind || metricAt.wireType !== LEN) continue;
      for (dataAt.enter(metricAt); dataAt.next();) {
        if (dataAt.field !== METRIC_DATA.dataPoints) arena.raw(bytes, dataAt.tagStart, dataAt.end);
      }
    }
    writePoints(kind);
    arena.end(data);
  }
  combined.setBytes(arena.buffer, from, arena.pos);
}

/** What keeps the metrics from being one. */
function refusalOf(metrics: readonly Matched[], bench: Workbench): string | undefined {
  const [first, ...others] = metrics;
  if (first === undefined || others.length === 0) return undefined;
  const shape = shapeOf(first.draft);
  for (const { draft } of others) {
    const found = shapeOf(draft);
    const reason = differenceOf(shape, found) ?? keyDifference(first.draft, draft, bench);
    if (reason !== undefined) return `${first.draft.name} and ${draft.name} ${reason}`;
  }
  return undefined;
}

function differenceOf(a: MetricShape, b: MetricShape): string | undefined {
  if (a.kind === METRIC.summary || b.kind === METRIC.summary)
    return 'are summaries, whose quantiles cannot be combined';
  if (a.kind !== b.kind) return 'are of different kinds';
  if (a.unit !== b.unit) return `have different units, "${a.unit}" and "${b.unit}"`;
  if (a.temporality !== b.temporality) return 'have different temporalities';
  return a.isMonotonic === b.isMonotonic ? undefined : 'are not both monotonic';
}

function keyDifference(a: MetricDraft, b: MetricDraft, bench: Workbench): string | undefined {
  const [keysA, keysB] = [keysOf(a, bench), keysOf(b, bench)];
  const different = [...keysA, ...keysB].filter((key) => !keysA.has(key) || !keysB.has(key));
  return different.length === 0 ? undefined : `do not both have the labels ${different.join(', ')}`;
}

/** The keys of the labels of all points. */
function keysOf(draft: MetricDraft, { pass }: Workbench): Set<string> {
  const keys = new Set<string>();
  pass.each(draft, (labels) => {
    for (let at = 0; at < labels.count; at++) keys.add(labels.key(at));
    return true;
  });
  return keys;
}

const metricAt = new Cursor();
const dataAt = new Cursor();
