import type { FileSystem } from '../../core/file-system.ts';
import type { FileRecord } from './identity.ts';
import { findOriginal, intactTail } from './opening.ts';
import type { TrackedFile } from './tracked-file.ts';

/** What was read of the open files that have the name, or had it last: the youngest first. */
export function readUnder(name: string, open: Iterable<TrackedFile>): Map<FileRecord, TrackedFile> {
  const files = [...open].filter((file) => file.path === name).reverse();
  return new Map(files.map((file) => [file.readRecord(), file]));
}

/**
 * True for a copy of an open file, with what was `read` of that: it has nothing that is not read from the file, or looked for
 * when the file turns out to be truncated. One that has lost its name is an original only when it was truncated: rotated files
 * may begin alike.
 */
export async function isCopy(
  files: FileSystem,
  path: string,
  read: ReadonlyMap<FileRecord, TrackedFile>,
): Promise<boolean> {
  const original = await findOriginal(files, path, [...read.keys()]);
  const file = original === undefined ? undefined : read.get(original);
  if (original === undefined || file === undefined) return false;
  return file.matched || (await intactTail(file, original)) === undefined;
}
