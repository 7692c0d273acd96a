import { identityKey, type Inode } from '../../core/file-system.ts';
import { isSameInode, type FileRecord } from './identity.ts';

/** A file that is closed, with where to go on when it grows. */
export interface Parked {
  readonly key: string;
  record: FileRecord;
  /** The last look at the disk that found it under a path that matches. */
  look: number;
  /** The look in which it was closed; 0 for one that only the checkpoint knows. */
  readonly since: number;
}

export interface RememberedLimits {
  /** Closed files that a path leads to. */
  readonly present: number;
  /** Closed files that no path leads to, in case one comes back. */
  readonly gone: number;
}

/** About 300 bytes of a checkpoint each, so at most 16 MB of it. */
export const REMEMBERED_LIMITS: RememberedLimits = { present: 50_000, gone: 2000 };

/**
 * Closed files by identity.
 * Invariants: a file that a path leads to is never forgotten (the owner opens no more files once `full`); of the others
 * the oldest go first.
 */
export class Remembered {
  readonly #limits: RememberedLimits;
  readonly #onForgotten: (record: FileRecord) => void;
  readonly #present = new Map<string, Parked>();
  /** Oldest first. */
  readonly #gone = new Map<string, Parked>();
  readonly #byInode = new Map<Inode, Parked[]>();

  constructor(limits: RememberedLimits, onForgotten: (record: FileRecord) => void) {
    this.#limits = limits;
    this.#onForgotten = onForgotten;
  }

  /** Files that a path led to when it was last looked. */
  get presentSize(): number {
    return this.#present.size;
  }

  get full(): boolean {
    return this.#present.size >= this.#limits.present;
  }

  *records(): Generator<FileRecord> {
    for (const { record } of this.#gone.values()) yield record;
    for (const { record } of this.#present.values()) yield record;
  }

  add(record: FileRecord, look: number): void {
    const key = identityKey(record.dev, record.ino);
    this.delete(key);
    const parked = { key, record, look, since: look };
    const sameInode = this.#byInode.get(record.ino);
    if (sameInode === undefined) this.#byInode.set(record.ino, [parked]);
    else sameInode.push(parked);
    if (record.rotated === true) this.#addGone(parked);
    else this.#present.set(key, parked);
  }

  has(key: string): boolean {
    return this.#present.has(key) || this.#gone.has(key);
  }

  /** The file of this identity, which a path leads to in this look. */
  see(key: string): Parked | undefined {
    const parked = this.#present.get(key);
    if (parked !== undefined) return parked;
    const back = this.#gone.get(key);
    if (back === undefined) return undefined;
    this.#gone.delete(key);
    this.#present.set(key, back);
    return back;
  }

  /** Records of this inode on any device, because device numbers change with a reboot or another mount. */
  ofInode(file: { readonly ino: Inode; readonly birthMs: number }): FileRecord[] {
    const same = this.#byInode.get(file.ino) ?? [];
    return same.map(({ record }) => record).filter((record) => isSameInode(record, file));
  }

  delete(key: string): void {
    const parked = this.#present.get(key) ?? this.#gone.get(key);
    if (parked === undefined) return;
    this.#present.delete(key);
    this.#gone.delete(key);
    const left = (this.#byInode.get(parked.record.ino) ?? []).filter((other) => other !== parked);
    if (left.length === 0) this.#byInode.delete(parked.record.ino);
    else this.#byInode.set(parked.record.ino, left);
  }

  /** Takes the files that look did not find for gone, and returns their records. */
  vanished(look: number): FileRecord[] {
    const records: FileRecord[] = [];
    for (const parked of this.#present.values()) {
      if (parked.look === look) continue;
      this.#present.delete(parked.key);
      records.push(parked.record);
      this.#addGone(parked);
    }
    return records;
  }

  /** Files that no path leads to. */
  *gone(): Generator<FileRecord> {
    for (const { record } of this.#gone.values()) yield record;
  }

  #addGone(parked: Parked): void {
    if (parked.record.rotated !== true) parked.record = { ...parked.record, rotated: true };
    this.#gone.set(parked.key, parked);
    if (this.#gone.size <= this.#limits.gone) return;
    for (const oldest of this.#gone.values()) {
      this.delete(oldest.key);
      this.#onForgotten(oldest.record);
      return;
    }
  }
}
