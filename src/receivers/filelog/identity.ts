import { createHash } from 'node:crypto';

/**
 * What tells one file from another, kept across restarts.
 *
 * device + inode (+ birth time where the filesystem has one) name the file; the head and the bytes before the offset
 * prove that its content is still the content that was read. An inode used again, a file truncated and grown past the
 * old offset, a copy-and-truncate while nobody looked, and an atomic rewrite all fail one of the two.
 */
export interface FileRecord {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  /** Milliseconds; 0 where unknown. */
  readonly birthMs: number;
  /** Bytes read and acknowledged: reading goes on here. */
  readonly offset: number;
  readonly head: Mark;
  /** The bytes just before `offset`. */
  readonly tail: Mark;
  /** The rest of an over-long line is being skipped (max_log_size_behavior: truncate). */
  readonly discarding: boolean;
  /** Records emitted so far, for include_file_record_number. */
  readonly records: number;
}

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

export function identityKey(dev: number, ino: number): string {
  return `${dev}:${ino}`;
}

/** True when the two are the same file as far as the filesystem can tell. */
export function isSameInode(record: FileRecord, other: { dev: number; ino: number; birthtimeMs: number }): boolean {
  if (record.ino !== other.ino) return false;
  // A device number may change with a reboot; the content decides then.
  if (record.birthMs > 0 && other.birthtimeMs > 0) return Math.abs(record.birthMs - other.birthtimeMs) < 2;
  return true;
}
