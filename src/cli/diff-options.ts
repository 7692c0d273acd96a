import { parseArgs } from 'node:util';
import type { SideConfig, Sides } from '../replay/effect/plans.ts';
import { REVISION } from '../replay/effect/revision.ts';
import type { Side } from '../replay/effect/span-table.ts';
import { Redaction } from '../replay/record/redaction.ts';
import { usage } from './options.ts';

/** What `--fail-on` knows. */
const FAILURES = ['errors-lost', 'traces-broken'] as const;
export type DiffFailure = (typeof FAILURES)[number];

export interface DiffOptions {
  readonly sides: Sides;
  /** What reports call a side. */
  readonly nameOf: (side: SideConfig, which: Side) => string;
  readonly fixtures: readonly string[];
  readonly exporters: readonly string[] | undefined;
  readonly prices: string | undefined;
  readonly format: 'text' | 'markdown';
  readonly html: string | undefined;
  readonly failOn: readonly DiffFailure[];
  readonly top: number;
}

const many = { type: 'string', multiple: true } as const;
const one = { type: 'string' } as const;
const DIFF = {
  ...{ old: many, new: many, against: one, fixture: many },
  ...{ set: many, env: many, 'old-set': many, 'new-set': many, 'old-env': many, 'new-env': many },
  ...{ exporter: many, prices: one, format: one, html: one, 'fail-on': many, top: one },
} as const;

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: DIFF, allowPositionals: true });
}

/** Throws usage errors. */
export function diffOptions(args: readonly string[]): DiffOptions {
  const { values, positionals } = parse(args);
  const { fixture = [], exporter, prices, format = 'text', html, top = '10' } = values;
  const sides = sidesOf(values, positionals);
  const named = (side: SideConfig, which: Side): string => nameOf(side, values, which);
  if (fixture.length === 0) throw usage('Name a recording with --fixture <folder>.');
  if (format !== 'text' && format !== 'markdown') throw usage('--format takes text or markdown.');
  if (!/^[1-9]\d{0,5}$/.test(top)) throw usage('--top takes a number.');
  const failOn = (values['fail-on'] ?? []).flatMap((list) => list.split(',')).map(failure);
  return {
    sides,
    nameOf: named,
    fixtures: fixture,
    exporters: exporter,
    prices,
    format,
    html,
    failOn,
    top: Number(top),
  };
}

/** Two configurations, or one in two ways. */
function sidesOf(values: Values, positionals: readonly string[]): Sides {
  const { set = [], env = [], against } = values;
  const side = (configs: readonly string[], which: Side): SideConfig => ({
    configs,
    sets: [...set, ...(values[`${which}-set`] ?? [])],
    env: Object.fromEntries([...env, ...(values[`${which}-env`] ?? [])].map(variable)),
  });
  const [old, now] = configsOf(values, positionals);
  if (against !== undefined && !REVISION.test(against)) throw usage('--against takes a revision of git, such as main.');
  const sides = { old: { ...side(old, 'old'), revision: against }, new: side(now, 'new') };
  const isSame = JSON.stringify(sides.old) === JSON.stringify(sides.new);
  if (isSame && positionals.length < 2)
    throw usage('Both sides are the same: name two configurations, --against a revision, or --new-set or --new-env.');
  return sides;
}

function configsOf(values: Values, positionals: readonly string[]): readonly [readonly string[], readonly string[]] {
  const { old, new: now, against } = values;
  const [first, second, ...others] = positionals;
  const isNamed = old !== undefined || now !== undefined;
  if (others.length > 0 || (isNamed && first !== undefined))
    throw usage('Name two configurations: old.yaml new.yaml, or --old and --new, which may be repeated.');
  if (against !== undefined && (old !== undefined || second !== undefined))
    throw usage('--against is about one configuration: the old one is the same at that revision.');
  const both = now ?? old ?? (first === undefined ? undefined : [first]);
  if (both === undefined) throw usage('Name two configurations: remora diff old.yaml new.yaml --fixture <folder>.');
  return second === undefined ? [old ?? both, both] : [both, [second]];
}

/** What is the same on both sides tells nothing, and values may be credentials. */
function nameOf({ configs, revision }: SideConfig, values: Values, which: Side): string {
  const redaction = new Redaction([]);
  const sets = (values[`${which}-set`] ?? []).map((set) => redaction.setting(set));
  const env = (values[`${which}-env`] ?? []).map((text) => redaction.setting(text));
  const more = [...sets, ...env].join(', ');
  return `${revision === undefined ? '' : `${revision}:`}${configs.join(', ')}${more === '' ? '' : ` with ${more}`}`;
}

function variable(text: string): [string, string] {
  const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw usage('--env takes NAME=value.');
  return [name, value];
}

function failure(text: string): DiffFailure {
  const known = FAILURES.find((each) => each === text.trim());
  if (known === undefined) throw usage(`--fail-on takes ${FAILURES.join(' and ')}.`);
  return known;
}
