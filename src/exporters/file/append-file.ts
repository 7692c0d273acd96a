import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { madeDirectory } from '../../storage/made-directory.ts';
import { rotate, type Rotation } from './rotation.ts';

export interface AppendFileOptions {
  readonly path: string;
  /** Keep what is in the file already; otherwise it is emptied when opened. */
  readonly append: boolean;
  readonly createDirectory: boolean;
  readonly directoryMode: number;
  readonly rotation: Rotation | undefined;
  readonly clock: Clock;
}

interface Pending {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * A file that whole records are appended to.
 * Invariants: one writer at a time, so records never interleave; `#size` is the length of the file up to its last whole
 * record, and what a failed write left behind it is cut off before the next one.
 */
export class AppendFile {
  readonly #options: AppendFileOptions;
  #handle: FileHandle | undefined;
  #size = 0;
  #torn = false;
  #closed = false;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: AppendFileOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { path, createDirectory, directoryMode } = this.#options;
    if (createDirectory) await madeDirectory(dirname(path), directoryMode);
    await this.#reopen(this.#options.append || this.#options.rotation !== undefined);
  }

  /**
   * Appends `parts` as one record; settles when the operating system has it. Rejects when it does not: then nothing of
   * the record stays in the file. Records given while another is written go out together.
   */
  append(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the file is closed'));
    let bytes = 0;
    for (const part of parts) bytes += part.byteLength;
    return new Promise((resolve, reject) => {
      this.#pending.push({ parts, bytes, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  /** Waits for the records given so far, syncs them to the disk and closes. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    try {
      await handle.sync().catch(ignoreUnsyncable);
    } finally {
      await handle.close();
    }
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#writeTogether(batch);
    }
    this.#writing = undefined;
  }

  async #writeTogether(records: readonly Pending[]): Promise<void> {
    for (let from = 0; from < records.length;) {
      const group = this.#group(records, from);
      from += group.length;
      try {
        await this.#makeRoom(group);
        await this.#write(group);
        for (const record of group) record.resolve();
      } catch (error) {
        for (const record of group) record.reject(error);
      }
    }
  }

  /** The records from `from` on that go into the file before it must be rotated: at least one. */
  #group(records: readonly Pending[], from: number): readonly Pending[] {
    const maxBytes = this.#options.rotation?.maxBytes;
    if (maxBytes === undefined) return records.slice(from);
    let size = this.#size;
    let to = from;
    for (let record = records[to]; record !== undefined; record = records[++to]) {
      if (to > from && size + record.bytes > maxBytes) break;
      size = to === from && size + record.bytes > maxBytes ? record.bytes : size + record.bytes;
    }
    return records.slice(from, to);
  }

  async #makeRoom(group: readonly Pending[]): Promise<void> {
    const { rotation, path, clock } = this.#options;
    const [first] = group;
    if (this.#handle === undefined) await this.#reopen(true);
    if (rotation === undefined || first === undefined) return;
    if (this.#size === 0 || this.#size + first.bytes <= rotation.maxBytes) return;
    await this.#handle?.close();
    this.#handle = undefined;
    await rotate(path, rotation, clock.now());
    await this.#reopen(true);
  }

  async #reopen(keep: boolean): Promise<void> {
    const handle = await open(this.#options.path, keep ? 'a' : 'w', 0o600);
    this.#handle = handle;
    this.#size = (await handle.stat()).size;
    this.#torn = false;
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) throw new Error('The file is not open.');
    if (this.#torn) await this.#cut(handle);
    const bytes = group.reduce((sum, record) => sum + record.bytes, 0);
    this.#torn = true;
    await writeAll(
      handle,
      group.flatMap((record) => record.parts),
    ).catch(async (error: unknown) => {
      await this.#cut(handle).catch(() => undefined);
      throw error;
    });
    this.#torn = false;
    this.#size += bytes;
  }

  async #cut(handle: FileHandle): Promise<void> {
    await handle.truncate(this.#size);
    this.#torn = false;
  }
}

/** writev may take only part of what it is given, and no more than IOV_MAX buffers. */
async function writeAll(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  const MAX_BUFFERS = 512;
  let rest = parts.filter((part) => part.byteLength > 0);
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest.slice(0, MAX_BUFFERS));
    if (bytesWritten === 0) throw new Error('The operating system took nothing.');
    rest = after(rest, bytesWritten);
  }
}

function after(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  let index = 0;
  for (let part = parts[0]; part !== undefined && left >= part.byteLength; part = parts[index]) {
    left -= part.byteLength;
    index += 1;
  }
  const rest = parts.slice(index);
  const [head] = rest;
  if (head !== undefined && left > 0) rest[0] = head.subarray(left);
  return rest;
}

/** Pipes and devices cannot be synced. */
function ignoreUnsyncable(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EINVAL' && error.code !== 'ENOTSUP') throw error;
}
