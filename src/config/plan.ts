import { createHash } from 'node:crypto';
import { findDefinition, SINGULAR, type Catalog, type Section } from './catalog.ts';
import { checkConnectors } from './check-connectors.ts';
import { checkSignalKeys } from './check-signal-keys.ts';
import { warnOfMetadata } from './check-metadata.ts';
import { warnOfQueues } from './check-queues.ts';
import {
  checkDirectories,
  checkExporters,
  checkExtensions,
  checkPorts,
  checkTraceSamplers,
  type Claim,
} from './check-resources.ts';
import {
  idsOf,
  planSection,
  typeOfId,
  type Draft,
  type Planned,
  type PlannedConnector,
  type PlannedExporter,
  type PlannedExtension,
  type PlannedProcessor,
  type PlannedReceiver,
} from './components.ts';
import type { AnyDefinition, Resource } from '../core/component.ts';
import { effectiveConfig } from './effective.ts';
import { Expander } from './expand.ts';
import { planMemory, type MemoryBudget } from './memory-budget.ts';
import { memoryDemands } from './memory-demands.ts';
import { mergeNodes } from './merge.ts';
import { planPipelines, type PipelinePlan } from './pipelines.ts';
import { keyPlace, mapNode, toValue, type ConfigNode } from './positions.ts';
import { Problems, type Problem } from './problem.ts';
import { checkService, checkStarted, checkTop } from './service.ts';
import { serviceSettings, type ServiceSettings } from './service-settings.ts';
import { applySet, parseSource, readSource, readUtf8, type Providers, type Source } from './source.ts';
import { availableMemory, type AvailableMemory } from '../telemetry/memory.ts';
import { telemetrySettings, type TelemetrySettings } from './telemetry-settings.ts';

export interface LoadOptions {
  /** `--config` values, in order: a path, `file:path`, `env:NAME` or `yaml:text`. */
  readonly configs: readonly string[];
  /** `--set` values, in order: `a.b=c` or `a::b=c`. */
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly catalog: Catalog;
  readonly readFile?: (path: string) => Promise<string>;
  /** False leaves the file system alone: for replay, and for checking a file meant for another machine. */
  readonly checkDirectories?: boolean;
  /** What there is where the configuration sets no limit; this process's when absent. */
  readonly available?: AvailableMemory;
}

export type LoadResult =
  | { readonly ok: true; readonly plan: Plan; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

export type { Catalog, PipelinePlan, ServiceSettings, TelemetrySettings };

/** A configuration that can be started: every id resolves, every setting passed its schema. */
export interface Plan {
  /** Only what pipelines use; the same holds for processors, exporters and connectors. */
  readonly receivers: ReadonlyMap<string, PlannedReceiver>;
  readonly processors: ReadonlyMap<string, PlannedProcessor>;
  readonly exporters: ReadonlyMap<string, PlannedExporter>;
  readonly connectors: ReadonlyMap<string, PlannedConnector>;
  /** Only what `service.extensions` lists. */
  readonly extensionsById: ReadonlyMap<string, PlannedExtension>;
  readonly pipelines: readonly PipelinePlan[];
  /** In the order in which they start. */
  readonly extensions: readonly string[];
  readonly telemetry: TelemetrySettings;
  readonly service: ServiceSettings;
  readonly memory: MemoryBudget;
  /** The environment variables that it was made with; not for printing either. */
  readonly env: LoadOptions['env'];
  /** What was read, as text. It may hold credentials: not for printing. */
  readonly sources: readonly Source[];
  /** 16 hexadecimal digits that change when the merged and expanded configuration does. */
  readonly hash: string;
  /** Merged, expanded, with defaults, as a person would write it. Credentials are `Secret` values. */
  readonly effective: unknown;
}

/** Reads, merges, expands and checks a configuration. Reports every problem at once; opens and starts nothing. */
export async function loadPlan(options: LoadOptions): Promise<LoadResult> {
  const problems = new Problems();
  const from = { env: options.env, readFile: options.readFile ?? readUtf8 };
  const { root: merged, sources } = await readAll(options, from, problems);
  if (problems.hasErrors && merged === undefined) return failed(problems);
  const root = await new Expander(from, problems).expand(merged ?? emptyRoot());
  const draft = { root, problems };
  const checked = checkDraft(draft, options);
  if (options.checkDirectories !== false) await checkDirectories(draft, claimsOf(checked, 'directory'));
  if (problems.hasErrors) return failed(problems);
  const plan = makePlan(root, checked, { sources, env: options.env });
  return { ok: true, plan, warnings: problems.warnings };
}

function makePlan(root: ConfigNode, checked: Checked, from: Pick<Plan, 'sources' | 'env'>): Plan {
  const hash = createHash('sha256')
    .update(JSON.stringify(toValue(root)))
    .digest('hex')
    .slice(0, 16);
  return {
    ...checked,
    ...from,
    hash,
    // Only print-config asks, and it takes as long as the rest.
    get effective() {
      return effectiveConfig(root, checked);
    },
  };
}

function failed(problems: Problems): LoadResult {
  return { ok: false, problems: problems.errors, warnings: problems.warnings };
}

function emptyRoot(): ConfigNode {
  return mapNode({ file: '--config', line: 1, column: 1 }, new Map());
}

/** Reads and merges every source. `root` is undefined when one of them could not be read or parsed as a whole. */
async function readAll(options: LoadOptions, from: Providers, problems: Problems) {
  const sources: Source[] = [];
  let root: ConfigNode | undefined;
  let isComplete = true;
  for (const config of options.configs) {
    const source = await readSource(config, from, problems);
    if (source !== undefined) {
      sources.push(source);
      problems.addFile(source.file);
    }
    const node = source === undefined ? undefined : parseSource(source, problems);
    if (node === undefined) isComplete = false;
    else root = root === undefined ? node : mergeNodes(root, node);
  }
  for (const set of options.sets) root = applySet(root ?? emptyRoot(), set, problems);
  // Checking what is left after a broken file would blame the other files for what it holds.
  return { sources, root: isComplete ? root : undefined };
}

type Checked = Omit<Plan, 'env' | 'sources' | 'hash' | 'effective'>;
type Components = Omit<Checked, 'memory'>;

function checkDraft(draft: Draft, { catalog, available }: LoadOptions): Checked {
  checkTop(draft);
  const all = {
    receivers: planSection(draft, 'receivers', catalog.receivers),
    processors: planSection(draft, 'processors', catalog.processors),
    exporters: planSection(draft, 'exporters', catalog.exporters),
    connectors: planSection(draft, 'connectors', catalog.connectors),
    extensions: planSection(draft, 'extensions', catalog.extensions),
  };
  const service = checkService(draft);
  const pipelines = planPipelines(draft, service.pipelines, (section, id) => definitionOf(catalog[section], id));
  checkConnectors(draft, pipelines, (id) => definitionOf(catalog.connectors, id)?.makes);
  checkStarted(draft, service.extensions, idsOf(draft.root, 'extensions'));
  const used = (role: 'receivers' | 'processors' | 'exporters') => pipelines.flatMap((pipeline) => pipeline[role]);
  const checked = {
    receivers: keepUsed(draft, 'receivers', all.receivers, used('receivers')),
    processors: keepUsed(draft, 'processors', all.processors, used('processors')),
    exporters: keepUsed(draft, 'exporters', all.exporters, used('exporters')),
    connectors: keepUsed(draft, 'connectors', all.connectors, [...used('receivers'), ...used('exporters')]),
    extensionsById: keepUsed(draft, 'extensions', all.extensions, service.extensions),
    pipelines,
    extensions: service.extensions,
    telemetry: telemetrySettings(service.telemetry),
    service: serviceSettings(service),
  };
  checkClaims(draft, checked);
  checkSignalKeys(draft, pipelines, checked.processors);
  const demands = memoryDemands(checked);
  return { ...checked, memory: planMemory(draft, checked.service.memory, available ?? availableMemory(), demands) };
}

/** Also of a component that did not pass its schema. */
function definitionOf(definitions: readonly AnyDefinition[], id: string): AnyDefinition | undefined {
  const type = typeOfId(id);
  return type === undefined ? undefined : findDefinition(definitions, type);
}

function keepUsed<P>(
  { root, problems }: Draft,
  section: Section,
  all: ReadonlyMap<string, P>,
  ids: readonly string[],
): ReadonlyMap<string, P> {
  const used = new Set(ids);
  for (const id of idsOf(root, section)) {
    const where = section === 'extensions' ? 'service.extensions does not list it' : 'no pipeline uses it';
    const message = `this ${SINGULAR[section]} is not started: ${where}`;
    if (!used.has(id)) problems.warn(keyPlace(root, [section, id]), [section, id], message);
  }
  return new Map([...all].filter(([id]) => used.has(id)));
}

function checkClaims(draft: Draft, checked: Components): void {
  const { metrics } = checked.telemetry;
  const own: Claim = {
    kind: 'listen',
    value: `${metrics.host}:${metrics.port}`,
    path: ['service', 'telemetry', 'metrics'],
  };
  const listening = claimsOf(checked, 'listen');
  checkPorts(draft, metrics.level === 'none' ? listening : [...listening, own]);
  const defined = idsOf(draft.root, 'extensions');
  // One that is not usable itself has been complained about.
  const stores = (id: string): boolean => checked.extensionsById.get(id)?.definition.stores ?? true;
  checkExtensions(draft, claimsOf(checked, 'extension'), { defined, started: checked.extensions, stores });
  const exporters = { defined: idsOf(draft.root, 'exporters'), used: new Set(checked.exporters.keys()) };
  checkExporters(draft, claimsOf(checked, 'exporter'), exporters);
  const processors = { defined: idsOf(draft.root, 'processors'), samplers: traceSamplersOf(checked) };
  checkTraceSamplers(draft, claimsOf(checked, 'trace sampler'), processors);
  warnOfMetadata(draft, checked.pipelines, (role, id) => checked[role].get(id)?.prepared.metadata);
  warnOfQueues(draft, checked.exporters, checked.pipelines);
}

/** Processors that decide about traces, in pipelines of traces. */
function traceSamplersOf({ processors, pipelines }: Components): ReadonlySet<string> {
  const used = pipelines.filter(({ signal }) => signal === 'traces').flatMap((pipeline) => pipeline.processors);
  // One that is not usable itself has been complained about.
  return new Set(used.filter((id) => processors.get(id)?.definition.decidesTraces ?? true));
}

function claimsOf(checked: Components, kind: Claim['kind']): readonly Claim[] {
  return [
    ...claimsIn('extensions', checked.extensionsById.values()),
    ...claimsIn('receivers', checked.receivers.values()),
    ...claimsIn('processors', checked.processors.values()),
    ...claimsIn('exporters', checked.exporters.values()),
    ...claimsIn('connectors', checked.connectors.values()),
  ].filter((claim) => claim.kind === kind);
}

function claimsIn(section: Section, planned: Iterable<Planned<string, never, unknown>>): readonly Claim[] {
  return [...planned].flatMap(({ id, prepared }) =>
    prepared.resources.map((resource) => ({ ...claimOf(resource), path: [section, id, ...resource.path] })),
  );
}

function claimOf(resource: Resource): Omit<Claim, 'path'> {
  switch (resource.kind) {
    case 'listen':
      return { kind: 'listen', value: resource.endpoint };
    case 'directory':
      return { kind: 'directory', value: resource.directory, creates: resource.creates };
    case 'extension':
    case 'exporter':
    case 'trace sampler':
      return { kind: resource.kind, value: resource.id };
  }
}
