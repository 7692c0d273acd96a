import { constants } from 'node:fs';
import { lstat, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, syncDirectory } from './private-directory.ts';

/**
 * The little of a file system that the queue on disk needs: one folder of plain files. Everything may fail with the
 * error of the system (`code` ENOSPC, EIO, ...), and nothing is on the disk before `datasync` (content and length) or
 * `syncDirectory` (names) says so. A test puts one that crashes in its place.
 */
export interface Disk {
  /** The names in the folder, in no order. */
  list(): Promise<string[]>;
  /** `create` fails when the name exists. Never follows a link; throws `NotOurs` for what is no plain file of our own. */
  open(name: string, use: 'create' | 'read' | 'write'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(name: string): Promise<void>;
  syncDirectory(): Promise<void>;
}

export interface DiskFile {
  size(): Promise<number>;
  /** Writes all of the chunks, one after the other, from `position` on; throws when it could not write all of them. */
  writev(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills `into` from `position` on as far as the file goes; returns the bytes read. */
  read(into: Uint8Array, position: number): Promise<number>;
  truncate(size: number): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** A file that somebody else put under a name of ours: a link, a device, a second name of another file. */
export class NotOurs extends Error {
  constructor(path: string, why: string) {
    super(`${path} is not a file of our own: ${why}`);
    this.name = 'NotOurs';
  }
}

const PRIVATE_FILE = 0o600;
const FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  read: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  write: constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK,
} as const;

/** The folder `directory`, which must exist and be private (`privateDirectory`). */
export function folderOnDisk(directory: string): Disk {
  return {
    list: () => readdir(directory),
    open: (name, use) => openFile(join(directory, name), use),
    rename: (from, to) => rename(join(directory, from), join(directory, to)),
    unlink: (name) => unlink(join(directory, name)),
    syncDirectory: () => syncDirectory(directory),
  };
}

async function openFile(path: string, use: keyof typeof FLAGS): Promise<DiskFile> {
  // A pipe or a device may do something when it is opened; looking first keeps hands off, fstat then decides.
  if (use !== 'create') mustBeOurs(path, await lstat(path));
  const handle = await open(path, FLAGS[use], PRIVATE_FILE).catch((error: unknown) => {
    throw hasCode(error, 'ELOOP') ? new NotOurs(path, 'it is a symbolic link') : error;
  });
  try {
    mustBeOurs(path, await handle.stat());
  } catch (error) {
    await handle.close();
    throw error;
  }
  return new HandleFile(handle);
}

interface Stats {
  readonly nlink: number;
  readonly uid: number;
  isFile(): boolean;
  isSymbolicLink(): boolean;
}

/** Throws `NotOurs` unless it is a plain file with one name that belongs to this user. */
export function mustBeOurs(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) throw new NotOurs(path, 'it is a symbolic link');
  if (!stats.isFile()) throw new NotOurs(path, 'it is not a plain file');
  if (stats.nlink > 1) throw new NotOurs(path, 'it has a second name elsewhere');
  const user = process.geteuid?.();
  if (user !== undefined && user !== 0 && stats.uid !== user)
    throw new NotOurs(path, `it belongs to user ${stats.uid}`);
}

class HandleFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async writev(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let left = chunks.filter(({ byteLength }) => byteLength > 0);
    let at = position;
    while (left.length > 0) {
      const { bytesWritten } = await this.#handle.writev(left, at);
      at += bytesWritten;
      left = after(left, bytesWritten);
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.byteLength) {
      const { bytesRead } = await this.#handle.read(into, filled, into.byteLength - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** What is left of the chunks once the first `written` bytes are gone. */
function after(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  let at = 0;
  for (let chunk = chunks[at]; chunk !== undefined && skip >= chunk.byteLength; chunk = chunks[at]) {
    skip -= chunk.byteLength;
    at += 1;
  }
  const rest = chunks.slice(at);
  const first = rest[0];
  if (first !== undefined && skip > 0) rest[0] = first.subarray(skip);
  return rest;
}
