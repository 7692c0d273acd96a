import type { FileSystem } from '../../../core/file-system.ts';

/** Names of users and groups by number, from the files of the system; the number itself where there is no name. */
export class OwnerNames {
  readonly #files: FileSystem;
  readonly #path: string;
  #names: ReadonlyMap<number, string> | undefined;

  /** `/etc/passwd` or `/etc/group`. */
  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  name(id: number): string {
    this.#names ??= namesIn(this.#files, this.#path);
    return this.#names.get(id) ?? String(id);
  }
}

function namesIn(files: FileSystem, path: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of lines(files, path)) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

function lines(files: FileSystem, path: string): string[] {
  try {
    return files.readText(path).split('\n');
  } catch {
    return [];
  }
}
