import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { hasCode } from '../private-directory.ts';
import type { QueueMetrics } from './metrics.ts';

/** What is put aside is bounded, so that a disk that goes bad does not fill with evidence. */
const MAX_FILES = 16;
const MAX_BYTES = 64 * 1024 * 1024;
const COPY_BYTES = 64 * 1024;

/** Damaged stretches and files, put aside under `*.damaged-N` for a person to look at; never an error. */
export class Quarantine {
  readonly #disk: Disk;
  readonly #log: Logger;
  readonly #metrics: QueueMetrics;
  #files = 0;
  #bytes = 0;

  constructor(disk: Disk, log: Logger, metrics: QueueMetrics) {
    this.#disk = disk;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** What an earlier process put aside counts against the bound. */
  async count(names: readonly string[]): Promise<void> {
    for (const name of names.filter((each) => each.includes('.damaged-'))) {
      this.#files += 1;
      this.#bytes += await this.#sizeOf(name);
    }
  }

  /** Copies `from` to `to` of a segment, whose file stays. `records` is how many are known to have been there. */
  async copy(file: DiskFile, name: string, stretch: { from: number; to: number; records: number }): Promise<void> {
    const bytes = stretch.to - stretch.from;
    this.#metrics.damagedRecords.value += stretch.records;
    this.#metrics.damagedBytes.value += bytes;
    const fields = { file: name, from: stretch.from, bytes, records: stretch.records };
    const aside = bytes === 0 ? undefined : await this.#copied(file, name, stretch.from, bytes);
    this.#log.error('A stretch of a queue on disk is damaged; reading goes on behind it.', { ...fields, aside });
  }

  /** Renames a file that makes no sense as a whole. */
  async rename(name: string, bytes: number): Promise<void> {
    this.#metrics.damagedBytes.value += bytes;
    try {
      const aside = await this.#freeName(name);
      if (this.#isFull(bytes)) await this.#disk.unlink(name);
      else await this.#disk.rename(name, aside);
      this.#files += 1;
      this.#bytes += bytes;
      this.#log.error('A file of a queue on disk is damaged and was put aside.', { file: name, bytes, aside });
    } catch (error) {
      this.#log.error('A damaged file of a queue on disk could not be put aside.', {
        file: name,
        error: errorMessage(error),
      });
    }
  }

  async #copied(file: DiskFile, name: string, from: number, bytes: number): Promise<string | undefined> {
    if (this.#isFull(bytes)) return undefined;
    this.#files += 1;
    this.#bytes += bytes;
    try {
      const aside = await this.#freeName(name);
      const copy = await this.#disk.open(aside, 'create');
      try {
        await copyRange(file, copy, from, bytes);
      } finally {
        await copy.close();
      }
      return aside;
    } catch (error) {
      this.#log.warn('A damaged stretch could not be put aside.', { file: name, error: errorMessage(error) });
      return undefined;
    }
  }

  #isFull(bytes: number): boolean {
    return this.#files >= MAX_FILES || this.#bytes + bytes > MAX_BYTES;
  }

  async #freeName(name: string): Promise<string> {
    const taken = new Set(await this.#disk.list());
    for (let n = 1; ; n++) {
      const aside = `${name}.damaged-${n}`;
      if (!taken.has(aside)) return aside;
    }
  }

  async #sizeOf(name: string): Promise<number> {
    try {
      const file = await this.#disk.open(name, 'read');
      try {
        return await file.size();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#log.debug('What was put aside cannot be read.', { file: name });
      return 0;
    }
  }
}

async function copyRange(from: DiskFile, to: DiskFile, start: number, bytes: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, bytes));
  for (let at = 0; at < bytes;) {
    const piece = buffer.subarray(0, Math.min(buffer.length, bytes - at));
    const filled = await from.read(piece, start + at);
    if (filled === 0) return;
    await to.writev([piece.subarray(0, filled)], at);
    at += filled;
  }
}
