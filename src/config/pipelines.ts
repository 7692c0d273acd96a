import type { Definition } from '../core/component.ts';
import { SIGNALS, type Signal } from '../core/signal.ts';
import { SINGULAR } from './catalog.ts';
import { idsOf, typeOfId, type Draft } from './components.ts';
import { CONNECTORS_ADVICE } from './known-components.ts';
import { child, keyPlace, nodeAt, valuePlace } from './positions.ts';
import type { Path } from './problem.ts';
import { didYouMean, nearest } from './suggest.ts';

export interface PipelinePlan {
  /** `traces`, or `traces/name`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

type PipelineIds = Omit<PipelinePlan, 'id' | 'signal'>;
type Role = keyof PipelineIds;
const ROLES = ['receivers', 'processors', 'exporters'] as const satisfies readonly Role[];

/** The definition of a component that passed its schema. */
export type Known = (role: Role, id: string) => Definition<string, never, unknown> | undefined;

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
  if (!defined.has(id)) {
    const isConnector = role !== 'processors' && idsOf(root, 'connectors').has(id);
    const message = `${SINGULAR[role]} "${id}" is not configured`;
    const suggestion = isConnector
      ? `it is a connector; ${CONNECTORS_ADVICE}`
      : (didYouMean(id, defined) ?? whereDefined(check, role, id));
    problems.error(at, path, message, suggestion);
    return;
  }
  const definition = check.known(role, id);
  if (definition === undefined || check.signal === undefined || definition.signals.includes(check.signal)) return;
  const message = `${SINGULAR[role]} "${id}" does not carry ${check.signal}, only ${definition.signals.join(' and ')}`;
  problems.error(at, path, message);
}

function whereDefined({ draft }: Check, role: Role, id: string): string {
  const other = ROLES.find((each) => each !== role && child(child(draft.root, each), id) !== undefined);
  if (other !== undefined) return `"${id}" is one of the ${other}`;
  const defined = [...idsOf(draft.root, role)];
  return defined.length === 0 ? `add it under ${role}` : `the ${role} are ${defined.join(', ')}`;
}
