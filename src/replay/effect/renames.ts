import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { exists } from '../fixture/whole-file.ts';
import { git, type Refused } from './git.ts';

/** What a file was called at a revision, by what git takes for a rename. */
export interface Rename {
  /** As the new one is named: from the working directory, or absolute. */
  readonly from: string;
  readonly to: string;
  /** Percent. */
  readonly similarity: number;
}

/**
 * The name at `revision` of a file that the revision does not have, as `git diff --find-renames` between it and the working
 * tree finds it; undefined where it finds none. Also of a file that git does not track yet. `refused` makes the error of what
 * git cannot do.
 */
export async function renamedSince(
  revision: string,
  path: string,
  refused: (answer: Refused) => Error,
): Promise<Rename | undefined> {
  if (!(await exists(path))) return undefined;
  const folder = dirname(path);
  const ask = async (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string> => {
    const answer = await git(folder, args, env);
    if (answer.isDone) return answer.output;
    throw refused(answer);
  };
  const line = (text: string): string => text.replace(/\r?\n$/, '');
  const top = line(await ask(['rev-parse', '--show-toplevel']));
  const name = line(await ask(['rev-parse', '--show-prefix'])) + basename(path);
  const scratch = await mkdtemp(join(tmpdir(), 'remora-renames-'));
  try {
    const env = await besideIndex(scratch, async (what) =>
      resolve(folder, line(await ask(['rev-parse', '--git-path', what]))),
    );
    await ask(['add', '--intent-to-add', '--force', '--', basename(path)], env);
    const found = renameTo(name, await ask(['diff', ...RENAMES, revision, '--'], env));
    return found && { ...found, from: namedLike(path, join(top, found.from)), to: path };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const RENAMES = ['--find-renames', '--diff-filter=R', '--name-status', '-z', '--no-relative', '--no-ext-diff'];

/**
 * The environment in which git has a copy of the index, and puts what it makes beside the repository: nothing of that is
 * changed, and it may be read-only.
 */
async function besideIndex(
  scratch: string,
  pathOf: (what: string) => Promise<string>,
): Promise<Readonly<Record<string, string>>> {
  const [index, objects] = [join(scratch, 'index'), await pathOf('objects')];
  await copyFile(await pathOf('index'), index);
  return { GIT_INDEX_FILE: index, GIT_OBJECT_DIRECTORY: scratch, GIT_ALTERNATE_OBJECT_DIRECTORIES: objects };
}

/** Of `R087\0before\0after\0`, repeated. */
function renameTo(name: string, output: string): Pick<Rename, 'from' | 'similarity'> | undefined {
  const fields = output.split('\0');
  for (let n = 0; n + 2 < fields.length; n += 3) {
    const [status = '', from = '', to] = fields.slice(n, n + 3);
    if (to === name) return { from, similarity: Number(status.slice(1)) };
  }
  return undefined;
}

function namedLike(path: string, other: string): string {
  return path.startsWith(sep) ? other : relative('', other);
}
