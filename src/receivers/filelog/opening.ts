import { constants, fstatSync, openSync, closeSync, readdirSync, statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMark, isSameInode, TAIL_BYTES, type FileRecord } from './identity.ts';
import { readAt, TrackedFile } from './tracked-file.ts';

export interface OpeningOptions {
  readonly fingerprintBytes: number;
}

/** Where a file that nothing is known of is read from. */
export type Unknown = 'beginning' | 'end';

/** Opens a regular file without ever waiting for one that is not. Throws what the system says. */
export function openFile(path: string): TrackedFile {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error('it is not a regular file');
    return new TrackedFile(path, fd, stats);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Decides where reading of a newly opened file begins.
 *
 * A record of the same inode, or of the same path, whose head and tail are still in place is gone on from. If its content
 * is not in place, the file was truncated or rewritten and is read from 0, whatever `start_at` says.
 */
export async function position(
  file: TrackedFile,
  known: readonly FileRecord[],
  unknown: Unknown,
  options: OpeningOptions,
): Promise<FileRecord | undefined> {
  file.head = await bytesAt(file, 0, Math.min(file.size, options.fingerprintBytes));
  const candidates = known.filter((record) => isCandidate(record, file));
  candidates.sort((a, b) => Number(b.ino === file.ino) - Number(a.ino === file.ino));
  for (const record of candidates) {
    const tail = await intactTail(file, record);
    if (tail === undefined) continue;
    file.startAt(record.offset, tail, record.discarding, record.records);
    return record;
  }
  const offset = candidates.length === 0 && unknown === 'end' ? file.size : 0;
  file.startAt(offset, await bytesBefore(file, offset));
  return candidates[0];
}

function isCandidate(record: FileRecord, file: TrackedFile): boolean {
  const { dev, ino, birthMs } = file;
  return isSameInode(record, { dev, ino, birthtimeMs: birthMs }) || record.path === file.path;
}

/** The bytes before the recorded offset when the file still is what the record says. */
async function intactTail(file: TrackedFile, record: FileRecord): Promise<Uint8Array | undefined> {
  if (file.size < record.offset) return undefined;
  const head = await bytesAt(file, 0, record.head.bytes);
  if (!isMark(record.head, head)) return undefined;
  const tail = await bytesBefore(file, record.offset);
  return tail.length === record.tail.bytes && isMark(record.tail, tail) ? tail : undefined;
}

function bytesBefore(file: TrackedFile, offset: number): Promise<Uint8Array> {
  const start = Math.max(0, offset - TAIL_BYTES);
  return bytesAt(file, start, offset - start);
}

async function bytesAt(file: TrackedFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const read = length === 0 ? 0 : await readAt(file.fd, bytes, length, start);
  return read === length ? bytes : bytes.slice(0, read);
}

/** Looks for files of the records that were renamed inside their directory, by identity. Path by record. */
export function findRenamed(records: readonly FileRecord[]): Map<FileRecord, string> {
  const renamed = new Map<FileRecord, string>();
  const byDirectory = Map.groupBy(records, ({ path }) => dirname(path));
  for (const [directory, wanted] of byDirectory) {
    for (const name of list(directory)) {
      const path = join(directory, name);
      const stats = look(path);
      if (stats === undefined || !stats.isFile()) continue;
      const record = wanted.find((candidate) => isSameInode(candidate, stats));
      if (record !== undefined && !renamed.has(record)) renamed.set(record, path);
    }
  }
  return renamed;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
