import { readFileSync } from 'node:fs';

/** Names of users and groups by number, from the files of the system; the number itself where there is no name. */
export class OwnerNames {
  readonly #path: string;
  #names: ReadonlyMap<number, string> | undefined;

  /** `/etc/passwd` or `/etc/group`. */
  constructor(path: string) {
    this.#path = path;
  }

  name(id: number): string {
    this.#names ??= namesIn(this.#path);
    return this.#names.get(id) ?? String(id);
  }
}

function namesIn(path: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of lines(path)) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
