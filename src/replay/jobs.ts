import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { errorMessage, RemoraError } from '../core/errors.ts';
import { expectedReplays } from './fixture/expected.ts';
import { MANIFEST, readManifest, type Manifest } from './fixture/manifest.ts';
import { exists, isMissing } from './fixture/whole-file.ts';

/** One fixture through one configuration. */
export interface Job {
  /** `<fixture>/<replay>`, as reports call it. */
  readonly name: string;
  readonly folder: string;
  readonly replay: string;
  /** Why there is nothing to replay. */
  readonly fault?: string;
}

/** What is replayed when no fixture is named. */
export const FIXTURES = 'fixtures';

/**
 * The replays of fixtures, in order of their names: of those named, or of every fixture in the folder `fixtures`. A folder
 * that is no fixture stands for the fixtures in it. What is wrong with one fixture is a job, too, so that the others are
 * replayed and reports have it. Throws `fixture_invalid` where there is none.
 */
export async function jobsOf(paths: readonly string[], filter: string | undefined): Promise<Job[]> {
  const folders = await foldersOf(paths.length === 0 ? [FIXTURES] : paths);
  const names = namesOf(folders);
  const jobs = await Promise.all(folders.map((folder, index) => replaysOf(folder, names[index] ?? folder)));
  const wanted = jobs.flat().filter((job) => filter === undefined || isWanted(job, filter));
  if (wanted.length > 0) return wanted;
  throw new RemoraError('fixture_invalid', `no replay has "${filter ?? ''}" in its name`);
}

/** One with a fault has the name of the fixture alone: what is asked for may be in it. */
function isWanted({ name, fault }: Job, filter: string): boolean {
  return name.includes(filter) || (fault !== undefined && filter.startsWith(`${name}/`));
}

/** The fixtures of these paths, each once; a folder that is none stands for those in it. Throws `fixture_invalid`. */
export async function foldersOf(paths: readonly string[]): Promise<string[]> {
  const folders = (await Promise.all(paths.map(fixturesAt))).flat();
  return [...new Map(folders.map((folder) => [resolve(folder), folder])).values()];
}

async function fixturesAt(path: string): Promise<string[]> {
  if (await isFixture(path)) return [path];
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
    const what = isMissing(cause) ? 'there is no such folder' : `is no folder to read (${errorMessage(cause)})`;
    throw new RemoraError('fixture_invalid', `${path}: ${what}`, { cause });
  });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  const found: string[] = [];
  for (const folder of folders.sort()) if (await isFixture(folder)) found.push(folder);
  if (found.length > 0) return found;
  throw new RemoraError('fixture_invalid', `${path}: there is no ${MANIFEST} in it, nor in a folder of it`);
}

/** A fixture is called as its folder, and as its path where several folders are called the same. */
function namesOf(folders: readonly string[]): string[] {
  const names = folders.map((folder) => basename(resolve(folder)));
  const isTwice = (name: string): boolean => names.indexOf(name) !== names.lastIndexOf(name);
  return names.map((name, index) => (isTwice(name) ? (folders[index] ?? name) : name));
}

async function replaysOf(folder: string, fixture: string): Promise<Job[]> {
  try {
    const { replays } = await readManifest(folder);
    await checkExpected(folder, replays);
    const names = Object.keys(replays).sort();
    if (names.length === 0) throw new RemoraError('fixture_invalid', `${join(folder, MANIFEST)}: it lists no replays`);
    return names.map((replay) => ({ name: `${fixture}/${replay}`, folder, replay }));
  } catch (error) {
    if (!(error instanceof RemoraError)) throw error;
    return [{ name: fixture, folder, replay: '', fault: error.message }];
  }
}

/** What is expected of a replay that there is no more looks as if something were tested. */
async function checkExpected(folder: string, replays: Manifest['replays']): Promise<void> {
  for (const name of await expectedReplays(folder)) {
    const replay = Object.hasOwn(replays, name) ? replays[name] : undefined;
    if (replay !== undefined && replay.expect !== 'nothing') continue;
    const what = replay === undefined ? 'the manifest has no such replay' : `${name} expects nothing`;
    throw new RemoraError('fixture_invalid', `${join(folder, 'expected', name)}: ${what}; remove the folder`);
  }
}

function isFixture(folder: string): Promise<boolean> {
  return exists(join(folder, MANIFEST));
}
