import { fstatSync, statSync, type BigIntStats, type Stats } from 'node:fs';
import { identityKey, type Inode } from './identity.ts';

export type FileKind = 'file' | 'directory' | 'fifo' | 'socket' | 'device';

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
  /** Permission bits, and who owns it. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Follows links; undefined when nothing is there. Throws what the system says otherwise. */
export function statPath(path: string): FileStats | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : fileStats(stats, () => statSync(path, { bigint: true }));
}

export function statDescriptor(fd: number): FileStats {
  return fileStats(fstatSync(fd), () => fstatSync(fd, { bigint: true }));
}

/**
 * `exact` is asked only where the number cannot hold the inode: overlayfs with `xino` and large XFS volumes use the upper
 * bits, and two files would be taken for one.
 */
export function fileStats(stats: Stats, exact: () => BigIntStats): FileStats {
  const ino: Inode = Number.isSafeInteger(stats.ino) ? stats.ino : BigInt.asUintN(64, exact().ino);
  return {
    kind: kindOf(stats),
    key: identityKey(stats.dev, ino),
    dev: stats.dev,
    ino,
    birthMs: stats.birthtimeMs,
    modifiedMs: stats.mtimeMs,
    size: stats.size,
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
  };
}

function kindOf(stats: Stats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isFIFO()) return 'fifo';
  return stats.isSocket() ? 'socket' : 'device';
}
