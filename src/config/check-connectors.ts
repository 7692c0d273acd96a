import type { Makes } from '../core/component.ts';
import type { Signal } from '../core/signal.ts';
import { idsOf, type Draft } from './components.ts';
import { isMisspeltIn, type PipelinePlan } from './pipelines.ts';
import { keyPlace, valuePlace } from './positions.ts';

/** What a connector makes; undefined for one of a type that there is not, which has been complained about. */
export type MakesOf = (id: string) => Makes | undefined;

/** A connector stands on both sides, in pipelines whose signals go together, and the pipelines form no circle. */
export function checkConnectors(draft: Draft, pipelines: readonly PipelinePlan[], makesOf: MakesOf): void {
  const connectors = idsOf(draft.root, 'connectors');
  for (const id of connectors) {
    const makes = makesOf(id);
    if (makes !== undefined) checkSides(draft, pipelines, id, makes);
  }
  const cycle = findCycle(pipelines, connectors, makesOf);
  if (cycle === undefined) return;
  const [from, by] = [cycle[0] ?? '', cycle[1] ?? ''];
  const at = pipelines.find(({ id }) => id === from)?.exporters.indexOf(by) ?? 0;
  const path = ['service', 'pipelines', from, 'exporters', at];
  const message = `data would go round in a circle: ${cycle.join(' -> ')}`;
  draft.problems.error(valuePlace(draft.root, path), path, message, `take "${by}" out of one of these pipelines`);
}

function checkSides({ root, problems }: Draft, pipelines: readonly PipelinePlan[], id: string, makes: Makes): void {
  const into = pipelines.filter(({ exporters }) => exporters.includes(id));
  const from = pipelines.filter(({ receivers }) => receivers.includes(id));
  const path = ['connectors', id];
  const complain = (message: string, advice: string): void => {
    problems.error(keyPlace(root, path), path, message, advice);
  };
  if (into.length === 0 && from.length > 0) {
    if (isMisspeltIn(root, pipelines, 'exporters', id)) return;
    complain(
      'no pipeline has this connector among its exporters',
      'a connector is an exporter of one pipeline and a receiver of another',
    );
  } else if (from.length === 0 && into.length > 0) {
    if (isMisspeltIn(root, pipelines, 'receivers', id)) return;
    complain(
      'no pipeline has this connector among its receivers',
      'a connector is an exporter of one pipeline and a receiver of another',
    );
  }
  if (into.length === 0 || from.length === 0) return;
  const taken = new Set(into.map(({ signal }) => signal).filter((signal) => makes[signal] !== undefined));
  for (const signal of taken) {
    const made = makes[signal] ?? [];
    if (from.some((pipeline) => made.includes(pipeline.signal))) continue;
    complain(`no pipeline takes the ${made.join(' or ')} that it makes of ${signal}`, `add it to the receivers of one`);
  }
  const made = new Set<Signal>([...taken].flatMap((signal) => makes[signal] ?? []));
  const makers = new Set<Signal>(Object.values(makes).flat());
  for (const signal of new Set(from.map((pipeline) => pipeline.signal))) {
    if (made.has(signal) || !makers.has(signal)) continue;
    complain(`no pipeline gives it what it makes ${signal} of`, 'add it to the exporters of one');
  }
}

/** Pipelines and connectors by turns, the first pipeline again at the end; undefined when there is none. */
function findCycle(
  pipelines: readonly PipelinePlan[],
  connectors: ReadonlySet<string>,
  makesOf: MakesOf,
): readonly string[] | undefined {
  const done = new Set<PipelinePlan>();
  const visit = (pipeline: PipelinePlan, trail: readonly string[]): readonly string[] | undefined => {
    const before = trail.indexOf(pipeline.id);
    if (before >= 0) return [...trail.slice(before), pipeline.id];
    if (done.has(pipeline)) return undefined;
    for (const id of pipeline.exporters.filter((each) => connectors.has(each))) {
      const made = makesOf(id)?.[pipeline.signal] ?? [];
      for (const next of pipelines.filter(({ signal, receivers }) => made.includes(signal) && receivers.includes(id))) {
        const cycle = visit(next, [...trail, pipeline.id, id]);
        if (cycle !== undefined) return cycle;
      }
    }
    done.add(pipeline);
    return undefined;
  };
  for (const pipeline of pipelines) {
    const cycle = visit(pipeline, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
