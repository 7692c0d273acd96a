import { constants } from 'node:fs';
import { lstat, mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, RemoraError } from '../core/errors.ts';

const PRIVATE = 0o700;
const GROUP_MAY_WRITE = 0o020;
const OTHERS_MAY_WRITE = 0o002;

/**
 * A directory that is ours alone, made with mode 0700 when it is missing (its parent must be there). What is in it is
 * trusted, so it is refused when somebody else could have put it there: a symbolic link or a file in its place, another
 * owner, or a mode by which others may write. One of our own that the group may write to is closed to it again, since a
 * kubelet opens everything on a volume to the group of `fsGroup` at each mount; what somebody of the group has put there
 * meanwhile has another owner, which `mustBeOurs` refuses. Root, to whom files of any owner are its own, refuses it.
 * Throws storage_failed.
 */
export async function privateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: PRIVATE });
    await syncDirectory(dirname(directory));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) {
      throw failed(`The directory ${directory} cannot be made: ${errorMessage(error)}`, error);
    }
  }
  const { uid, mode, ...info } = await statsOf(directory);
  if (!info.directory) throw failed(`${directory} is not a directory of our own: a link or a file is in its place`);
  const user = process.geteuid?.();
  if (user !== undefined && user !== 0 && uid !== user) {
    throw failed(`${directory} belongs to user ${uid} and this process runs as ${user}; chown it, or move it away`);
  }
  const isOpenToGroup = (mode & GROUP_MAY_WRITE) !== 0;
  if ((mode & OTHERS_MAY_WRITE) !== 0 || (isOpenToGroup && (uid !== user || user === 0))) {
    const octal = (mode & 0o7777).toString(8);
    throw failed(`${directory} can be written by others (mode ${octal}); check what is in it, then chmod it to 700`);
  }
  if (isOpenToGroup) await withDirectory(directory, (handle) => handle.chmod(PRIVATE), constants.O_NOFOLLOW);
}

async function statsOf(directory: string): Promise<{ uid: number; mode: number; directory: boolean }> {
  try {
    const info = await lstat(directory);
    return { uid: info.uid, mode: info.mode, directory: info.isDirectory() };
  } catch (error) {
    throw failed(`The directory ${directory} cannot be looked at: ${errorMessage(error)}`, error);
  }
}

/** Makes the names in a directory as durable as the files behind them. */
export async function syncDirectory(directory: string): Promise<void> {
  await withDirectory(directory, (handle) => handle.sync());
}

async function withDirectory(directory: string, use: (handle: FileHandle) => Promise<void>, flags = 0): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY | flags);
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}

/** Whether this is an error of the system with that code. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function failed(message: string, cause?: unknown): RemoraError {
  return new RemoraError('storage_failed', `${message}.`, { cause });
}
