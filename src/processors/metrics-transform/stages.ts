import type { LabelFilter } from './label-filter.ts';
import { KeptLabels } from './kept-labels.ts';
import type { MetricDraft } from './metric-draft.ts';
import type { Operation } from './operation-config.ts';
import { pointEdit, type PointEdit } from './point-edit.ts';
import type { Workbench } from './workbench.ts';

/** A step over all data points of a metric. */
export type Stage = (draft: MetricDraft, bench: Workbench) => void;

/** Operations that follow each other run over the points in one go, as far as none of them puts points together. */
export function compileStages(operations: readonly Operation[], filter: LabelFilter | undefined): Stage[] {
  const stages: Stage[] = [];
  let edits: PointEdit[] = [];
  const flush = (): void => {
    const together = edits;
    edits = [];
    if (together.length > 0) stages.push((draft, bench) => bench.pass.run(draft, together, bench.arena));
  };
  for (const operation of operations) {
    const edit = pointEdit(operation, filter);
    if (edit !== undefined) edits.push(edit);
    const merge = mergeStage(operation);
    if (merge === undefined) continue;
    flush();
    stages.push(merge);
  }
  flush();
  return stages;
}

function mergeStage({ action, label_set, aggregation_type: type = 'sum' }: Operation): Stage | undefined {
  if (action !== 'aggregate_labels' && action !== 'aggregate_label_values') return undefined;
  const kept = new KeptLabels(action === 'aggregate_labels' ? label_set : undefined);
  return (draft, bench) => bench.merge.run(draft, kept, type, bench.arena);
}

export function runStages(stages: readonly Stage[], draft: MetricDraft, bench: Workbench): void {
  for (const stage of stages) if (!draft.gone) stage(draft, bench);
}
