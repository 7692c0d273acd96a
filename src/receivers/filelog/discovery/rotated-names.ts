import { basename, join } from 'node:path';

/**
 * Names that files were renamed to, as the directory watch tells, when the new name does not match the patterns: the way
 * to a file that was created, filled and rotated away before anybody looked, possibly several times.
 *
 * A directory reports a rename as two name events in a row, the old name and then the new one. Two files created in a row
 * look the same, so the new name must also look like a rotated one: the same stem and then a number, a date or `.old`.
 */
export class RotatedNames {
  readonly #matches: (path: string) => boolean;
  /** Stem of the followed name, by present path. */
  readonly #stems = new Map<string, string>();

  constructor(matches: (path: string) => boolean) {
    this.#matches = matches;
  }

  /** Takes note of a name event; `previous` is the name of the event directly before it. */
  onName(directory: string, name: string, previous: string | undefined): void {
    if (previous === undefined || previous === name) return;
    const from = join(directory, previous);
    const to = join(directory, name);
    const stem = this.#stems.get(from) ?? (this.#matches(from) ? stemOf(previous) : undefined);
    if (stem === undefined || this.#matches(to) || !looksRotated(name, stem)) return;
    this.#stems.delete(from);
    this.#stems.set(to, stem);
    if (this.#stems.size > MAX_NAMES) this.#forgetOldest();
  }

  paths(): IterableIterator<string> {
    return this.#stems.keys();
  }

  /** The file is not there, or not one to read. */
  forget(path: string): void {
    this.#stems.delete(path);
  }

  #forgetOldest(): void {
    for (const path of this.#stems.keys()) {
      this.#stems.delete(path);
      return;
    }
  }
}

const MAX_NAMES = 1000;
const COMPRESSED = /\.(gz|tgz|zst|xz|bz2|lz4|zip|tmp|part)$/i;

function stemOf(name: string): string {
  const dot = basename(name).indexOf('.');
  return dot > 0 ? name.slice(0, dot) : name;
}

function looksRotated(name: string, stem: string): boolean {
  if (!name.startsWith(stem) || COMPRESSED.test(name)) return false;
  return /\d|\.(old|bak|prev)$/.test(name.slice(stem.length));
}
