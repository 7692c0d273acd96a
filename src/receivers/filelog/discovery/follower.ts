import type { Tail } from 'tail';
import type { FileEvents, Watch } from '../../../core/file-system.ts';

/**
 * Opens the watch on one followed file, which the package `tail` supplies: inotify where there is some, polling where there
 * is none, and a notice when the file was renamed or removed. Undefined when the file is gone already. See
 * docs/decisions/0005-how-tail-is-used.md.
 */
export type Follow = (path: string, events: FileEvents) => Watch | undefined;

export interface FollowOptions {
  /** How often a file is looked at when there is no inotify for it. */
  readonly pollMs: number;
  /** Told once per file that falls back to polling. */
  onPolling(path: string, error: unknown): void;
}

/** Imports `tail` on first use, because start-up time and idle memory are budgeted. */
export async function loadFollow(options: FollowOptions): Promise<Follow> {
  const library = await import('./tail.ts');
  const Watching = watchOnly(library.Tail);
  return (path, events) => {
    try {
      return closer(new Watching(path, events, { fsWatchOptions: { persistent: false } }));
    } catch (error) {
      if (isGone(error)) return undefined;
      options.onPolling(path, error);
    }
    const polling = { persistent: false, interval: options.pollMs };
    try {
      return closer(new Watching(path, events, { useWatchFile: true, fsWatchOptions: polling }));
    } catch {
      return undefined;
    }
  };
}

function closer(tail: Tail): Watch {
  let open = true;
  return {
    close() {
      if (open) tail.unwatch();
      open = false;
    },
  };
}

interface WatchOptions {
  readonly useWatchFile?: boolean;
  readonly fsWatchOptions: Record<string, unknown>;
}

/**
 * `Tail` with everything that reads replaced. These are the methods that `Tail` (2.2.6) calls from its watch callbacks
 * and, for the first two, from its constructor, before the fields of a subclass exist.
 */
function watchOnly(Base: typeof Tail) {
  return class WatchOnlyTail extends Base {
    readonly #events: FileEvents;

    constructor(path: string, events: FileEvents, options: WatchOptions) {
      super(path, { ...options, fromBeginning: false });
      this.#events = events;
    }

    /** Where `Tail` would start reading: it never does, so no stat is spent on it. */
    latestPosition(): number {
      return 0;
    }

    readBlock(): void {
      // Our reader owns the descriptor and the offset.
    }

    change(): void {
      this.#events.onChange();
    }

    /** `Tail` would follow the path to its next file after a second; here a new file is found as a new file. */
    rename(): void {
      this.#events.onRename();
    }

    /** The polling strategy: any difference is news, and an inode that differs is a rename. */
    watchFileEvent(now: { ino: number }, before: { ino: number }): void {
      if (now.ino !== before.ino) this.#events.onRename();
      else this.#events.onChange();
    }
  };
}

function isGone(error: unknown): boolean {
  const text = error instanceof Error ? error.message : String(error);
  return text.includes('ENOENT');
}
