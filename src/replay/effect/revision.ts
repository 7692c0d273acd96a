import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type { LoadOptions } from '../../config/plan.ts';
import type { ReadFile, SideConfig } from './plans.ts';

const LIMIT_BYTES = 16 * 2 ** 20;

/** Names of commits, branches and tags, with `~` and `^`: nothing that git could take for an option. */
export const REVISION = /^[A-Za-z0-9_][\w./@{}~^-]*$/;

/**
 * Configurations as they are at a revision, which stands before their names in messages: `main:pipelines/app.yaml`. A file
 * that one of them refers to is read at the revision, too; one that git does not know, such as a credential, as it is now.
 */
export function atRevision(
  { configs, revision }: SideConfig,
  readFile: ReadFile,
): Pick<LoadOptions, 'configs' | 'readFile'> {
  if (revision === undefined) return { configs, readFile };
  const prefix = `${revision}:`;
  return {
    configs: configs.map((path) => `${prefix}${path}`),
    readFile: (path) =>
      path.startsWith(prefix)
        ? show(revision, path.slice(prefix.length))
        : show(revision, path).catch(() => readFile(path)),
  };
}

async function show(revision: string, path: string): Promise<string> {
  const options = { cwd: dirname(path), maxBuffer: LIMIT_BYTES };
  try {
    const { stdout } = await promisify(execFile)('git', ['show', `${revision}:./${basename(path)}`], options);
    return stdout;
  } catch (cause) {
    throw new Error(reasonOf(cause), { cause });
  }
}

/** What git says: `path 'x' does not exist in 'main'`. */
function reasonOf(error: unknown): string {
  const told = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const [first = ''] = told.split('\n');
  if (first !== '') return `git: ${first.replace('fatal: ', '')}`;
  return error instanceof Error ? error.message : String(error);
}
