import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

/** Paths whose trouble is remembered; of more, some are told of again. */
const MAX_PATHS = 1000;

/** Tells of a path that makes trouble once, until a whole look passed without trouble. */
export class Troubles {
  readonly #log: Logger;
  readonly #message: string;
  #before = new Set<string>();
  #now = new Set<string>();

  constructor(log: Logger, message: string) {
    this.#log = log;
    this.#message = message;
  }

  note(path: string, error: unknown): void {
    const isKnown = this.#before.has(path) || this.#now.has(path);
    if (this.#now.size < MAX_PATHS) this.#now.add(path);
    if (!isKnown) this.#log.warn(this.#message, { path, reason: errorMessage(error) });
  }

  endLook(): void {
    this.#before = this.#now;
    this.#now = new Set();
  }
}
