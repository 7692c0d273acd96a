import { resolve } from 'node:path';
import type { LoadResult, Plan } from '../../config/plan.ts';
import type { Problem } from '../../config/problem.ts';
import { readUtf8 } from '../../config/source.ts';
import type { Fixture } from '../fixture/fixture.ts';
import type { ReplaySettings } from '../fixture/manifest.ts';
import { loadForReplay } from '../replay-fixture.ts';
import { atRevision } from './revision.ts';
import type { Side } from './span-table.ts';

/** One of the two configurations. */
export interface SideConfig {
  /** As `--config` of `remora run` takes them; later ones win. */
  readonly configs: readonly string[];
  /** The revision of git that they are read at; the working tree when undefined. */
  readonly revision?: string | undefined;
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type Sides = Readonly<Record<Side, SideConfig>>;

export interface LoadedPlans {
  /** Undefined when one of them is not valid. */
  readonly plans: Readonly<Record<Side, Plan>> | undefined;
  /** Of both. */
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export type ReadFile = (path: string) => Promise<string>;

/** Reads each file once, however often it is asked for: a pipe, such as `<(git show ...)`, has its text only once. */
export function readOnce(): ReadFile {
  const texts = new Map<string, Promise<string>>();
  return (path) => {
    const text = texts.get(path) ?? readUtf8(path);
    texts.set(path, text);
    return text;
  };
}

/**
 * The plans of both for a fixture. Where a replay of the manifest names a file of one of them, its variables and single
 * values are those of both, below what is given here: the other one is mostly an earlier copy of the same file.
 */
export async function plansOf(fixture: Fixture, sides: Sides, readFile: ReadFile = readUtf8): Promise<LoadedPlans> {
  const load = (side: SideConfig, settings: ReplaySettings | undefined): Promise<LoadResult> =>
    loadForReplay(fixture, {
      ...atRevision(side, readFile),
      sets: [...(settings?.set ?? []), ...side.sets],
      env: { ...settings?.env, ...side.env },
    });
  const [named, alsoNamed] = [settingsOf(fixture, sides.old), settingsOf(fixture, sides.new)];
  // One after the other: the time zone is the process's.
  const old = await load(sides.old, named ?? alsoNamed);
  const now = await load(sides.new, alsoNamed ?? named);
  const errors = [old, now].flatMap((loaded) => (loaded.ok ? [] : loaded.problems));
  const warnings = [...old.warnings, ...now.warnings];
  return { plans: old.ok && now.ok ? { old: old.plan, new: now.plan } : undefined, errors, warnings };
}

function settingsOf({ folder, manifest }: Fixture, { configs }: SideConfig): ReplaySettings | undefined {
  const paths = new Set(configs.map((config) => resolve(config)));
  return Object.values(manifest.replays).find(({ config }) => config.some((path) => paths.has(resolve(folder, path))));
}
