import { basename, join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import type { FileSystem } from '../../../core/file-system.ts';

/** A path that may lead to a rotated file, and the path that the file had when it matched. */
export interface RotatedPath {
  readonly path: string;
  readonly name: string;
}

/**
 * Names that files were renamed to, as the directory watch tells, when the new name does not match the patterns: the way
 * to a file that was created, filled and rotated away before anybody looked, possibly several times over.
 *
 * A directory reports a rename as two name events in a row, the old name and then the new one. Two files created in a row
 * look the same, so the new name must also look like a rotated one: the same stem and then a number, a date or `.old`.
 * Names are kept for a while, because the next rotation may move the file on before it was opened.
 */
export class RotatedNames {
  readonly #clock: Clock;
  readonly #matches: (path: string) => boolean;
  readonly #names = new Map<string, Rotation>();
  /** The name event before this one, if no other event came since. */
  #previous: NameEvent | undefined;

  /** `matches` tells the paths that are followed anyway. */
  constructor(clock: Clock, matches: (path: string) => boolean) {
    this.#clock = clock;
    this.#matches = matches;
  }

  /** Takes note that a name came or went; `name` is undefined for any other event of the directory. */
  onEvent(directory: string, name: string | undefined): void {
    const previous = this.#previous;
    this.#previous = name === undefined ? undefined : this.#noted(directory, name);
    if (name === undefined || previous === undefined || previous.name === name) return;
    if (previous.directory === directory && this.#isRecent(previous)) this.#pair(directory, previous.name, name);
  }

  /** Paths that may lead to a rotated file now; each of them once at least, however long ago anybody asked last. */
  paths(): RotatedPath[] {
    const oldestMs = this.#clock.monotonic() - KEEP_MS;
    for (const [path, rotation] of this.#names) {
      if (rotation.wasTold && rotation.atMs < oldestMs) this.#names.delete(path);
      rotation.wasTold = true;
    }
    return Array.from(this.#names, ([path, { name }]) => ({ path, name }));
  }

  #noted(directory: string, name: string): NameEvent {
    const event = { directory, name, atMs: this.#clock.monotonic(), isFresh: true };
    // Events are read once more between the two.
    setImmediate(() => setImmediate(() => (event.isFresh = false)));
    return event;
  }

  /** However long this process did nothing meanwhile, the other half of a rename is among the events that it reads next. */
  #isRecent({ isFresh, atMs }: NameEvent): boolean {
    return isFresh || this.#clock.monotonic() - atMs <= PAIR_MS;
  }

  #pair(directory: string, fromName: string, name: string): void {
    const from = join(directory, fromName);
    const to = join(directory, name);
    const matched = this.#names.get(from)?.name ?? (this.#matches(from) ? from : undefined);
    if (matched === undefined || this.#matches(to) || !looksRotated(name, stemOf(basename(matched)))) return;
    this.#names.delete(to);
    this.#names.set(to, { name: matched, atMs: this.#clock.monotonic(), wasTold: false });
    if (this.#names.size > MAX_NAMES) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const path of this.#names.keys()) {
      this.#names.delete(path);
      return;
    }
  }
}

/**
 * Paths in these directories that do not match, but look like the rotated names of paths that would: `app.log.1` and
 * `app-20260102.log` of `app.log`.
 */
export function rotatedSiblings(
  files: FileSystem,
  directories: Iterable<string>,
  matches: (path: string) => boolean,
): RotatedPath[] {
  const paths: RotatedPath[] = [];
  for (const directory of directories) {
    for (const name of namesIn(files, directory)) {
      const path = join(directory, name);
      if (COMPRESSED.test(name) || matches(path)) continue;
      const originals = originalNames(name).map((original) => join(directory, original));
      const original = originals.find((candidate) => matches(candidate));
      if (original !== undefined) paths.push({ path, name: original });
    }
  }
  return paths;
}

/** What a file may have been called before it was rotated. */
function originalNames(name: string): string[] {
  const names = [
    name.replace(/\.(old|bak|prev)$/, ''),
    name.replace(/[-._]\d[\dT:_+-]*(?=\.|$)/, ''),
    name.replace(/[-._]\d.*$/, ''),
  ];
  return names.filter((original) => original !== name && original !== '');
}

/** None where it cannot be listed. */
export function namesIn(files: FileSystem, directory: string): string[] {
  try {
    return files.list(directory).map(({ name }) => name);
  } catch {
    return [];
  }
}

interface NameEvent {
  readonly directory: string;
  readonly name: string;
  readonly atMs: number;
  /** The events that were there right after it have not all been read. */
  isFresh: boolean;
}

interface Rotation {
  /** The path under which the file matched. */
  readonly name: string;
  readonly atMs: number;
  wasTold: boolean;
}

const MAX_NAMES = 1000;
const KEEP_MS = 10_000;
/** The halves of a rename come within one read of the kernel's event queue, or two; more time than between these. */
const PAIR_MS = 50;
const COMPRESSED = /\.(gz|tgz|zst|xz|bz2|lz4|zip|tmp|part)$/i;

function stemOf(name: string): string {
  const dot = name.indexOf('.');
  return dot > 0 ? name.slice(0, dot) : name;
}

function looksRotated(name: string, stem: string): boolean {
  if (!name.startsWith(stem) || COMPRESSED.test(name)) return false;
  return /\d|\.(old|bak|prev)$/.test(name.slice(stem.length));
}
