import type {
  ConnectorDefinition,
  ExporterDefinition,
  ExtensionDefinition,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../core/component.ts';

/** Every component that this build has. */
export interface Catalog {
  readonly receivers: readonly ReceiverDefinition[];
  readonly processors: readonly ProcessorDefinition[];
  readonly exporters: readonly ExporterDefinition[];
  readonly connectors: readonly ConnectorDefinition[];
  readonly extensions: readonly ExtensionDefinition[];
}

export const SECTIONS = ['receivers', 'processors', 'exporters', 'connectors', 'extensions'] as const;
export type Section = (typeof SECTIONS)[number];

/** What one component of a section is called. */
export const SINGULAR = {
  receivers: 'receiver',
  processors: 'processor',
  exporters: 'exporter',
  connectors: 'connector',
  extensions: 'extension',
} as const satisfies Record<Section, string>;

/** What makes a definition findable. */
export interface Named {
  readonly type: string;
  readonly aliases: readonly string[];
}

/** Type names by which a configuration may call a component of `section`. */
export function typesOf(definitions: readonly Named[]): readonly string[] {
  return definitions.flatMap(({ type, aliases }) => [type, ...aliases]);
}

export function findDefinition<D extends Named>(definitions: readonly D[], type: string): D | undefined {
  return definitions.find((definition) => definition.type === type || definition.aliases.includes(type));
}

/** `traces, logs`; of a connector `traces to metrics`. */
export function signalsText({ kind, signals, makes }: Catalog[Section][number]): string {
  if (kind !== 'connector') return signals.join(', ');
  return signals.map((signal) => `${signal} to ${(makes[signal] ?? []).join(' and ')}`).join(', ');
}
