import type { RecordWriter } from '../encode/record-writer.ts';
import type { TrackedFile } from '../tracked-file.ts';
import type { Piece } from './piece.ts';

/** Lines that will be one record. */
export interface Group {
  readonly pieces: Piece[];
  lines: number;
  bytes: number;
  /** Monotonic time of the last line. */
  grewMs: number;
}

/** A stage that keeps lines back until their record is whole. All calls are about `out.file`, or name a file. */
export interface HeldLines {
  /** Writes the groups that are due at `nowMs`; all with Infinity. */
  flush(out: RecordWriter, nowMs: number): void;
  /** Monotonic time when `flush` will have something to do; Infinity while nothing is held. */
  dueMs(file: TrackedFile): number;
  holds(file: TrackedFile): boolean;
  /** A turn ends: the checkpoint has to name what is held. */
  note(file: TrackedFile): void;
  /** `to` goes on where `from` ended. */
  adopt(from: TrackedFile, to: TrackedFile): void;
  /** Never split on purpose when Remora stops: a restart reads the rest. */
  readonly isPartial: boolean;
}

/** Bytes that all groups of a receiver hold together at most. */
export class HeldBudget {
  bytes = 0;
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get isExceeded(): boolean {
    return this.bytes > this.limitBytes;
  }
}

export interface HeldGroupsOptions<G extends Group> {
  /** A group that did not grow for this long is written as it is; 0 waits for ever. */
  readonly periodMs: number;
  readonly isPartial: boolean;
  write(out: RecordWriter, group: G): void;
}

/**
 * The groups of one stage, by file and key.
 * Invariant: a file without groups has no entry.
 */
export class HeldGroups<G extends Group> implements HeldLines {
  readonly isPartial: boolean;
  readonly #options: HeldGroupsOptions<G>;
  readonly #files = new Map<TrackedFile, Map<string, G>>();
  // The file that was asked for last.
  #file: TrackedFile | undefined;
  #groups: Map<string, G> | undefined;

  constructor(options: HeldGroupsOptions<G>) {
    this.#options = options;
    this.isPartial = options.isPartial;
  }

  find(file: TrackedFile, key: string): G | undefined {
    return this.#of(file)?.get(key);
  }

  /** How many groups the file has. */
  count(file: TrackedFile): number {
    return this.#of(file)?.size ?? 0;
  }

  add(file: TrackedFile, key: string, group: G): void {
    let groups = this.#of(file);
    if (groups === undefined) {
      groups = new Map();
      this.#files.set(file, groups);
      this.#groups = groups;
    }
    groups.set(key, group);
  }

  delete(file: TrackedFile, key: string): void {
    const groups = this.#of(file);
    groups?.delete(key);
    if (groups?.size === 0) this.#forget(file);
  }

  flush(out: RecordWriter, nowMs: number): void {
    const groups = this.#of(out.file);
    if (groups === undefined) return;
    for (const [key, group] of groups) {
      if (this.#dueMs(group) > nowMs) continue;
      groups.delete(key);
      this.#options.write(out, group);
    }
    if (groups.size === 0) this.#forget(out.file);
  }

  holds(file: TrackedFile): boolean {
    return this.#of(file) !== undefined;
  }

  dueMs(file: TrackedFile): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const group of this.#of(file)?.values() ?? []) dueMs = Math.min(dueMs, this.#dueMs(group));
    return dueMs;
  }

  note(file: TrackedFile): void {
    for (const group of this.#of(file)?.values() ?? []) for (const piece of group.pieces) piece.note();
  }

  adopt(from: TrackedFile, to: TrackedFile): void {
    const groups = this.#files.get(from);
    if (groups === undefined) return;
    this.#forget(from);
    for (const [key, group] of groups) this.add(to, key, group);
  }

  #dueMs({ grewMs }: Group): number {
    const { periodMs } = this.#options;
    return periodMs > 0 ? grewMs + periodMs : Number.POSITIVE_INFINITY;
  }

  #of(file: TrackedFile): Map<string, G> | undefined {
    if (this.#file !== file) {
      this.#file = file;
      this.#groups = this.#files.get(file);
    }
    return this.#groups;
  }

  #forget(file: TrackedFile): void {
    this.#files.delete(file);
    if (this.#file === file) this.#groups = undefined;
  }
}
