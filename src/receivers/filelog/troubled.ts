import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

const MAX_PATHS = 1000;

/** Files that cannot be read, said once per path until it heals. */
export class TroubledFiles {
  readonly #log: Logger;
  readonly #paths = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  add(path: string, error: unknown): void {
    if (this.#paths.has(path)) return;
    if (this.#paths.size >= MAX_PATHS) this.#paths.clear();
    this.#paths.add(path);
    const reason = errorMessage(error);
    this.#log.warn('A file cannot be read; it is tried again with every look.', { path, reason });
  }

  delete(path: string): void {
    this.#paths.delete(path);
  }
}
