import { basename, dirname, relative } from 'node:path';
import type { LoadOptions } from '../../config/plan.ts';
import { errorMessage, RemoraError } from '../../core/errors.ts';
import { exists } from '../fixture/whole-file.ts';
import { git, type Refused } from './git.ts';
import type { ReadFile, SideConfig } from './plans.ts';
import { renamedSince, type Rename } from './renames.ts';

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

/** The old side at its revision, and how that has its configurations. */
export interface OldSide {
  /** With the names of then. */
  readonly side: SideConfig;
  readonly renames: readonly Rename[];
  /** The revision has none of them: there is nothing to compare with. */
  readonly isNew: boolean;
}

/**
 * The old side by the names that its configurations had at the revision. Throws `config_invalid`, with what to do, where git is
 * not there, does not read this repository, or does not know the revision, and where that has a part of them: who wrote the
 * change knows what was in the place of the rest.
 */
export async function oldSide(side: SideConfig): Promise<OldSide> {
  const { configs, revision } = side;
  if (revision === undefined) return { side, renames: [], isNew: false };
  const [names, renames, absent]: [string[], Rename[], string[]] = [[], [], []];
  for (const path of configs) {
    const isKnown = await isThere(revision, path);
    const refused = (answer: Refused): RemoraError => refusal(answer, revision, path);
    const rename = isKnown ? undefined : await renamedSince(revision, path, refused);
    if (rename !== undefined) renames.push(rename);
    else if (!isKnown) absent.push(path);
    names.push(rename?.from ?? path);
  }
  if (absent.length > 0 && absent.length < configs.length) {
    const message = `--against: ${absent.join(' and ')} is not there at ${revision}; name the old side with --old`;
    throw new RemoraError('config_invalid', message);
  }
  return { side: { ...side, configs: names }, renames, isNew: absent.length > 0 };
}

async function isThere(revision: string, path: string): Promise<boolean> {
  const folder = dirname(path);
  const commit = await git(folder, ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]);
  if (!commit.isDone) throw refusal(commit, revision, path);
  const found = await git(folder, ['ls-tree', '--name-only', revision, basename(path)]);
  if (!found.isDone) throw refusal(found, revision, path);
  return found.output !== '';
}

async function show(revision: string, path: string): Promise<string> {
  // The folder of then may be gone.
  let folder = dirname(path);
  while (folder !== dirname(folder) && !(await exists(folder))) folder = dirname(folder);
  const shown = await git(folder, ['show', `${revision}:./${relative(folder, path)}`]);
  if (shown.isDone) return shown.output;
  throw new Error(`git: ${shown.told}`, { cause: shown.cause });
}

/** Why nothing can be read at the revision. Where git says nothing, it has no commit of this name. */
function refusal({ isMissing, told, cause }: Refused, revision: string, path: string): RemoraError {
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
