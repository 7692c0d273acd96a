import { posix } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import {
  identityKey,
  type DirectoryEntry,
  type DirectoryEvents,
  type FileEvents,
  type FileStats,
  type FileSystem,
  type OpenFile,
  type Watch,
} from '../../core/file-system.ts';
import { MemoryContent } from './memory-content.ts';
import { systemError } from './system-error.ts';

const { basename, dirname } = posix;

const DEVICE = 1;
/** As Linux. */
const MAX_LINKS = 40;
/** Files, directories and links that there may be in the course of a replay. */
const MAX_INODES = 100_000;

interface FileNode {
  readonly kind: 'file';
  readonly ino: number;
  readonly birthMs: number;
  modifiedMs: number;
  readonly content: MemoryContent;
  links: number;
  isRead: boolean;
  readonly followers: Set<FileEvents>;
}

interface DirectoryNode {
  readonly kind: 'directory';
  readonly ino: number;
  readonly birthMs: number;
  modifiedMs: number;
  readonly entries: Map<string, Node>;
  readonly watches: Set<DirectoryEvents>;
}

interface LinkNode {
  readonly kind: 'link';
  readonly target: string;
}

type Node = FileNode | DirectoryNode | LinkNode;

/**
 * Files that exist in memory, and change when a fixture says so. Whoever watches is told within the change, so nothing
 * depends on when the system tells.
 *
 * Invariants: times are of the clock; inodes are given in order and never again; a file lives on as long as it is open.
 */
export class MemoryFiles implements FileSystem {
  readonly #clock: Clock;
  readonly #root: DirectoryNode;
  #inodes = 0;
  /** Where files were made that nobody opened, by inode. */
  readonly #unread = new Map<number, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#root = this.#makeDirectory();
  }

  // What a fixture does.

  /** Writes to the end of a file, which is made with its directories when it is not there. */
  append(path: string, content: Uint8Array): void {
    const file = this.#fileToWrite(path);
    if (file.content.size === 0 && content.length > 0 && !file.isRead) this.#unread.set(file.ino, path);
    file.content.append(content);
    this.#changed(path, file);
  }

  /** Cuts a file off; throws ENOENT. */
  truncate(path: string, size = 0): void {
    const file = this.#mustBeFile(path);
    file.content.truncate(size);
    this.#changed(path, file);
  }

  /** Throws ENOENT, and EINVAL for a place within itself. What had the name `to` is gone. */
  rename(from: string, to: string): void {
    if (to.startsWith(`${from}/`)) throw systemError('EINVAL', from);
    const [source, name] = this.#mustHold(from);
    const node = source.entries.get(name);
    if (node === undefined) throw systemError('ENOENT', from);
    this.#take(source, name);
    const target = this.#directoryToWrite(dirname(to));
    if (target.entries.has(basename(to))) this.#drop(target, basename(to));
    this.#put(target, basename(to), node);
    if (node.kind === 'file') for (const follower of node.followers) follower.onRename();
  }

  /** Throws ENOENT. */
  unlink(path: string): void {
    this.#drop(...this.#mustHold(path));
  }

  /** A symbolic link. */
  link(path: string, target: string): void {
    this.#inode();
    this.#put(this.#directoryToWrite(dirname(path)), basename(path), { kind: 'link', target });
  }

  /** Where something was written that nobody opened, each once. */
  get unread(): ReadonlySet<string> {
    return new Set(this.#unread.values());
  }

  // What receivers see.

  stat(path: string): FileStats | undefined {
    const node = this.#find(path);
    return node === undefined ? undefined : statsOf(node);
  }

  list(directory: string): DirectoryEntry[] {
    const node = this.#mustBeDirectory(directory);
    return Array.from(node.entries, ([name, entry]) => ({
      name,
      isDirectory: () => entry.kind === 'directory',
      isSymbolicLink: () => entry.kind === 'link',
    }));
  }

  realPath(path: string): string {
    const place = this.#walk(path);
    if (place?.node === undefined) throw this.#missing(path);
    return pathOf(place);
  }

  readLink(path: string): string {
    const [directory, name] = this.#mustHold(path);
    const node = directory.entries.get(name);
    if (node?.kind !== 'link') throw systemError('EINVAL', path);
    return node.target;
  }

  open(path: string): OpenFile {
    const file = this.#mustBeFile(path);
    this.#noteRead(file);
    return {
      stat: () => statsOf(file),
      readAt: (into, length, position) => Promise.resolve(file.content.readAt(into, length, position)),
      close: () => undefined,
    };
  }

  readText(path: string): string {
    const file = this.#mustBeFile(path);
    this.#noteRead(file);
    const { content } = file;
    const bytes = Buffer.alloc(content.size);
    content.readAt(bytes, content.size, 0);
    return bytes.toString('utf8');
  }

  /** A directory that somebody wants to know of is there: it is what a volume is mounted at. */
  watch(directory: string, events: DirectoryEvents): Watch {
    const { watches } = this.#directoryToWrite(directory);
    watches.add(events);
    return { close: () => void watches.delete(events) };
  }

  readonly follow = (path: string, events: FileEvents): Watch | undefined => {
    const file = this.#find(path);
    if (file?.kind !== 'file') return undefined;
    file.followers.add(events);
    return { close: () => void file.followers.delete(events) };
  };

  #noteRead(file: FileNode): void {
    file.isRead = true;
    this.#unread.delete(file.ino);
  }

  #changed(path: string, file: FileNode): void {
    file.modifiedMs = this.#clock.now();
    const { names = [], above } = this.#walk(path) ?? {};
    if (above?.kind === 'directory') for (const watch of above.watches) watch.onChange(names.at(-1) ?? '');
    for (const follower of file.followers) follower.onChange();
  }

  #put(directory: DirectoryNode, name: string, node: Node): void {
    directory.entries.set(name, node);
    if (node.kind === 'file') node.links += 1;
    this.#named(directory, name);
  }

  #take(directory: DirectoryNode, name: string): void {
    const node = directory.entries.get(name);
    if (node?.kind === 'file') node.links -= 1;
    directory.entries.delete(name);
    this.#named(directory, name);
  }

  #drop(directory: DirectoryNode, name: string): void {
    const node = directory.entries.get(name);
    this.#take(directory, name);
    if (node?.kind === 'file') for (const follower of node.followers) follower.onRename();
  }

  #named(directory: DirectoryNode, name: string): void {
    directory.modifiedMs = this.#clock.now();
    for (const watch of directory.watches) watch.onName(name);
  }

  /** Throws ENOSPC. */
  #inode(): number {
    if (this.#inodes === MAX_INODES) throw systemError('ENOSPC', `after ${MAX_INODES} files`);
    return ++this.#inodes;
  }

  #makeDirectory(): DirectoryNode {
    const nowMs = this.#clock.now();
    return {
      kind: 'directory',
      ino: this.#inode(),
      birthMs: nowMs,
      modifiedMs: nowMs,
      entries: new Map(),
      watches: new Set(),
    };
  }

  /** Made where it is not there, with all above it. Throws ENOTDIR, ENOSPC. */
  #directoryToWrite(path: string): DirectoryNode {
    const place = this.#walk(path);
    if (place === undefined || place.node?.kind === 'file') throw systemError('ENOTDIR', path);
    let directory = this.#root;
    for (const name of place.names) {
      const known = directory.entries.get(name);
      const next = known?.kind === 'directory' ? known : this.#makeDirectory();
      if (next !== known) this.#put(directory, name, next);
      directory = next;
    }
    return directory;
  }

  #fileToWrite(path: string): FileNode {
    const place = this.#walk(path);
    if (place?.node?.kind === 'file') return place.node;
    if (place?.node !== undefined) throw systemError('EISDIR', path);
    const nowMs = this.#clock.now();
    const made: FileNode = {
      kind: 'file',
      ino: this.#inode(),
      birthMs: nowMs,
      modifiedMs: nowMs,
      content: new MemoryContent(),
      links: 0,
      isRead: false,
      followers: new Set(),
    };
    const real = place === undefined ? path : pathOf(place);
    this.#put(this.#directoryToWrite(dirname(real)), basename(real), made);
    return made;
  }

  #mustBeFile(path: string): FileNode {
    const node = this.#find(path);
    if (node === undefined) throw this.#missing(path);
    if (node.kind !== 'file') throw systemError('EISDIR', path);
    return node;
  }

  #mustBeDirectory(path: string): DirectoryNode {
    const node = this.#find(path);
    if (node === undefined) throw this.#missing(path);
    if (node.kind !== 'directory') throw systemError('ENOTDIR', path);
    return node;
  }

  /** Nothing is there, or a part of the path is no directory. */
  #missing(path: string): Error {
    return systemError(this.#walk(path) === undefined ? 'ENOTDIR' : 'ENOENT', path);
  }

  /** The directory that holds a name, and the name. */
  #mustHold(path: string): [DirectoryNode, string] {
    const directory = this.#mustBeDirectory(dirname(path));
    if (!directory.entries.has(basename(path))) throw systemError('ENOENT', path);
    return [directory, basename(path)];
  }

  /** Through links; throws ELOOP. */
  #find(path: string): FileNode | DirectoryNode | undefined {
    return this.#walk(path)?.node;
  }

  /**
   * Where a path leads through links, whether or not something is there; undefined when a part of it is no directory. Throws
   * ELOOP.
   */
  #walk(path: string): Place | undefined {
    const rest = partsOf(path);
    const names: string[] = [];
    const nodes: (FileNode | DirectoryNode | undefined)[] = [this.#root];
    for (let links = 0; rest.length > 0;) {
      const name = rest.pop() ?? '';
      if (name === '..') {
        names.pop();
        nodes.length = names.length + 1;
        continue;
      }
      const above = nodes.at(-1);
      const node = above?.kind === 'directory' ? above.entries.get(name) : undefined;
      if (node?.kind === 'link') {
        if (++links > MAX_LINKS) throw systemError('ELOOP', path);
        if (node.target.startsWith('/')) {
          names.length = 0;
          nodes.length = 1;
        }
        rest.push(...partsOf(node.target));
      } else if (node?.kind === 'file' && rest.length > 0) return undefined;
      else {
        names.push(name);
        nodes.push(node);
      }
    }
    return { names, node: nodes.at(-1), above: nodes.at(-2) };
  }
}

/** A path without links, and what is there. */
interface Place {
  readonly names: readonly string[];
  readonly node: FileNode | DirectoryNode | undefined;
  /** What holds it; undefined of the root. */
  readonly above: FileNode | DirectoryNode | undefined;
}

function pathOf({ names }: Place): string {
  return `/${names.join('/')}`;
}

/** The names of a path, the last one first. */
function partsOf(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

function statsOf(node: FileNode | DirectoryNode): FileStats {
  const isFile = node.kind === 'file';
  return {
    kind: node.kind,
    key: identityKey(DEVICE, node.ino),
    dev: DEVICE,
    ino: node.ino,
    birthMs: node.birthMs,
    modifiedMs: node.modifiedMs,
    size: isFile ? node.content.size : 0,
    links: isFile ? node.links : 1,
    mode: isFile ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
  };
}
