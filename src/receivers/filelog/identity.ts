import { createHash } from 'node:crypto';
import type { Inode } from '../../core/file-system.ts';

/**
 * What tells one file from another, kept across restarts.
 *
 * device + inode (+ birth time where the filesystem has one) name the file; the head and the bytes before the offset
 * prove that its content is still the content that was read. An inode used again, a file truncated and grown past the
 * old offset, a copy-and-truncate while nobody looked, and an atomic rewrite all fail one of the two.
 */
export interface FileRecord {
  readonly path: string;
  /** Where the path led when it was opened, if that is another one: the file is rotated there, not beside the link. */
  readonly realPath?: string | undefined;
  readonly dev: number;
  readonly ino: Inode;
  /** Milliseconds; 0 where unknown. */
  readonly birthMs: number;
  /** Bytes read and acknowledged: reading goes on here. */
  readonly offset: number;
  readonly head: Mark;
  /** The bytes just before `offset`. */
  readonly tail: Mark;
  /** What begins at `offset` is the rest of a record that was cut at max_log_size. */
  readonly afterCut: boolean;
  /** Records emitted so far, for include_file_record_number. */
  readonly records: number;
  /** Size when it was last looked at; undefined in records of earlier versions. */
  readonly size?: number | undefined;
  /** Set when the file was closed with nothing left to read: while both are the same, it need not be opened. */
  readonly modifiedMs?: number | undefined;
  /** No path that matches led to it any more. */
  readonly rotated?: boolean | undefined;
  /** `offset` is a place in the decompressed content; `size` and `modifiedMs` are those of the compressed file. */
  readonly compressed?: boolean | undefined;
  /** Bytes before `offset` whose records were not sent: they wait for further lines. */
  readonly pending?: readonly ByteRange[] | undefined;
}

/** From the first byte to the one behind the last. */
export type ByteRange = readonly [start: number, end: number];

/** A hash of some bytes, and how many they were. Logs may be secret, so their bytes are not kept. */
export interface Mark {
  readonly bytes: number;
  readonly hash: string;
}

/** Bytes before the offset that must still be there for reading to go on. */
export const TAIL_BYTES = 32;

export function markOf(content: Uint8Array): Mark {
  return { bytes: content.length, hash: createHash('sha256').update(content).digest('base64url').slice(0, 22) };
}

export function isMark(mark: Mark, content: Uint8Array): boolean {
  return content.length >= mark.bytes && markOf(content.subarray(0, mark.bytes)).hash === mark.hash;
}

/** The path of the file itself, where its rotated names and copies are. */
export function placeOf({ realPath, path }: FileRecord): string {
  return realPath ?? path;
}

/** What arithmetic may make of a time that is the same: doubles of today are 0.0003 ms apart. */
const BIRTH_ERROR_MS = 0.001;

/**
 * True when the two are the same file as far as the filesystem can tell. The inode of a file that was removed is soon that
 * of another one, and what follows each other fast is born within one millisecond: the times have to be equal.
 */
export function isSameInode(record: FileRecord, other: { readonly ino: Inode; readonly birthMs: number }): boolean {
  if (record.ino !== other.ino) return false;
  // A device number may change with a reboot; the content decides then.
  if (record.birthMs > 0 && other.birthMs > 0) return Math.abs(record.birthMs - other.birthMs) < BIRTH_ERROR_MS;
  return true;
}
