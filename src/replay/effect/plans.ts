import { relative, resolve } from 'node:path';
import type { Plan } from '../../config/plan.ts';
import type { Fixture } from '../fixture/fixture.ts';
import type { ReplaySettings } from '../fixture/manifest.ts';
import { planOfReplay } from '../replay-fixture.ts';
import type { Side } from './span-table.ts';

/** Two configurations, and what is laid over both. */
export interface PlanOptions {
  readonly old: string;
  readonly new: string;
  readonly set: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The plans of both for a fixture. Where a replay of the manifest names one of them, its variables and single values are
 * those of both: the other one is mostly an earlier copy of the same file. Throws `config_invalid`.
 */
export async function plansOf(fixture: Fixture, options: PlanOptions): Promise<Record<Side, Plan>> {
  const replays = Object.values(fixture.manifest.replays);
  const naming = (config: string): ReplaySettings | undefined =>
    replays.find(({ config: paths }) => paths.some((path) => resolve(fixture.folder, path) === resolve(config)));
  const [old, now] = [naming(options.old), naming(options.new)];
  const planOf = (config: string, settings: ReplaySettings | undefined): Promise<Plan> =>
    planOfReplay(fixture, {
      config: [relative(fixture.folder, config)],
      set: [...(settings?.set ?? []), ...options.set],
      env: { ...settings?.env, ...options.env },
    });
  return { old: await planOf(options.old, old ?? now), new: await planOf(options.new, now ?? old) };
}
