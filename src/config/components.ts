import type {
  Connector,
  ConnectorContext,
  Definition,
  Exporter,
  ExporterContext,
  Extension,
  ExtensionContext,
  Prepared,
  Processor,
  ProcessorContext,
  Receiver,
  ReceiverContext,
} from '../core/component.ts';
import { findDefinition, SINGULAR, typesOf, type Named, type Section } from './catalog.ts';
import { checkSchema } from './check-schema.ts';
import { adviceInstead } from './known-components.ts';
import { child, keyPlace, type ConfigNode } from './positions.ts';
import type { Problems } from './problem.ts';
import { didYouMean } from './suggest.ts';

/** A component as the configuration describes it, checked but not created. */
export interface Planned<Kind extends string, Context, Instance> {
  /** As the configuration writes it. */
  readonly id: string;
  readonly definition: Definition<Kind, Context, Instance>;
  readonly prepared: Prepared<Context, Instance>;
  /** What the schema was given: expanded, before defaults. */
  readonly raw: unknown;
}

export type PlannedReceiver = Planned<'receiver', ReceiverContext, Receiver>;
export type PlannedProcessor = Planned<'processor', ProcessorContext, Processor>;
export type PlannedExporter = Planned<'exporter', ExporterContext, Exporter>;
export type PlannedConnector = Planned<'connector', ConnectorContext, Connector>;
export type PlannedExtension = Planned<'extension', ExtensionContext, Extension>;

/** A configuration while it is checked. */
export interface Draft {
  readonly root: ConfigNode;
  readonly problems: Problems;
}

const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
const NAME = /^[^\s\p{C}\p{S}]{1,1024}$/u;

/** The type of an id `type` or `type/name`; undefined when it is not one. */
export function typeOfId(id: string): string | undefined {
  const slash = id.indexOf('/');
  const type = slash < 0 ? id : id.slice(0, slash);
  return TYPE.test(type) && (slash < 0 || NAME.test(id.slice(slash + 1))) ? type : undefined;
}

/** Every id that a section names, whether or not what stands under it is right. */
export function idsOf(root: ConfigNode, section: string): ReadonlySet<string> {
  const node = child(root, section);
  return new Set(node?.kind === 'map' ? node.entries.keys() : []);
}

/** Checks one section; components with problems are reported and left out. */
export function planSection<Kind extends string, Context, Instance>(
  { root, problems }: Draft,
  section: Section,
  definitions: readonly Definition<Kind, Context, Instance>[],
): ReadonlyMap<string, Planned<Kind, Context, Instance>> {
  const planned = new Map<string, Planned<Kind, Context, Instance>>();
  for (const id of idsOf(root, section)) {
    const definition = definitionOf({ root, problems }, [section, id], definitions);
    if (definition === undefined) continue;
    const subject = { root, base: [section, id], schema: definition.schema, problems };
    const checked = checkSchema(subject, (raw) => outcomeOf(definition, raw));
    if (checked !== undefined) planned.set(id, { id, definition, prepared: checked.value, raw: checked.raw });
  }
  return planned;
}

function outcomeOf<Context, Instance>(definition: Definition<string, Context, Instance>, raw: unknown) {
  const parsed = definition.parse(raw);
  return parsed.ok ? { ok: true as const, value: parsed.prepared } : parsed;
}

function definitionOf<D extends Named>(
  { root, problems }: Draft,
  path: readonly [Section, string],
  definitions: readonly D[],
): D | undefined {
  const [section, id] = path;
  const at = keyPlace(root, path);
  const type = typeOfId(id);
  if (type === undefined) {
    const suggestion = 'write type or type/name, without spaces or symbols in the name';
    problems.error(at, path, `"${id}" is not an id`, suggestion);
    return undefined;
  }
  const definition = findDefinition(definitions, type);
  if (definition !== undefined) return definition;
  const what = SINGULAR[section];
  const advice = adviceInstead(section, type);
  if (advice !== undefined) {
    problems.error(at, path, `the Collector's ${what} "${type}" is not available in Remora`, advice);
    return undefined;
  }
  const types = typesOf(definitions);
  const suggestion = didYouMean(type, types) ?? `the ${section} here are ${types.join(', ')}`;
  problems.error(at, path, `unknown ${what} type "${type}"`, suggestion);
  return undefined;
}
