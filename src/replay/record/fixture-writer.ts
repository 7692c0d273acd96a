import { readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorMessage, RemoraError } from '../../core/errors.ts';
import { byteSizeText } from '../../core/settings.ts';
import { madeDirectory } from '../../storage/made-directory.ts';
import { INPUT_FILES, type InputKind } from '../fixture/input-files.ts';
import { MANIFEST } from '../fixture/manifest.ts';
import { LinesFile } from './lines-file.ts';

export interface FixtureWriterOptions {
  readonly folder: string;
  readonly limitBytes: number;
  /** Called once when nothing more is written, with the reason. */
  readonly onEnd: (why: 'full' | 'failed', message: string) => void;
}

export type LinesName = (typeof INPUT_FILES)[InputKind];

/** Of each file, what the system has not taken yet. */
const PENDING_LIMIT_BYTES = 8 * 2 ** 20;

/** Writes a fixture as it is recorded, line by line, without ever waiting for the disk. */
export class FixtureWriter {
  readonly #options: FixtureWriterOptions;
  readonly #files = new Map<LinesName, LinesFile>();
  readonly #lines = new Map<LinesName, number>();
  #bytes = 0;
  #isOpen = true;
  /** No more comes; what came is still written, and may fail. */
  #isClosed = false;

  /** The first folder that was made for it. */
  readonly #made: string | undefined;

  private constructor(options: FixtureWriterOptions, made: string | undefined) {
    this.#options = options;
    this.#made = made;
  }

  /** Makes the folder; throws `fixture_invalid` when something is in it already. */
  static async open(options: FixtureWriterOptions): Promise<FixtureWriter> {
    const made = await madeDirectory(options.folder, 0o700);
    const names = await readdir(options.folder);
    if (names.length === 0) return new FixtureWriter(options, made);
    throw new RemoraError('fixture_invalid', `${options.folder}: there is something in it already; name a new folder`);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Lines of each file that were given to the system, or will be. */
  get lines(): Readonly<Record<InputKind, number>> {
    const of = (kind: InputKind): number => this.#lines.get(INPUT_FILES[kind]) ?? 0;
    return { requests: of('requests'), files: of('files'), pages: of('pages') };
  }

  /** False once nothing more is written. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosed;
  }

  /** `json` is one object on one line, without its end. */
  line(name: LinesName, json: string): void {
    if (!this.isOpen) return;
    const line = `${json}\n`;
    const bytes = Buffer.byteLength(line);
    const { limitBytes } = this.#options;
    if (this.#bytes + bytes > limitBytes) this.#end('full', `It has ${byteSizeText(limitBytes)}.`);
    else {
      this.#bytes += bytes;
      this.#lines.set(name, (this.#lines.get(name) ?? 0) + 1);
      this.#file(name).write(line, bytes);
    }
  }

  /** In the place of one that was there. */
  async manifest(text: string): Promise<void> {
    const path = join(this.#options.folder, MANIFEST);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Takes no more from now on; then, what was written is with the system, as far as it could be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.#files.values(), (file) => file.close()));
    this.#isOpen = false;
  }

  /** Nothing is left of it, neither files nor folders that were made for it. */
  async discard(): Promise<void> {
    await this.close();
    const { folder } = this.#options;
    for (const name of this.#files.keys()) await rm(join(folder, name), { force: true });
    if (this.#made === undefined) return;
    const last = resolve(this.#made);
    try {
      for (let at = resolve(folder); at.startsWith(last); at = dirname(at)) await rmdir(at);
    } catch {
      // Somebody put something in: that stays.
    }
  }

  #file(name: LinesName): LinesFile {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const path = join(this.#options.folder, name);
    const onFailure = (error: Error): void => this.#end('failed', `${path} cannot be written: ${errorMessage(error)}.`);
    const made = new LinesFile({ path, limitBytes: PENDING_LIMIT_BYTES, onFailure });
    this.#files.set(name, made);
    return made;
  }

  #end(why: 'full' | 'failed', message: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.onEnd(why, message);
  }
}
