import { readdirSync, statSync, type Dirent, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { Glob } from '../glob.ts';

/** What one look at the disk found. */
export interface Found {
  /** Regular files by path, in the order of the patterns and then of the names. */
  readonly files: ReadonlyMap<string, Stats>;
  /** Directories that were listed or would hold a matching file: worth watching. */
  readonly directories: ReadonlySet<string>;
}

export interface FinderOptions {
  readonly include: readonly Glob[];
  readonly exclude: readonly Glob[];
  /** Told about a directory or file that cannot be looked at, each time. */
  onError(path: string, error: unknown): void;
}

/** Directories below `**` at most; deeper ones are not looked at. */
const MAX_DEPTH = 64;

/**
 * Lists the files that match. Synchronous on purpose: a listing of a few directories and one stat per matching file take
 * microseconds each from the kernel's caches, several times less than a trip through the thread pool.
 */
export class Finder {
  readonly #options: FinderOptions;
  #files = new Map<string, Stats>();
  #directories = new Set<string>();

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  find(): Found {
    this.#files = new Map();
    this.#directories = new Set();
    for (const glob of this.#options.include) this.#walk(glob, glob.root, 0, []);
    return { files: this.#files, directories: this.#directories };
  }

  /** True when a path is one that `find` would return if a regular file were there. */
  matches(path: string): boolean {
    return this.#options.include.some((glob) => glob.regex.test(path)) && !this.#excluded(path);
  }

  #excluded(path: string): boolean {
    return this.#options.exclude.some((glob) => glob.regex.test(path));
  }

  #walk(glob: Glob, directory: string, at: number, above: readonly string[]): void {
    const segment = glob.segments[at];
    if (segment === undefined) return;
    const isLast = at === glob.segments.length - 1;
    if (isLast || segment.kind !== 'literal') this.#directories.add(directory);
    switch (segment.kind) {
      case 'literal':
        if (isLast) this.#add(join(directory, segment.name));
        else this.#walk(glob, join(directory, segment.name), at + 1, above);
        return;
      case 'pattern':
        for (const entry of this.#list(directory)) {
          if (!segment.regex.test(entry.name)) continue;
          const path = join(directory, entry.name);
          if (isLast) {
            if (!entry.isDirectory()) this.#add(path);
          } else if (this.#isDirectory(entry, path)) this.#walk(glob, path, at + 1, above);
        }
        return;
      case 'globstar':
        this.#walkBelow(glob, directory, at, above);
        return;
    }
  }

  #walkBelow(glob: Glob, directory: string, at: number, above: readonly string[]): void {
    this.#walk(glob, directory, at + 1, above);
    if (above.length >= MAX_DEPTH) return;
    const self = this.#identity(directory);
    // A link that leads back to a directory above it would never end.
    if (self === undefined || above.includes(self)) return;
    const path = [...above, self];
    for (const entry of this.#list(directory)) {
      const child = join(directory, entry.name);
      if (this.#isDirectory(entry, child)) this.#walkBelow(glob, child, at, path);
    }
  }

  #list(directory: string): Dirent[] {
    try {
      return readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (!isMissing(error)) this.#options.onError(directory, error);
      return [];
    }
  }

  #add(path: string): void {
    if (this.#files.has(path) || this.#excluded(path)) return;
    const stats = this.#stat(path);
    if (stats?.isFile() === true) this.#files.set(path, stats);
  }

  #isDirectory(entry: Dirent, path: string): boolean {
    return entry.isDirectory() || (entry.isSymbolicLink() && this.#stat(path)?.isDirectory() === true);
  }

  #identity(directory: string): string | undefined {
    const stats = this.#stat(directory);
    return stats?.isDirectory() === true ? `${stats.dev}:${stats.ino}` : undefined;
  }

  #stat(path: string): Stats | undefined {
    try {
      return statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (!isMissing(error)) this.#options.onError(path, error);
      return undefined;
    }
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
