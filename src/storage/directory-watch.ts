import { watch, type FSWatcher } from 'node:fs';

export interface DirectoryWatchOptions {
  /** A name appeared in, or went from, `directory`; undefined for any other event. In the order of the kernel. */
  onEvent(directory: string, name: string | undefined): void;
  /** The file of this name changed. */
  onChange(directory: string, name: string): void;
}

/** Watches directories for names that come and go. */
export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #failed = 0;

  constructor(options: DirectoryWatchOptions) {
    this.#options = options;
  }

  /** False when a directory cannot be watched, so that looking often is the only way to notice. */
  get complete(): boolean {
    return this.#failed === 0;
  }

  /** Watches exactly these directories; those that do not exist (yet) are left out. */
  update(directories: ReadonlySet<string>): void {
    for (const [directory, watcher] of this.#watchers) {
      if (directories.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    this.#failed = 0;
    for (const directory of directories) if (!this.#watchers.has(directory)) this.#add(directory);
  }

  close(): void {
    this.update(new Set());
  }

  #add(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (event, name) => {
        this.#options.onEvent(directory, event === 'rename' && name !== null ? name : undefined);
        if (event === 'change' && name !== null) this.#options.onChange(directory, name);
      });
      // The directory itself went: the next look decides what to watch.
      watcher.on('error', () => this.#drop(directory, watcher));
      this.#watchers.set(directory, watcher);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) this.#failed += 1;
    }
  }

  #drop(directory: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(directory) === watcher) this.#watchers.delete(directory);
  }
}
