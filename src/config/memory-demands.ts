import { queueMemoryBytes, type SendingSettings } from '../core/sending.ts';
import type { Signal } from '../core/signal.ts';
import type { Section } from './catalog.ts';
import type { Planned, PlannedExporter } from './components.ts';
import type { MemoryDemand } from './memory-budget.ts';
import type { PipelinePlan } from './pipelines.ts';
import { isRecord } from './records.ts';

type Components = ReadonlyMap<string, Planned<string, never, unknown>>;

/** The parts of a plan that hold memory. */
export interface Holders {
  readonly receivers: Components;
  readonly processors: Components;
  readonly exporters: ReadonlyMap<string, PlannedExporter>;
  readonly connectors: Components;
  readonly extensionsById: Components;
  readonly pipelines: readonly PipelinePlan[];
}

/** Everything that holds memory, with what it asks for: queues first, then what components claim themselves. */
export function memoryDemands(holders: Holders): readonly MemoryDemand[] {
  const { receivers, processors, exporters, connectors, extensionsById, pipelines } = holders;
  const once = (): number => 1;
  return [
    ...queueDemands(holders),
    ...claimsOf('extensions', extensionsById, once),
    ...claimsOf('receivers', receivers, once),
    ...claimsOf('processors', processors, (id) => pipelines.filter((one) => one.processors.includes(id)).length),
    ...claimsOf('exporters', exporters, once),
    ...claimsOf('connectors', connectors, (id) => signalsGivenTo(id, pipelines).size),
  ];
}

function claimsOf(section: Section, components: Components, count: (id: string) => number): MemoryDemand[] {
  return [...components.values()].flatMap(({ id, prepared }) =>
    (prepared.memory ?? []).map(({ share, bytes, path }) => ({
      share,
      bytes,
      path: [section, id, ...path],
      count: count(id),
    })),
  );
}

/** An exporter has a queue, and a connector an instance, for each of them. */
function signalsGivenTo(id: string, pipelines: readonly PipelinePlan[]): ReadonlySet<Signal> {
  return new Set(pipelines.filter(({ exporters }) => exporters.includes(id)).map(({ signal }) => signal));
}

function queueDemands({ exporters, pipelines }: Holders): MemoryDemand[] {
  return [...exporters.values()].flatMap(({ id, prepared, raw }) => {
    const { sending } = prepared;
    if (sending?.sending_queue.enabled !== true) return [];
    const signals = signalsGivenTo(id, pipelines);
    const path = ['exporters', id, 'sending_queue'];
    return [{ share: 'queues', path, count: signals.size, bytes: writtenBytes(sending, raw) }];
  });
}

/** What the configuration itself says of the memory of a queue; undefined when it leaves that open. */
function writtenBytes({ sending_queue: queue }: SendingSettings, raw: unknown): number | undefined {
  const written = isRecord(raw) && isRecord(raw['sending_queue']) ? raw['sending_queue']['max_bytes'] : undefined;
  const isOpen = queue.storage === undefined && (written === undefined || written === null);
  return isOpen ? undefined : queueMemoryBytes(queue);
}
