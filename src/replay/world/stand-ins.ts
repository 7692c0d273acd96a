import type { Plan } from '../../config/plan.ts';
import type { Exporter, Extension } from '../../core/component.ts';
import { ACCEPTED } from '../../core/verdict.ts';
import { isSending } from '../counted-exporters.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { ScriptedUpstream } from './upstream.ts';

/**
 * The same configuration without what touches the machine: storage is in memory, extensions that listen do nothing, there
 * is no page of self metrics, and exporters that write elsewhere than to a socket give what they would write to `upstream`.
 */
export function withStandIns(plan: Plan, upstream: ScriptedUpstream): Plan {
  return {
    ...plan,
    exporters: new Map(Array.from(plan.exporters, ([id, planned]) => [id, standInExporter(planned, id, upstream)])),
    extensionsById: new Map(Array.from(plan.extensionsById, ([id, planned]) => [id, standInExtension(planned)])),
    telemetry: { ...plan.telemetry, metrics: { ...plan.telemetry.metrics, level: 'none' } },
  };
}

type PlannedExporter = Plan['exporters'] extends ReadonlyMap<string, infer P> ? P : never;
type PlannedExtension = Plan['extensionsById'] extends ReadonlyMap<string, infer P> ? P : never;

function standInExporter(planned: PlannedExporter, exporterId: string, upstream: ScriptedUpstream): PlannedExporter {
  if (isSending(planned.definition.type)) return planned;
  const exporter: Exporter = {
    send({ signal, items, chunks }) {
      upstream.take({ exporterId, signal, items, chunks });
      return Promise.resolve(ACCEPTED);
    },
  };
  return { ...planned, prepared: { ...planned.prepared, create: () => exporter } };
}

function standInExtension(planned: PlannedExtension): PlannedExtension {
  const { definition, prepared } = planned;
  if (definition.stores)
    return { ...planned, prepared: { ...prepared, create: (context) => new MemoryStorage(context) } };
  const listens = prepared.resources.some(({ kind }) => kind === 'listen');
  return listens ? { ...planned, prepared: { ...prepared, create: () => NOTHING } } : planned;
}

const NOTHING: Extension = {};
