import { combiner } from './combine.ts';
import type { TransformConfig } from './config.ts';
import { labelFilter, type LabelFilter } from './label-filter.ts';
import { matchedMetrics, taker, type Matched } from './matched.ts';
import { NameFilter } from './name-filter.ts';
import type { Operation } from './operation-config.ts';
import { keepMatched, type PointEdit } from './point-edit.ts';
import { compileStages, runStages } from './stages.ts';
import type { Workbench } from './workbench.ts';

/** One transform, ready to run over the metrics of a scope. */
export interface Rule {
  readonly names: NameFilter;
  run(bench: Workbench): void;
}

/** Does with all metrics that a transform means, of one scope, what its action says. */
type Act = (metrics: readonly Matched[], bench: Workbench) => void;

export function compileRule(config: TransformConfig): Rule {
  const names = new NameFilter(config);
  const filter = labelFilter(config);
  const act = ACTS[config.action](config, filter);
  return {
    names,
    run(bench) {
      const metrics = matchedMetrics(bench, names, filter);
      if (metrics.length > 0) act(metrics, bench);
    },
  };
}

type MakeAct = (config: TransformConfig, filter: LabelFilter | undefined) => Act;

const ACTS: Readonly<Record<TransformConfig['action'], MakeAct>> = {
  update: updater,
  insert: inserter,
  combine: (config, filter) => {
    const stages = compileStages(config.operations, filter);
    const combine = combiner(config, filter);
    return (metrics, bench) => {
      const combined = combine(metrics, bench);
      if (combined !== undefined) runStages(stages, combined, bench);
    };
  },
  group: grouper,
};

/** As in the Collector, a metric of which only some points are meant keeps its name and all of its points. */
function updater({ operations }: TransformConfig, filter: LabelFilter | undefined): Act {
  const ofAll = compileStages(operations, filter);
  const ofSome = compileStages(operations.filter(isForSome), filter);
  return (metrics, bench) => {
    for (const { draft, match, share } of metrics) {
      if (share === 'all') draft.rename(match.newName);
      runStages(share === 'all' ? ofAll : ofSome, draft, bench);
    }
  };
}

function isForSome({ action }: Operation): boolean {
  return action === 'update_label' || action === 'toggle_scalar_data_type' || action === 'experimental_scale_value';
}

function inserter({ operations }: TransformConfig, filter: LabelFilter | undefined): Act {
  const stages = compileStages(operations, filter);
  const keep = keepOf(filter);
  return (metrics, bench) => {
    for (const { draft, match, share } of metrics) {
      const copy = bench.add(draft);
      if (share === 'some') bench.pass.select(copy, keep, bench.arena);
      bench.made += bench.pass.count(copy);
      copy.rename(match.newName);
      runStages(stages, copy, bench);
    }
  };
}

function grouper(config: TransformConfig, filter: LabelFilter | undefined): Act {
  const labels = Object.entries(config.group_resource_labels ?? {});
  const [keep, take] = [keepOf(filter), taker(filter)];
  return (metrics, bench) => {
    const moved = metrics.map((metric) => {
      const draft = metric.draft.clone();
      if (metric.share === 'some') bench.pass.select(draft, keep, bench.arena);
      take(metric, bench);
      return draft;
    });
    bench.groups.push({ labels, metrics: moved });
  };
}

function keepOf(filter: LabelFilter | undefined): PointEdit {
  return filter === undefined ? () => true : keepMatched(filter);
}
