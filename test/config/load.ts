import { loadPlan, type LoadOptions, type LoadResult, type Plan } from '../../src/config/plan.ts';
import { formatProblem, type Problem } from '../../src/config/problem.ts';
import { catalog } from './catalog.ts';

export type Files = Readonly<Record<string, string>>;

/** Loads from files that exist only here; the first one is the configuration unless `configs` says otherwise. */
export function load(files: Files, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  return loadPlan({
    configs: Object.keys(files).slice(0, 1),
    sets: [],
    env: {},
    catalog,
    readFile: (path) => {
      const text = files[path];
      return text === undefined ? Promise.reject(new Error('no such file')) : Promise.resolve(text);
    },
    ...options,
  });
}

export async function loadGood(files: Files, options: Partial<LoadOptions> = {}): Promise<Plan> {
  const result = await load(files, options);
  if (!result.ok) throw new Error(`Not loadable:\n${formatAll(result.problems)}`);
  return result.plan;
}

export async function problemsOf(files: Files, options: Partial<LoadOptions> = {}): Promise<string[]> {
  const result = await load(files, options);
  return result.ok ? [] : result.problems.map(formatProblem);
}

export async function warningsOf(files: Files, options: Partial<LoadOptions> = {}): Promise<string[]> {
  return (await load(files, options)).warnings.map(formatProblem);
}

export function formatAll(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('\n');
}
