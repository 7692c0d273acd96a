import type { FileSystem, Watch } from '../core/file-system.ts';

export interface DirectoryWatchOptions {
  readonly files: FileSystem;
  /** A name appeared in, or went from, `directory`; undefined for any other event. In the order of the kernel. */
  onEvent(directory: string, name: string | undefined): void;
  /** The file of this name changed. */
  onChange(directory: string, name: string): void;
}

/** Watches directories for names that come and go. */
export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions;
  readonly #watches = new Map<string, Watch>();
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
    for (const [directory, watch] of this.#watches) {
      if (directories.has(directory)) continue;
      watch.close();
      this.#watches.delete(directory);
    }
    this.#failed = 0;
    for (const directory of directories) if (!this.#watches.has(directory)) this.#add(directory);
  }

  close(): void {
    this.update(new Set());
  }

  #add(directory: string): void {
    const options = this.#options;
    const onEvent = (name: string | undefined): void => options.onEvent(directory, name);
    try {
      const watch = options.files.watch(directory, {
        onName: onEvent,
        onChange: (name) => {
          onEvent(undefined);
          options.onChange(directory, name);
        },
        onOther: () => onEvent(undefined),
        // The next look decides what to watch.
        onGone: () => this.#drop(directory, watch),
      });
      this.#watches.set(directory, watch);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) this.#failed += 1;
    }
  }

  #drop(directory: string, watch: Watch): void {
    watch.close();
    if (this.#watches.get(directory) === watch) this.#watches.delete(directory);
  }
}
