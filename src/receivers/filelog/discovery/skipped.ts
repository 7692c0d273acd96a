import type { Logger } from '../../../core/logger.ts';

/** Why a name that matches is not read. */
export type SkipReason = (typeof SKIP_REASONS)[number];

export const SKIP_REASONS = ['directory', 'fifo', 'socket', 'device', 'link_loop', 'undecodable_name'] as const;

/** What stands in a name for bytes that are not UTF-8; such a name leads to no file. */
export const UNDECODABLE = '\uFFFD';

const WHY: Readonly<Record<SkipReason, string>> = {
  directory: 'it is a directory',
  fifo: 'it is a FIFO, and reading would wait for a writer',
  socket: 'it is a socket',
  device: 'it is a device',
  link_loop: 'its symbolic links lead in a circle',
  undecodable_name: 'its name is not UTF-8; rename it',
};

const MAX_LINES = 100;

/** Says what is skipped, in a bounded number of lines. */
export class SkippedLog {
  readonly #log: Logger;
  #lines = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  say(path: string, reason: SkipReason): void {
    this.#lines += 1;
    if (this.#lines <= MAX_LINES) {
      this.#log.warn('A name that matches is skipped.', { path, reason: WHY[reason] });
    } else if (this.#lines === MAX_LINES + 1) {
      this.#log.warn('Further names that match are skipped; see remora_filelog_skipped_files.', {});
    }
  }
}
