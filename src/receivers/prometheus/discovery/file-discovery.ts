import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { repeat, type Timer } from '../../../core/clock.ts';
import { errorMessage, RemoraError } from '../../../core/errors.ts';
import { DirectoryWatch } from '../../../storage/directory-watch.ts';
import { DiscoveryProblems, type Discovery, type DiscoveryParts } from './discovery.ts';
import { filesOf } from './file-patterns.ts';
import type { FileDiscoveryConfig } from './settings.ts';
import { LIST_LIMIT_BYTES, parseTargetLists } from './target-lists.ts';

/** A file is seldom written by one call: after a change it is left alone for this long. */
const SETTLE_MS = 200;

/**
 * The targets of files. They are read again when something happens in their directories, and every refresh_interval.
 *
 * Invariants: one reading runs at a time; what happens meanwhile makes another follow. A file that cannot be read keeps
 * the targets of its last good version; one that is gone has none. A broken version counts once, however many events it
 * and its neighbours cause, and again at every refresh_interval.
 */
export class FileDiscovery implements Discovery {
  readonly #config: FileDiscoveryConfig;
  readonly #parts: DiscoveryParts;
  readonly #problems: DiscoveryProblems;
  readonly #watch: DirectoryWatch;
  #known = new Set<string>();
  /** What failed last in each broken file: its content and the problem. */
  readonly #broken = new Map<string, string>();
  #ticking: Timer | undefined;
  #settling: Timer | undefined;
  #reading = false;
  /** Readings asked for so far. */
  #wanted = 0;
  #due = true;
  #stopped = false;

  constructor(config: FileDiscoveryConfig, parts: DiscoveryParts) {
    this.#config = config;
    this.#parts = parts;
    this.#problems = new DiscoveryProblems(parts);
    this.#watch = new DirectoryWatch({
      files: parts.files,
      onEvent: () => this.#settle(),
      onChange: () => this.#settle(),
    });
  }

  async start(): Promise<void> {
    this.#watchDirectories();
    await this.#refresh();
    if (this.#stopped) return;
    const { clock } = this.#parts;
    this.#ticking = repeat(
      clock,
      () => this.#config.refresh_interval,
      () => {
        this.#due = true;
        void this.#refresh();
      },
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#ticking?.cancel();
    this.#settling?.cancel();
    this.#watch.close();
  }

  /** Something happened: once it is quiet, files are read. */
  #settle(): void {
    if (this.#stopped) return;
    this.#settling?.cancel();
    this.#settling = this.#parts.clock.timer(SETTLE_MS, () => void this.#refresh());
  }

  /** Never rejects. */
  async #refresh(): Promise<void> {
    this.#wanted += 1;
    if (this.#reading) return;
    this.#reading = true;
    for (let taken = 0; taken < this.#wanted && !this.#stopped;) {
      taken = this.#wanted;
      await this.#readAll();
    }
    this.#reading = false;
    // A directory that was not there before, or was replaced, is watched from now on.
    if (!this.#stopped) this.#watchDirectories();
  }

  async #readAll(): Promise<void> {
    if (this.#due) this.#broken.clear();
    this.#due = false;
    const listed = new Set<string>();
    for (const pattern of this.#config.files) {
      for (const file of await this.#list(pattern)) listed.add(file);
    }
    for (const file of listed) await this.#read(file);
    for (const file of this.#known) if (!listed.has(file)) this.#forget(file);
    this.#known = listed;
  }

  /** The files of a pattern; those known of it when its directory cannot be read. */
  async #list(pattern: string): Promise<readonly string[]> {
    try {
      const files = await filesOf(pattern);
      this.#pass(dirname(pattern));
      return files;
    } catch (error) {
      this.#fail(dirname(pattern), errorMessage(error), '');
      return [...this.#known].filter((file) => dirname(file) === dirname(pattern));
    }
  }

  async #read(file: string): Promise<void> {
    let text = '';
    try {
      text = await fileText(file);
      const groups = parseTargetLists(text, /\.json$/i.test(file) ? 'json' : 'yaml', ['__meta_filepath', file]);
      if (this.#stopped) return;
      this.#parts.onTargets(file, groups);
      this.#pass(file);
    } catch (error) {
      this.#fail(file, errorMessage(error), text);
    }
  }

  #forget(file: string): void {
    if (this.#stopped) return;
    this.#parts.onTargets(file, []);
    this.#pass(file);
  }

  #pass(source: string): void {
    this.#broken.delete(source);
    this.#problems.passed(source);
  }

  #fail(source: string, problem: string, text: string): void {
    const what = `${problem}\n${createHash('sha256').update(text).digest('base64')}`;
    if (this.#stopped || this.#broken.get(source) === what) return;
    this.#broken.set(source, what);
    this.#problems.failed(source, problem);
  }

  #watchDirectories(): void {
    this.#watch.update(new Set(this.#config.files.map((pattern) => dirname(pattern))));
  }
}

async function fileText(path: string): Promise<string> {
  // A pipe would be waited for until somebody writes into it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    const { size } = stats;
    if (!stats.isFile()) throw new RemoraError('scrape_failed', 'It is not a regular file.');
    if (size > LIST_LIMIT_BYTES) throw new RemoraError('scrape_failed', `It is larger than ${LIST_LIMIT_BYTES} bytes.`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
