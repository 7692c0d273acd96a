import type { TrackedFile } from './tracked-file.ts';

/** Which file had a name before another: the one may end in the middle of a record, which goes on in the other. */
export class Succession {
  /** The open file that was last opened under each name. */
  readonly #last = new Map<string, TrackedFile>();

  opened(file: TrackedFile, name: string): void {
    const predecessor = this.#last.get(name);
    this.#last.set(name, file);
    if (predecessor === undefined || predecessor === file) return;
    file.predecessor = predecessor;
    predecessor.successor = file;
  }

  closed(file: TrackedFile): void {
    for (const name of [file.path, file.openedAs]) if (this.#last.get(name) === file) this.#last.delete(name);
  }
}
