import type { Definition } from '../core/component.ts';
import { SIGNALS, type Signal } from '../core/signal.ts';
import { SINGULAR, type Section } from './catalog.ts';
import { idsOf, typeOfId, type Draft } from './components.ts';
import { child, keyPlace, nodeAt, valuePlace, type ConfigNode } from './positions.ts';
import type { Path } from './problem.ts';
import { didYouMean, nearest } from './suggest.ts';

export interface PipelinePlan {
  /** `traces`, or `traces/name`. */
  readonly id: string;
  readonly signal: Signal;
  /** Receivers, and connectors that feed it. */
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  /** Exporters, and connectors that it feeds. */
  readonly exporters: readonly string[];
}

type PipelineIds = Omit<PipelinePlan, 'id' | 'signal'>;
type Role = keyof PipelineIds;
const ROLES = ['receivers', 'processors', 'exporters'] as const satisfies readonly Role[];

/** The definition of a component that passed its schema. */
export type Known = (section: Section, id: string) => Definition<string, never, unknown> | undefined;

/** Checks `service.pipelines`; what cannot be carried is reported and left out. */
export function planPipelines(
  draft: Draft,
  pipelines: Readonly<Record<string, PipelineIds>>,
  known: Known,
): readonly PipelinePlan[] {
  const ids = Object.keys(pipelines);
  if (ids.length === 0) {
    const path = ['service', 'pipelines'];
    const suggestion = 'add for example traces: {receivers: [otlp], exporters: [debug]}';
    draft.problems.error(keyPlace(draft.root, path), path, 'there must be at least one pipeline', suggestion);
  }
  const planned: PipelinePlan[] = [];
  for (const [id, lists] of Object.entries(pipelines)) {
    const signal = signalOf(id, draft);
    for (const role of ROLES) checkRole({ draft, known, id, signal }, role, lists[role]);
    if (signal !== undefined) planned.push({ id, signal, ...lists });
  }
  return planned;
}

function signalOf(id: string, { root, problems }: Draft): Signal | undefined {
  const path = ['service', 'pipelines', id];
  const type = typeOfId(id);
  const signal = SIGNALS.find((each) => each === type);
  if (signal !== undefined) return signal;
  if (type === 'profiles') {
    problems.error(keyPlace(root, path), path, 'profiles are not carried', 'remove the pipeline');
    return undefined;
  }
  const meant = didYouMean(type ?? id, SIGNALS) ?? 'it is traces, metrics or logs, optionally with /name';
  problems.error(keyPlace(root, path), path, `"${id}" is not the id of a pipeline`, meant);
  return undefined;
}

interface Check {
  readonly draft: Draft;
  readonly known: Known;
  readonly id: string;
  readonly signal: Signal | undefined;
}

function checkRole(check: Check, role: Role, ids: readonly string[]): void {
  const { root, problems } = check.draft;
  const path = ['service', 'pipelines', check.id, role];
  if (ids.length === 0 && role !== 'processors' && isLeftOut(check, role)) {
    const message = `a pipeline needs at least one ${SINGULAR[role]}`;
    problems.error(keyPlace(root, path), path, message);
  }
  ids.forEach((id, index) => checkReference(check, role, id, [...path, index]));
  ids.forEach((id, index) => {
    if (ids.indexOf(id) < index) {
      problems.error(
        valuePlace(root, [...path, index]),
        [...path, index],
        `"${id}" is listed twice`,
        'remove one of them',
      );
    }
  });
}

/** Nothing stands there: a list that is misspelt or of the wrong kind was reported as such. */
function isLeftOut({ draft, id }: Check, role: Role): boolean {
  const pipeline = nodeAt(draft.root, ['service', 'pipelines', id]);
  if (pipeline?.kind !== 'map') return false;
  const list = child(pipeline, role);
  if (list !== undefined) return list.kind === 'list' || (list.kind === 'scalar' && list.value === null);
  return ![...pipeline.entries.keys()].some((key) => nearest(key, ROLES) === role);
}

function checkReference(check: Check, role: Role, id: string, path: Path): void {
  const { root, problems } = check.draft;
  const at = valuePlace(root, path);
  const defined = idsOf(root, role);
  const isConnector = role !== 'processors' && idsOf(root, 'connectors').has(id);
  if (!defined.has(id)) {
    if (isConnector) {
      checkSignal(check, { section: 'connectors', role, id }, path);
      return;
    }
    const suggestion = didYouMean(id, idsFor(root, role)) ?? whereDefined(check, role, id);
    problems.error(at, path, `${SINGULAR[role]} "${id}" is not configured`, suggestion);
    return;
  }
  if (isConnector) {
    problems.error(at, path, `"${id}" is one of the ${role} and of the connectors`, 'give one of them another name');
    return;
  }
  checkSignal(check, { section: role, role, id }, path);
}

/** What a list of a pipeline may name. */
function idsFor(root: ConfigNode, role: Role): ReadonlySet<string> {
  const connectors = role === 'processors' ? [] : idsOf(root, 'connectors');
  return new Set([...idsOf(root, role), ...connectors]);
}

/** Whether a list names `id` with a slip, which is reported there. */
export function isMisspeltIn(root: ConfigNode, pipelines: readonly PipelinePlan[], role: Role, id: string): boolean {
  const ids = idsFor(root, role);
  return pipelines.some((pipeline) => pipeline[role].some((each) => !ids.has(each) && nearest(each, ids) === id));
}

function checkSignal(
  { draft, known, signal }: Check,
  { section, role, id }: { readonly section: Section; readonly role: Role; readonly id: string },
  path: Path,
): void {
  const definition = known(section, id);
  if (definition === undefined || signal === undefined) return;
  const made = section === 'connectors' && role === 'receivers';
  const signals = made ? [...new Set(Object.values(definition.makes).flat())] : definition.signals;
  if (signals.includes(signal)) return;
  const verb = section === 'connectors' ? (made ? 'make' : 'take') : 'carry';
  const message = `${SINGULAR[section]} "${id}" does not ${verb} ${signal}, only ${signals.join(' and ')}`;
  draft.problems.error(valuePlace(draft.root, path), path, message);
}

function whereDefined({ draft }: Check, role: Role, id: string): string {
  const sections: readonly Section[] = [...ROLES, 'connectors'];
  const other = sections.find((each) => each !== role && child(child(draft.root, each), id) !== undefined);
  if (other !== undefined) return `"${id}" is one of the ${other}`;
  const defined = [...idsOf(draft.root, role)];
  const connectors = [...idsFor(draft.root, role)].slice(defined.length);
  const lists = [listed(role, defined), listed('connectors', connectors)].filter((list) => list !== '');
  return lists.length === 0 ? `add it under ${role}` : lists.join(' and ');
}

function listed(section: Section, ids: readonly string[]): string {
  return ids.length === 0 ? '' : `the ${section} are ${ids.join(', ')}`;
}
