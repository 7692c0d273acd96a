import type { Clock } from '../../../core/clock.ts';
import type { DirectoryEntry, FileStats, FileSystem } from '../../../core/file-system.ts';
import { isMissing } from './missing.ts';

/** The names in one directory, sorted. The same object as long as they are known to be the same. */
export interface Listing {
  readonly entries: readonly DirectoryEntry[];
  /** Device and inode of the directory. */
  readonly identity: string;
}

interface Known extends Listing {
  readonly modifiedMs: number;
  /** When the directory was first seen with this modification time. */
  readonly sinceMs: number;
  /** The names were read so long after `sinceMs` that any later change has another modification time. */
  readonly settled: boolean;
  look: number;
}

/** More than the step of any filesystem's clock (FAT: two seconds). Our own clock measures it, so the two need not agree. */
const SETTLE_MS = 3000;

/**
 * Lists directories, and reads a directory again only when it may have changed.
 *
 * A name that comes or goes moves the modification time of its directory. A change within the clock step of the time that is
 * already there does not, so a listing counts as final only when it was read well after that time was first seen.
 */
export class Listings {
  readonly #clock: Clock;
  readonly #files: FileSystem;
  readonly #onError: (path: string, error: unknown) => void;
  readonly #known = new Map<string, Known>();
  #look = 0;

  /** `onError` is told about a directory that cannot be listed, each time; its last listing then stays. */
  constructor(clock: Clock, files: FileSystem, onError: (path: string, error: unknown) => void) {
    this.#clock = clock;
    this.#files = files;
    this.#onError = onError;
  }

  /** Undefined when the directory is not there, or could never be listed. */
  list(directory: string): Listing | undefined {
    const known = this.#known.get(directory);
    if (known?.look === this.#look) return known;
    try {
      const stats = this.#files.stat(directory);
      if (stats?.kind === 'directory') return this.#remember(directory, this.#renew(directory, stats, known));
    } catch (error) {
      if (!isMissing(error)) {
        this.#onError(directory, error);
        return known === undefined ? undefined : this.#remember(directory, known);
      }
    }
    this.#known.delete(directory);
    return undefined;
  }

  /** Ends a look: what it did not ask for is forgotten. */
  endLook(): void {
    for (const [directory, { look }] of this.#known) if (look !== this.#look) this.#known.delete(directory);
    this.#look += 1;
  }

  #renew(directory: string, stats: FileStats, known: Known | undefined): Known {
    const { key: identity, modifiedMs } = stats;
    const isSame = known?.identity === identity && known.modifiedMs === modifiedMs;
    if (isSame && known.settled) return known;
    const nowMs = this.#clock.monotonic();
    const sinceMs = isSame ? known.sinceMs : nowMs;
    const entries = this.#files.list(directory).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { entries, identity, modifiedMs, sinceMs, settled: nowMs - sinceMs >= SETTLE_MS, look: 0 };
  }

  #remember(directory: string, known: Known): Listing {
    known.look = this.#look;
    this.#known.set(directory, known);
    return known;
  }
}
