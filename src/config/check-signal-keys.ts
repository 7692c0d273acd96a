import type { SignalKeys } from '../core/component.ts';
import { SIGNALS, type Signal } from '../core/signal.ts';
import type { Draft } from './components.ts';
import type { PipelinePlan } from './pipelines.ts';
import { keyPlace, valuePlace } from './positions.ts';
import { isRecord } from './records.ts';

/** A processor that passed its schema, as far as it matters here. */
export interface Settled {
  readonly definition: { readonly signalKeys: SignalKeys };
  readonly prepared: { readonly config: unknown };
}

/**
 * Settings that are for pipelines of one signal: without them the processor would do nothing there, and without such a
 * pipeline they do nothing themselves.
 */
export function checkSignalKeys(
  draft: Draft,
  pipelines: readonly PipelinePlan[],
  processors: ReadonlyMap<string, Settled>,
): void {
  for (const [id, { definition, prepared }] of processors) {
    for (const signal of SIGNALS) {
      const key = definition.signalKeys[signal];
      if (key === undefined) continue;
      const isSet = isRecord(prepared.config) && prepared.config[key] !== undefined;
      const uses = pipelines.filter((pipeline) => pipeline.signal === signal && pipeline.processors.includes(id));
      if (!isSet) for (const pipeline of uses) complainOf(draft, pipeline, id, key);
      else if (uses.length === 0) warnOf(draft, id, key, signal);
    }
  }
}

function complainOf(
  { root, problems }: Draft,
  { id: pipeline, processors, signal }: PipelinePlan,
  id: string,
  key: string,
): void {
  const path = ['service', 'pipelines', pipeline, 'processors', processors.indexOf(id)];
  const message = `"${id}" says nothing of ${key}, and would do nothing with ${signal}`;
  problems.error(valuePlace(root, path), path, message, `set ${key} in it, or take it out of this pipeline`);
}

function warnOf({ root, problems }: Draft, id: string, key: string, signal: Signal): void {
  const path = ['processors', id, key];
  const message = `${key} does nothing: "${id}" is in no pipeline of ${signal}`;
  problems.warn(keyPlace(root, path), path, message, `name it in a pipeline of ${signal}`);
}
