import { execFile } from 'node:child_process';
import { basename, dirname, relative } from 'node:path';
import { promisify } from 'node:util';
import type { LoadOptions } from '../../config/plan.ts';
import { errorMessage, RemoraError } from '../../core/errors.ts';
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

/**
 * Those of the configurations that the revision does not have. Throws `config_invalid`, with what to do, where git is not
 * there, does not read this repository, or does not know the revision.
 */
export async function absentAt({ configs, revision }: SideConfig): Promise<string[]> {
  if (revision === undefined) return [];
  const absent: string[] = [];
  for (const path of configs) {
    const folder = dirname(path);
    const commit = await git(folder, 'rev-parse', '--verify', '--quiet', `${revision}^{commit}`);
    if (!commit.isDone) throw refusal(commit, revision, path);
    const found = await git(folder, 'ls-tree', '--name-only', revision, basename(path));
    if (!found.isDone) throw refusal(found, revision, path);
    if (found.output === '') absent.push(path);
  }
  return absent;
}

async function show(revision: string, path: string): Promise<string> {
  const shown = await git(dirname(path), 'show', `${revision}:./${basename(path)}`);
  if (shown.isDone) return shown.output;
  throw new Error(`git: ${shown.told}`, { cause: shown.cause });
}

type Answer =
  | { readonly isDone: true; readonly output: string }
  /** `told` is what git says first, without its "fatal: "; empty when it says nothing. */
  | { readonly isDone: false; readonly isMissing: boolean; readonly told: string; readonly cause: unknown };

/** Runs git in a folder that may not be there. */
async function git(folder: string, ...args: readonly string[]): Promise<Answer> {
  try {
    // In English, since what it says is looked at.
    const options = { maxBuffer: LIMIT_BYTES, env: { ...process.env, LC_ALL: 'C' } };
    const { stdout } = await promisify(execFile)('git', ['-C', folder, ...args], options);
    return { isDone: true, output: stdout };
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const [first = ''] = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).split('\n') : [];
    return { isDone: false, isMissing, told: first.replace('fatal: ', ''), cause };
  }
}

/** Why nothing can be read at the revision. Where git says nothing, it has no commit of this name. */
function refusal({ isMissing, told, cause }: Answer & { isDone: false }, revision: string, path: string): RemoraError {
  const invalid = (message: string): RemoraError =>
    new RemoraError('config_invalid', `--against: ${message}`, { cause });
  if (isMissing) return invalid(`git is not installed here; ${bothSides(revision, path)}`);
  if (told.includes('dubious ownership')) {
    const [, repository = '<folder>'] = /'(.+)'/.exec(told) ?? [];
    return invalid(
      `git: ${told}; run "git config --global --add safe.directory ${repository}" as this user, or ${bothSides(revision, path)}`,
    );
  }
  if (told !== '') return invalid(`git: ${told}`);
  const ofCause = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 1;
  if (!ofCause) return invalid(`git: ${errorMessage(cause)}`);
  return invalid(
    `git does not know ${revision}; in GitHub Actions check out with "fetch-depth: 0", which names branches origin/<branch>`,
  );
}

/** The way that needs no git beside Remora. */
function bothSides(revision: string, path: string): string {
  return `where it is, run "git show ${revision}:./${relative('', path)} > old.yaml", and then "remora diff old.yaml ${path}"`;
}
