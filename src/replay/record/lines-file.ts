import { open, type FileHandle } from 'node:fs/promises';
import { RemoraError } from '../../core/errors.ts';

export interface LinesFileOptions {
  readonly path: string;
  /** Of what the system has not taken yet. */
  readonly limitBytes: number;
  /** Called once; nothing more is written. */
  readonly onFailure: (error: Error) => void;
}

/**
 * A new file that lines are written to, readable to its owner alone. Never waits: what is given while another write runs goes
 * out after it, at once.
 *
 * Invariants: one write runs at a time; `#wholeBytes` is the length up to the last line that is whole, and what a failed
 * write left behind it is cut off.
 */
export class LinesFile {
  readonly #options: LinesFileOptions;
  #handle: FileHandle | undefined;
  #pending: string[] = [];
  #pendingBytes = 0;
  #wholeBytes = 0;
  #writing: Promise<void> | undefined;
  #hasFailed = false;

  constructor(options: LinesFileOptions) {
    this.#options = options;
  }

  /** `line` has its end, and so many bytes. */
  write(line: string, bytes: number): void {
    if (this.#hasFailed) return;
    this.#pending.push(line);
    this.#pendingBytes += bytes;
    if (this.#pendingBytes > this.#options.limitBytes) {
      this.#fail(new RemoraError('storage_failed', 'the disk does not keep up'));
    } else this.#writing ??= this.#drain();
  }

  /** What was written is with the system. Never rejects. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#handle?.close().catch((error: unknown) => this.#fail(error));
    this.#handle = undefined;
  }

  async #drain(): Promise<void> {
    try {
      const handle = (this.#handle ??= await open(this.#options.path, 'wx', 0o600));
      while (this.#pending.length > 0) {
        const bytes = Buffer.from(this.#pending.join(''));
        this.#pending = [];
        this.#pendingBytes = 0;
        for (let from = 0; from < bytes.length;) {
          const { bytesWritten } = await handle.write(bytes, from, bytes.length - from, this.#wholeBytes + from);
          from += bytesWritten;
        }
        this.#wholeBytes += bytes.length;
      }
    } catch (error) {
      this.#fail(error);
      await this.#handle?.truncate(this.#wholeBytes).catch(() => undefined);
    } finally {
      // At once, so that a line that comes now begins the next write.
      this.#writing = undefined;
    }
  }

  #fail(error: unknown): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
  }
}
