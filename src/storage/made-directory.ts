import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from './private-directory.ts';

/**
 * A directory, made with all above it that is missing; resolves with the first that was made, undefined when it is there
 * already. What `mkdir` does with `recursive`, but for its end where a directory is there and nothing can be made in it: below
 * /proc the system says ENOENT, as it does for a parent that is missing, and Node's goes to and fro between the two for ever.
 */
export async function madeDirectory(path: string, mode?: number): Promise<string | undefined> {
  try {
    return await madeHere(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (!hasCode(error, 'ENOENT') || parent === path) throw error;
    const first = await madeDirectory(parent, mode);
    // Once more, whoever made the parent; and no more than that.
    return (await madeHere(path, mode)) === undefined ? first : (first ?? path);
  }
}

async function madeHere(path: string, mode: number | undefined): Promise<string | undefined> {
  try {
    await mkdir(path, mode);
    return path;
  } catch (error) {
    if (await isDirectory(path)) return undefined;
    throw error;
  }
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
