import { dirname, join } from 'node:path';
import { NOTHING_FRESH, type FileStats, type FileSystem } from '../../core/file-system.ts';
import type { FoundFile } from './discovery/finder.ts';
import { namesIn } from './discovery/rotated-names.ts';
import { isMark, isSameInode, placeOf, TAIL_BYTES, type FileRecord } from './identity.ts';
import { TrackedFile } from './tracked-file.ts';

export interface OpeningOptions {
  readonly fingerprintBytes: number;
}

export interface Positioned {
  /** What was known of the file. */
  readonly record: FileRecord | undefined;
  /** Its content goes on from there. */
  readonly intact: boolean;
}

/** Opens a regular file without ever waiting for one that is not. Throws what the system says. */
export function openFile(files: FileSystem, path: string): TrackedFile {
  const content = files.open(path);
  try {
    const stats = content.stat();
    if (stats.kind !== 'file') throw new Error('it is not a regular file');
    return new TrackedFile(path, realPathOf(files, path), content, stats);
  } catch (error) {
    content.close();
    throw error;
  }
}

/** Where a path leads through links; the path itself when nothing is there any more. */
export function realPathOf(files: FileSystem, path: string): string {
  try {
    return files.realPath(path);
  } catch {
    return path;
  }
}

/**
 * Decides where reading of a newly opened file begins.
 *
 * A record of the same inode, or of the same path, whose head and tail are still in place is gone on from. If its content
 * is not in place, the file was truncated or rewritten and is read from 0, whatever `start_at` says. A file that nothing is
 * known of is read from `unknownAt`.
 */
export async function position(
  file: TrackedFile,
  known: readonly FileRecord[],
  unknownAt: number,
  options: OpeningOptions,
): Promise<Positioned> {
  file.head = await bytesAt(file, 0, Math.min(file.size, options.fingerprintBytes));
  const candidates = known.filter((record) => isCandidate(record, file));
  candidates.sort((a, b) => Number(b.ino === file.ino) - Number(a.ino === file.ino));
  for (const record of candidates) {
    const tail = await intactTail(file, record);
    if (tail === undefined) continue;
    file.goOn(record, tail);
    return { record, intact: true };
  }
  const offset = candidates.length === 0 ? Math.min(unknownAt, file.size) : 0;
  file.startAt(offset, await bytesBefore(file, offset));
  return { record: candidates[0], intact: false };
}

function isCandidate(record: FileRecord, file: TrackedFile): boolean {
  return isSameInode(record, file) || record.path === file.path;
}

/** The bytes before the recorded offset when the file still is what the record says. */
export async function intactTail(file: TrackedFile, record: FileRecord): Promise<Uint8Array | undefined> {
  if (file.size < record.offset) return undefined;
  const head = await bytesAt(file, 0, record.head.bytes);
  if (!isMark(record.head, head)) return undefined;
  const tail = await bytesBefore(file, record.offset);
  return tail.length === record.tail.bytes && isMark(record.tail, tail) ? tail : undefined;
}

/** The record of another file of the directory whose content, as far as it was read, is also in this file: it is a copy. */
export async function findOriginal(
  files: FileSystem,
  path: string,
  records: readonly FileRecord[],
): Promise<FileRecord | undefined> {
  const isBeside = (record: FileRecord): boolean =>
    dirname(record.path) === dirname(path) || dirname(placeOf(record)) === dirname(path);
  const candidates = records.filter((record) => record.offset > 0 && isBeside(record));
  if (candidates.length === 0) return undefined;
  const file = openFile(files, path);
  try {
    for (const record of candidates) if ((await intactTail(file, record)) !== undefined) return record;
    return undefined;
  } finally {
    file.close();
  }
}

function bytesBefore(file: TrackedFile, offset: number): Promise<Uint8Array> {
  const start = Math.max(0, offset - TAIL_BYTES);
  return bytesAt(file, start, offset - start);
}

async function bytesAt(file: TrackedFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const read = length === 0 ? 0 : await file.readAt(bytes, length, start, NOTHING_FRESH);
  return read === length ? bytes : bytes.slice(0, read);
}

/** Looks for files of the records that were renamed inside their directory, by identity. */
export function findRenamed(files: FileSystem, records: readonly FileRecord[]): Map<FileRecord, FoundFile> {
  const renamed = new Map<FileRecord, FoundFile>();
  const byDirectory = Map.groupBy(records, (record) => dirname(placeOf(record)));
  for (const [directory, wanted] of byDirectory) {
    const byInode = Map.groupBy(wanted, ({ ino }) => ino);
    for (const name of namesIn(files, directory)) {
      const path = join(directory, name);
      const stats = look(files, path);
      if (stats?.kind !== 'file') continue;
      const record = byInode.get(stats.ino)?.find((candidate) => isSameInode(candidate, stats));
      if (record !== undefined && !renamed.has(record)) renamed.set(record, { path, stats });
    }
  }
  return renamed;
}

function look(files: FileSystem, path: string): FileStats | undefined {
  try {
    return files.stat(path);
  } catch {
    return undefined;
  }
}
