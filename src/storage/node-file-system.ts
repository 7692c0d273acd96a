import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  read,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  unlinkSync,
  watch,
  type BigIntStats,
  type Stats,
} from 'node:fs';
import {
  identityKey,
  type DirectoryEvents,
  type FileKind,
  type FileStats,
  type FileSystem,
  type Inode,
  type OpenFile,
  type Watch,
} from '../core/file-system.ts';

/** The files of the system. Calls are synchronous where they take microseconds; reading content is not. */
export const nodeFileSystem: FileSystem = {
  stat(path) {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? undefined : fileStats(stats, () => statSync(path, { bigint: true }));
  },
  list: (directory) => readdirSync(directory, { withFileTypes: true }),
  realPath: (path) => realpathSync.native(path),
  readLink: (path) => readlinkSync(path),
  open: (path) => new Descriptor(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)),
  unlink: (path) => unlinkSync(path),
  readText: (path) => readFileSync(path, 'utf8'),
  watch: watchDirectory,
};

class Descriptor implements OpenFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): FileStats {
    return fileStats(fstatSync(this.#fd), () => fstatSync(this.#fd, { bigint: true }));
  }

  readAt(into: Uint8Array, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, into, 0, length, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
    });
  }

  close(): void {
    closeSync(this.#fd);
  }
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
    links: stats.nlink,
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

function watchDirectory(directory: string, events: DirectoryEvents): Watch {
  const watcher = watch(directory, { persistent: false }, (event, name) => {
    if (name === null) events.onOther();
    else if (event === 'rename') events.onName(name);
    else events.onChange(name);
  });
  watcher.on('error', () => events.onGone());
  return watcher;
}
