import { access, readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { RemoraError } from '../core/errors.ts';
import { MANIFEST, readManifest } from './fixture/manifest.ts';

/** One fixture through one configuration. */
export interface Job {
  /** `<fixture>/<replay>`, as reports call it. */
  readonly name: string;
  readonly folder: string;
  readonly replay: string;
}

/** What is replayed when no fixture is named. */
export const FIXTURES = 'fixtures';

/**
 * The replays of fixtures, in order of their names: of those named, or of every fixture in the folder `fixtures`. A folder
 * that is no fixture stands for the fixtures in it. Throws `fixture_invalid`.
 */
export async function jobsOf(paths: readonly string[], filter: string | undefined): Promise<Job[]> {
  const folders = await foldersOf(paths.length === 0 ? [FIXTURES] : paths);
  const jobs = await Promise.all(folders.map(replaysOf));
  const wanted = jobs.flat().filter(({ name }) => filter === undefined || name.includes(filter));
  if (wanted.length > 0) return wanted;
  const what = filter === undefined ? 'no manifest lists replays' : `no replay has "${filter}" in its name`;
  throw new RemoraError('fixture_invalid', what);
}

/** The fixtures of these paths; a folder that is none stands for those in it. Throws `fixture_invalid`. */
export async function foldersOf(paths: readonly string[]): Promise<string[]> {
  return (await Promise.all(paths.map(fixturesAt))).flat();
}

async function fixturesAt(path: string): Promise<string[]> {
  if (await isFixture(path)) return [path];
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
    throw new RemoraError('fixture_invalid', `${path}: there is no such folder`, { cause });
  });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  const found: string[] = [];
  for (const folder of folders.sort()) if (await isFixture(folder)) found.push(folder);
  if (found.length > 0) return found;
  throw new RemoraError('fixture_invalid', `${path}: there is no ${MANIFEST} in it, nor in a folder of it`);
}

async function replaysOf(folder: string): Promise<Job[]> {
  const { replays } = await readManifest(folder);
  const fixture = basename(resolve(folder));
  return Object.keys(replays)
    .sort()
    .map((replay) => ({ name: `${fixture}/${replay}`, folder, replay }));
}

async function isFixture(folder: string): Promise<boolean> {
  try {
    await access(join(folder, MANIFEST));
    return true;
  } catch {
    return false;
  }
}
