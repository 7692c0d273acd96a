import type { TrackedFile } from './tracked-file.ts';

/**
 * Which file had a name before another: the one may end in the middle of a record, which goes on in the other.
 *
 * Files that a look opens are put in their order when it ends, and only then they are read: whichever of them was opened
 * first, the oldest is the first that had the name, and the one that has it now is the last.
 */
export class Succession {
  /** The open file that had each name last. */
  readonly #last = new Map<string, TrackedFile>();
  readonly #names = new Map<TrackedFile, Set<string>>();
  readonly #opened = new Map<string, Set<TrackedFile>>();

  /** The file has this name, or had it. */
  opened(file: TrackedFile, name: string): void {
    const files = this.#opened.get(name) ?? new Set();
    this.#opened.set(name, files.add(file));
    const names = this.#names.get(file) ?? new Set();
    this.#names.set(file, names.add(name));
  }

  /** The look ends: the files that it opened get their predecessors, and are returned. */
  link(): Iterable<TrackedFile> {
    const opened = new Set<TrackedFile>();
    for (const [name, files] of this.#opened) {
      for (const file of [...files].sort((a, b) => compareAge(name, a, b))) {
        this.#follow(name, file);
        opened.add(file);
      }
    }
    this.#opened.clear();
    return opened;
  }

  #follow(name: string, file: TrackedFile): void {
    const predecessor = this.#last.get(name);
    // One that is found later than its successor comes too late to be read before it.
    if (predecessor !== undefined && compareAge(name, predecessor, file) > 0) return;
    this.#last.set(name, file);
    if (predecessor === undefined || comesAfter(predecessor, file)) return;
    file.predecessor = predecessor;
    predecessor.successor = file;
  }

  closed(file: TrackedFile): void {
    for (const name of this.#names.get(file) ?? []) {
      if (this.#last.get(name) === file) this.#last.delete(name);
      this.#opened.get(name)?.delete(file);
    }
    this.#names.delete(file);
    file.predecessor = undefined;
  }
}

/** Negative when `a` had the name before `b`. */
function compareAge(name: string, a: TrackedFile, b: TrackedFile): number {
  const hasName = (file: TrackedFile): number => Number(file.matched && file.path === name);
  return hasName(a) - hasName(b) || a.birthMs - b.birthMs;
}

/** True when the first, or one before it, has to wait for the second. */
function comesAfter(first: TrackedFile, second: TrackedFile): boolean {
  for (let file: TrackedFile | undefined = first; file !== undefined; file = file.predecessor) {
    if (file === second) return true;
  }
  return false;
}
