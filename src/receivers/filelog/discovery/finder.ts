import type { Clock } from '../../../core/clock.ts';
import type { DirectoryEntry, FileStats, FileSystem } from '../../../core/file-system.ts';
import type { Glob, Segment } from '../glob.ts';
import { Listings, type Listing } from './listings.ts';
import { isCode, isMissing } from './missing.ts';
import { UNDECODABLE, type SkipReason } from './skipped.ts';

/** A regular file at a path that matches. */
export interface FoundFile {
  readonly path: string;
  /** As of the last time that the path was looked at, which may be some looks ago. */
  readonly stats: FileStats;
}

/** What one look at the disk found. */
export interface Found {
  /** In the order of the patterns and then of the names; a file with two names is there twice. */
  readonly files: readonly FoundFile[];
  /** Directories that were listed or would hold a matching file: worth watching. */
  readonly directories: ReadonlySet<string>;
  /** Names that match and cannot be read as a log, by why. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
}

export interface FinderOptions {
  readonly include: readonly Glob[];
  readonly exclude: readonly Glob[];
  readonly clock: Clock;
  readonly files: FileSystem;
  /** Told about a directory or file that cannot be looked at, each time. */
  onError(path: string, error: unknown): void;
  /** Told once about each name that matches and is skipped. */
  onSkipped(path: string, reason: SkipReason): void;
}

/** Directories below `**` at most; deeper ones are not looked at. */
const MAX_DEPTH = 64;
/** Paths that one look asks the filesystem about, or a tenth of all; besides new ones and those that an event named. */
const MIN_TURN = 250;

/** One path that matches, kept from look to look. */
interface Entry {
  readonly path: string;
  stats: FileStats | undefined;
  skipped: SkipReason | undefined;
  /** The last look that came by it. */
  look: number;
  /** Must be asked about in this look. */
  stale: boolean;
}

/**
 * Lists the files that match. Synchronous on purpose: a stat takes 2 µs from the kernel's caches, several times less than a
 * trip through the thread pool.
 *
 * With few files every path is asked about in every look. With more than MIN_TURN, a look asks about new names, names that
 * events told of, and the next MIN_TURN (or tenth) of the others in turn, so that its cost is small and a lost event is made
 * up for within ten looks.
 */
export class Finder {
  readonly #options: FinderOptions;
  readonly #listings: Listings;
  readonly #entries = new Map<string, Entry>();
  /** What a segment takes from a listing, in order. */
  readonly #matches = new WeakMap<Listing, Map<Segment, readonly Entry[]>>();
  #directories = new Set<string>();
  #order: Entry[] = [];
  #turn = 0;
  #look = 0;

  constructor(options: FinderOptions) {
    this.#options = options;
    this.#listings = new Listings(options.clock, options.files, (path, error) => options.onError(path, error));
  }

  /** True when `touch` makes a difference. */
  get takesTurns(): boolean {
    return this.#order.length > MIN_TURN;
  }

  /** The next look asks about this path, whoever's turn it is. */
  touch(path: string): void {
    const entry = this.#entries.get(path);
    if (entry !== undefined) entry.stale = true;
  }

  /** With `everything`, every path is asked about, for directories that cannot be watched. */
  find(everything = false): Found {
    this.#look += 1;
    this.#directories = new Set();
    this.#order = [];
    for (const glob of this.#options.include) this.#walk(glob, glob.root, 0, []);
    this.#listings.endLook();
    if (this.#entries.size > this.#order.length) this.#forgetOthers();
    this.#ask(everything || !this.takesTurns);
    return this.#result();
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
      case 'literal': {
        const path = joined(directory, segment.name);
        if (!isLast) this.#walk(glob, path, at + 1, above);
        else if (!this.#excluded(path)) this.#add(this.#entry(path, true));
        return;
      }
      case 'pattern': {
        const listing = this.#listings.list(directory);
        if (listing === undefined) return;
        if (isLast) for (const entry of this.#matching(listing, segment, directory)) this.#add(entry);
        else this.#walkMatching(glob, listing, directory, at, above);
        return;
      }
      case 'globstar':
        this.#walkBelow(glob, directory, at, above);
        return;
    }
  }

  #walkMatching(glob: Glob, listing: Listing, directory: string, at: number, above: readonly string[]): void {
    const segment = glob.segments[at];
    if (segment?.kind !== 'pattern') return;
    for (const entry of listing.entries) {
      if (!segment.regex.test(entry.name)) continue;
      const path = joined(directory, entry.name);
      if (this.#isDirectory(entry, path)) this.#walk(glob, path, at + 1, above);
    }
  }

  #walkBelow(glob: Glob, directory: string, at: number, above: readonly string[]): void {
    this.#walk(glob, directory, at + 1, above);
    if (above.length >= MAX_DEPTH) return;
    const listing = this.#listings.list(directory);
    // A link that leads back to a directory above it would never end.
    if (listing === undefined || above.includes(listing.identity)) return;
    const path = [...above, listing.identity];
    for (const entry of listing.entries) {
      const child = joined(directory, entry.name);
      if (this.#isDirectory(entry, child)) this.#walkBelow(glob, child, at, path);
    }
  }

  #matching(listing: Listing, segment: Segment & { kind: 'pattern' }, directory: string): readonly Entry[] {
    const bySegment = this.#matches.get(listing) ?? new Map<Segment, readonly Entry[]>();
    const known = bySegment.get(segment);
    if (known !== undefined) return known;
    const matching = this.#match(listing, segment, directory);
    this.#matches.set(listing, bySegment.set(segment, matching));
    return matching;
  }

  #match(listing: Listing, segment: Segment & { kind: 'pattern' }, directory: string): Entry[] {
    const matching: Entry[] = [];
    for (const entry of listing.entries) {
      if (!segment.regex.test(entry.name)) continue;
      // With a plain `*`, directories are what one expects to find besides the files.
      if (segment.all && entry.isDirectory()) continue;
      const path = joined(directory, entry.name);
      if (!this.#excluded(path)) matching.push(this.#entry(path, false));
    }
    return matching;
  }

  #entry(path: string, always: boolean): Entry {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      entry = { path, stats: undefined, skipped: undefined, look: 0, stale: true };
      this.#entries.set(path, entry);
    }
    if (always) entry.stale = true;
    return entry;
  }

  #add(entry: Entry): void {
    if (entry.look === this.#look) return;
    // It was left out meanwhile, so it is not known to be the same.
    if (entry.look !== this.#look - 1) entry.stale = true;
    entry.look = this.#look;
    this.#order.push(entry);
  }

  #forgetOthers(): void {
    for (const [path, { look }] of this.#entries) if (look !== this.#look) this.#entries.delete(path);
  }

  #ask(everything: boolean): void {
    const order = this.#order;
    const from = everything || this.#turn >= order.length ? 0 : this.#turn;
    const to = everything ? order.length : from + Math.max(MIN_TURN, Math.ceil(order.length / 10));
    this.#turn = to;
    for (const [at, entry] of order.entries()) {
      if (entry.stale || (at >= from && at < to)) this.#refresh(entry);
    }
  }

  #refresh(entry: Entry): void {
    entry.stale = false;
    try {
      const stats = this.#options.files.stat(entry.path);
      entry.stats = stats?.kind === 'file' ? stats : undefined;
      this.#skip(entry, reasonOf(entry.path, stats));
    } catch (error) {
      if (isMissing(error)) entry.stats = undefined;
      else if (isCode(error, 'ELOOP')) this.#skip(entry, 'link_loop');
      else {
        // What cannot be looked at for now stays what it was.
        entry.stale = true;
        this.#options.onError(entry.path, error);
      }
    }
  }

  #skip(entry: Entry, reason: SkipReason | undefined): void {
    if (reason === entry.skipped) return;
    entry.skipped = reason;
    if (reason === undefined) return;
    entry.stats = undefined;
    this.#options.onSkipped(entry.path, reason);
  }

  #result(): Found {
    const files: FoundFile[] = [];
    const skipped = new Map<SkipReason, number>();
    for (const entry of this.#order) {
      if (isFound(entry)) files.push(entry);
      else if (entry.skipped !== undefined) skipped.set(entry.skipped, (skipped.get(entry.skipped) ?? 0) + 1);
    }
    return { files, directories: this.#directories, skipped };
  }

  #isDirectory(entry: DirectoryEntry, path: string): boolean {
    if (!entry.isSymbolicLink()) return entry.isDirectory();
    try {
      return this.#options.files.stat(path)?.kind === 'directory';
    } catch (error) {
      if (!isMissing(error) && !isCode(error, 'ELOOP')) this.#options.onError(path, error);
      return false;
    }
  }
}

function isFound(entry: Entry): entry is Entry & FoundFile {
  return entry.stats !== undefined;
}

function reasonOf(path: string, stats: FileStats | undefined): SkipReason | undefined {
  if (stats === undefined) return path.includes(UNDECODABLE) ? 'undecodable_name' : undefined;
  return stats.kind === 'file' ? undefined : stats.kind;
}

function joined(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}
