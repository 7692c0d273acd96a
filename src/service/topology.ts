import type { Plan, PipelinePlan } from '../config/plan.ts';
import type { Signal } from '../core/signal.ts';

/**
 * Pipelines by how many connectors data has gone through before it comes to them:
 *
 *   level 0                        level 1
 *   receiver ──► traces ──► span_metrics ──► metrics ──► exporter
 *                       └─► exporter
 *
 * A connector belongs to the last level that gives to it. Data goes from low levels to high ones, never within one, so
 * that this is the order of stopping, and the other way round that of building and starting.
 */
export interface Level {
  readonly pipelines: readonly PipelinePlan[];
  readonly connectors: readonly ConnectorPlace[];
}

/** One instance of a connector: it has one for each signal that pipelines give to it. */
export interface ConnectorPlace {
  readonly id: string;
  readonly signal: Signal;
  readonly makes: readonly Signal[];
}

type Parts = Pick<Plan, 'pipelines' | 'connectors'>;

/** The pipelines form no circle: the plan sees to that. */
export function levelsOf(plan: Parts): readonly Level[] {
  const depths = new Map<PipelinePlan, number>();
  const depthOf = (pipeline: PipelinePlan): number => {
    const known = depths.get(pipeline);
    if (known !== undefined) return known;
    const depth = Math.max(-1, ...feedersOf(plan, pipeline).map(depthOf)) + 1;
    depths.set(pipeline, depth);
    return depth;
  };
  const places = placesOf(plan).map((place) => ({
    place,
    depth: Math.max(...plan.pipelines.filter((each) => feeds(each, place)).map(depthOf)),
  }));
  const count = Math.max(-1, ...plan.pipelines.map(depthOf)) + 1;
  return Array.from({ length: count }, (_, level) => ({
    pipelines: plan.pipelines.filter((pipeline) => depthOf(pipeline) === level),
    connectors: places.filter(({ depth }) => depth === level).map(({ place }) => place),
  }));
}

function placesOf({ pipelines, connectors }: Parts): ConnectorPlace[] {
  return [...connectors].flatMap(([id, { definition }]) =>
    definition.signals.flatMap((signal) => {
      const place = { id, signal, makes: definition.makes[signal] ?? [] };
      return pipelines.some((pipeline) => feeds(pipeline, place)) ? [place] : [];
    }),
  );
}

function feeds({ signal, exporters }: PipelinePlan, place: ConnectorPlace): boolean {
  return signal === place.signal && exporters.includes(place.id);
}

function feedersOf({ pipelines, connectors }: Parts, { signal, receivers }: PipelinePlan): PipelinePlan[] {
  return pipelines.filter((other) =>
    receivers.some((id) => {
      const made = connectors.get(id)?.definition.makes[other.signal] ?? [];
      return other.exporters.includes(id) && made.includes(signal);
    }),
  );
}
