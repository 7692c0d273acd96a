/**
 * Files as they are read from outside: what `filelog` tails. `run` has those of the system (storage/node-file-system.ts);
 * replay has files that exist in memory and on its clock only. Errors are the system's, with their `code` (ENOENT, ...).
 */
export interface FileSystem {
  /** Follows links; undefined when nothing is there. */
  stat(path: string): FileStats | undefined;
  /** The entries of a directory, in no order. */
  list(directory: string): DirectoryEntry[];
  /** Where a path leads through links. */
  realPath(path: string): string;
  /** Where a link leads, as it is written there. */
  readLink(path: string): string;
  /** Opens for reading, and never waits for what is no regular file. */
  open(path: string): OpenFile;
  unlink(path: string): void;
  /** A small file of the system as text. */
  readText(path: string): string;
  /** Tells of names in a directory that come and go, in order. Throws when there is no such directory (ENOENT) or no watch. */
  watch(directory: string, events: DirectoryEvents): Watch;
  /** Tells of changes of one file, wherever it goes; undefined when it is gone. Absent: the receiver has its own way. */
  readonly follow?: (path: string, events: FileEvents) => Watch | undefined;
}

/** As `freshAt` of a read that takes nothing in. */
export const NOTHING_FRESH = Number.POSITIVE_INFINITY;

export interface OpenFile {
  stat(): FileStats;
  /**
   * Reads at a position; resolves with the bytes read, 0 at the end of the file. Those before `freshAt` (`position` when
   * absent) are not taken in: somebody looks whether they are what they were.
   */
  readAt(into: Uint8Array, length: number, position: number, freshAt?: number): Promise<number>;
  /** Once. */
  close(): void;
}

/** Of a directory entry itself: a link is a link. */
export interface DirectoryEntry {
  readonly name: string;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

export interface DirectoryEvents {
  /** A name appeared or went. */
  onName(name: string): void;
  /** The file of this name changed. */
  onChange(name: string): void;
  /** Anything else. */
  onOther(): void;
  /** The directory itself went; nothing more is told. */
  onGone(): void;
}

export interface FileEvents {
  /** The file may have grown, shrunk or changed its attributes. */
  onChange(): void;
  /** The file was moved or removed; the watch stays with it, wherever it is now. */
  onRename(): void;
}

export interface Watch {
  /** Idempotent. */
  close(): void;
}

export type FileKind = 'file' | 'directory' | 'fifo' | 'socket' | 'device';

/** Of 64 bits on some filesystems: a bigint where a number cannot hold it. */
export type Inode = number | bigint;

/** What the filesystem says of a file, with its inode exact. */
export interface FileStats {
  readonly kind: FileKind;
  /** Device and inode as one text. */
  readonly key: string;
  readonly dev: number;
  readonly ino: Inode;
  /** Milliseconds since the epoch; 0 where unknown. */
  readonly birthMs: number;
  readonly modifiedMs: number;
  readonly size: number;
  /** Names that lead to it: 0 once it was removed. */
  readonly links: number;
  /** Permission bits, and who owns it. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** One text for what tells two files apart. */
export function identityKey(dev: number, ino: Inode): string {
  return `${dev}:${ino}`;
}
