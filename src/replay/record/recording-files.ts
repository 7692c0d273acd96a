import { dirname, join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type {
  DirectoryEntry,
  DirectoryEvents,
  FileStats,
  FileSystem,
  OpenFile,
  Watch,
} from '../../core/file-system.ts';
import type { FileOperation } from '../input.ts';

/**
 * Told of what happened to a file, in order. `isLater`: it is not the start of a file that was there already, even when it
 * is told of before everything runs.
 */
export type OnFile = (path: string, operation: FileOperation, isLater?: boolean) => void;

/** Of more, those that were longest not looked at are forgotten: what happens to them is not told. */
const KNOWN_FILES = 4096;

/** The first bytes of a file, which tell whether it still is what it was. */
const HEAD_BYTES = 1024;

interface Known {
  readonly id: string;
  /** Where it is, as far as anybody has looked. */
  path: string;
  /** The end of what was told of it. */
  end: number;
  /** Something was told of it, so it is there for whoever was told. */
  isTold: boolean;
  head: Uint8Array;
}

/**
 * The files of the system, and a recording of what is read of them: content is told of when it is read, a rotation or
 * truncation when somebody looks. What a receiver passes over, because it begins at the end, is not told of.
 */
export class RecordingFiles implements FileSystem {
  readonly #files: FileSystem;
  readonly #onFile: OnFile;
  /** By id. */
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_FILES });
  /** The file that each path led to, by its id. */
  readonly #paths = new Map<string, string>();
  readonly #links = new Set<string>();

  constructor(files: FileSystem, onFile: OnFile) {
    this.#files = files;
    this.#onFile = onFile;
  }

  stat(path: string): FileStats | undefined {
    const stats = this.#files.stat(path);
    this.#noteName(path, stats);
    if (stats !== undefined) this.#noteSize(stats);
    return stats;
  }

  list(directory: string): DirectoryEntry[] {
    return this.#files.list(directory);
  }

  realPath(path: string): string {
    return this.#files.realPath(path);
  }

  readLink(path: string): string {
    return this.#files.readLink(path);
  }

  unlink(path: string): void {
    this.#files.unlink(path);
    this.#noteName(path, undefined);
  }

  readText(path: string): string {
    return this.#files.readText(path);
  }

  watch(directory: string, events: DirectoryEvents): Watch {
    return this.#files.watch(directory, events);
  }

  open(path: string): OpenFile {
    const content = this.#files.open(path);
    const stats = content.stat();
    const id = idOf(stats);
    if (stats.kind === 'file') this.#noteOpened(path, stats);
    return {
      stat: () => {
        const now = content.stat();
        this.#noteSize(now);
        return now;
      },
      readAt: async (into, length, position, freshAt = position) => {
        const read = await content.readAt(into, length, position);
        this.#noteRead(id, into.subarray(0, read), position, freshAt);
        return read;
      },
      close: () => content.close(),
    };
  }

  #noteOpened(path: string, stats: FileStats): void {
    const id = idOf(stats);
    const real = this.#realPath(path);
    if (real !== path && !this.#links.has(path)) {
      this.#links.add(path);
      this.#onFile(path, { op: 'link', target: real });
    }
    const before = this.#paths.get(real);
    if (before !== undefined && before !== id) this.#moved(before);
    this.#paths.set(real, id);
    const known = this.#known.get(id);
    if (known === undefined) this.#known.set(id, { id, path: real, end: 0, isTold: false, head: NO_BYTES });
    else if (known.path !== real) this.#rename(known, real);
  }

  /** Another file, or none, is where one was. */
  #noteName(path: string, stats: FileStats | undefined): void {
    const id = this.#paths.get(path);
    if (id === undefined || (stats !== undefined && id === idOf(stats))) return;
    this.#paths.delete(path);
    this.#moved(id);
  }

  /** A file is no longer where it was: it is beside that, or gone. */
  #moved(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    const to = this.#find(id, dirname(known.path));
    if (to !== undefined) {
      if (to !== known.path) this.#rename(known, to);
      return;
    }
    this.#known.delete(id);
    if (known.isTold) this.#onFile(known.path, { op: 'remove' });
  }

  /** What is in its new place has gone further, as in a row of numbered files, or is gone. */
  #rename(known: Known, to: string): void {
    const from = known.path;
    known.path = to;
    for (const other of this.#known.values()) {
      if (other === known || other.path !== to) continue;
      const place = this.#find(other.id, dirname(to));
      if (place === undefined || place === to || place === from) this.#known.delete(other.id);
      else this.#rename(other, place);
    }
    if (known.isTold) this.#onFile(from, { op: 'rename', to });
  }

  #find(id: string, directory: string): string | undefined {
    try {
      const paths = this.#files.list(directory).map(({ name }) => join(directory, name));
      return paths.find((path) => {
        const stats = this.#files.stat(path);
        return stats !== undefined && idOf(stats) === id;
      });
    } catch {
      return undefined;
    }
  }

  #noteSize(stats: FileStats): void {
    const known = this.#known.get(idOf(stats));
    if (known === undefined || stats.size >= known.end) return;
    this.#restart(known);
  }

  #restart(known: Known): void {
    known.end = 0;
    known.head = NO_BYTES;
    if (known.isTold) this.#onFile(known.path, { op: 'truncate', size: 0 });
  }

  #noteRead(id: string, content: Uint8Array, position: number, freshAt: number): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    if (position === 0) {
      if (!startsAlike(known.head, content)) this.#restart(known);
      if (content.length > known.head.length) known.head = new Uint8Array(content.subarray(0, HEAD_BYTES));
    }
    const end = position + content.length;
    const from = Math.max(known.end, freshAt);
    if (end <= from) return;
    const isLater = known.end === 0 && from > 0;
    known.end = end;
    known.isTold = true;
    this.#onFile(known.path, { op: 'append', content: content.subarray(from - position) }, isLater);
  }

  #realPath(path: string): string {
    try {
      return this.#files.realPath(path);
    } catch {
      return path;
    }
  }
}

const NO_BYTES = new Uint8Array(0);

/** Inodes are used again, and soon: a new file is known by its birth. */
function idOf({ key, birthMs }: FileStats): string {
  return `${key} ${birthMs}`;
}

/** As far as both go. */
function startsAlike(head: Uint8Array, content: Uint8Array): boolean {
  const length = Math.min(head.length, content.length);
  return Buffer.compare(head.subarray(0, length), content.subarray(0, length)) === 0;
}
