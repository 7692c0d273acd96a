import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { StorageClient } from '../core/storage.ts';
import { mustBeOurs } from './disk.ts';
import { hasCode, privateDirectory, syncDirectory } from './private-directory.ts';

/**
 * One component's place on disk, a directory of its own holding one value.
 *
 *   <directory>/value       "remora-value 1 <sha256 of the content, hex>\n" content
 *   <directory>/value.tmp   the next value while it is being written
 *   <directory>/value.damaged-N   quarantined: failed its checksum, kept for a person to look at
 *
 * Invariants: `value` is replaced by rename only, after the new content (and then the directory) was synced, so a crash
 * leaves the old or the new one. Nothing is read or written through a symbolic link.
 */
export interface FileClientOptions {
  readonly directory: string;
  /** Force content to the disk before it counts as written. */
  readonly fsync: boolean;
  /** Told when a damaged value was put aside. */
  onDamage(quarantinedPath: string): void;
}

const MAGIC = 'remora-value 1 ';
const HEADER_BYTES = MAGIC.length + 64 + 1;
const PRIVATE_FILE = 0o600;
/** Values are checkpoints and small states; a larger file is not one of ours. */
const MAX_VALUE_BYTES = 64 * 1024 * 1024;

export class FileClient implements StorageClient {
  readonly directory: string;
  readonly #options: FileClientOptions;
  readonly #path: string;
  #ready: Promise<void> | undefined;
  /** Writes happen one after another, in the order they were asked for. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: FileClientOptions) {
    this.directory = options.directory;
    this.#options = options;
    this.#path = join(options.directory, 'value');
  }

  /** Creates the directory; idempotent. Throws storage_failed. */
  prepare(): Promise<void> {
    this.#ready ??= privateDirectory(this.directory).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async read(): Promise<Uint8Array | undefined> {
    await this.prepare();
    const stored = await this.#readFile();
    if (stored === undefined) return undefined;
    const content = stored.subarray(HEADER_BYTES);
    if (stored.subarray(0, HEADER_BYTES).toString('latin1') === headerOf(content)) return content;
    await this.#quarantine();
    return undefined;
  }

  write(value: Uint8Array): Promise<void> {
    const written = this.#last.then(() => this.#replace(value));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #readFile(): Promise<Buffer | undefined> {
    try {
      const file = await open(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const stats = await file.stat();
        mustBeOurs(this.#path, stats);
        const { size } = stats;
        if (size > MAX_VALUE_BYTES) throw failed(`${this.#path} has ${size} bytes, which no value has`);
        return await file.readFile();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw failed(`Cannot read ${this.#path}: ${errorMessage(error)}`, error);
    }
  }

  async #replace(value: Uint8Array): Promise<void> {
    await this.prepare();
    const temporary = `${this.#path}.tmp`;
    try {
      await removeIfThere(temporary);
      // O_EXCL never follows a link that somebody planted under the name.
      const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, PRIVATE_FILE);
      try {
        await file.writeFile(Buffer.concat([Buffer.from(headerOf(value), 'latin1'), value]));
        if (this.#options.fsync) await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
      if (this.#options.fsync) await syncDirectory(this.directory);
    } catch (error) {
      throw failed(`Cannot write ${this.#path}: ${errorMessage(error)}`, error);
    }
  }

  async #quarantine(): Promise<void> {
    for (let n = 1; n < 1000; n++) {
      const aside = `${this.#path}.damaged-${n}`;
      if (await exists(aside)) continue;
      await rename(this.#path, aside);
      this.#options.onDamage(aside);
      return;
    }
    await unlink(this.#path);
    this.#options.onDamage(this.#path);
  }
}

function headerOf(content: Uint8Array): string {
  return `${MAGIC}${createHash('sha256').update(content).digest('hex')}\n`;
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

function failed(message: string, cause?: unknown): RemoraError {
  return new RemoraError('storage_failed', message, { cause });
}
