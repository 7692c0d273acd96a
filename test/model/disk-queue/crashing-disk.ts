import type { Random } from '../../../src/core/random.ts';
import type { Disk, DiskFile } from '../../../src/storage/disk.ts';

/** What a call of the disk may be told to fail with. */
export type Call =
  'create' | 'open' | 'write' | 'datasync' | 'read' | 'truncate' | 'unlink' | 'syncDirectory' | 'close' | 'list';

/** - kill: the process ends, what the system has taken stays. - power: only what was synced is sure to stay. */
export type CrashKind = 'kill' | 'power';

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly truncate: number };

/** The content of a file as programs see it, and as it is on the platter. */
class Inode {
  live: Buffer = Buffer.alloc(0);
  platter: Buffer = Buffer.alloc(0);
  /** Changes that the platter does not have yet. */
  unsynced: Change[] = [];

  apply(change: Change): void {
    this.live = changed(this.live, change);
    this.unsynced.push(change);
  }

  sync(): void {
    for (const change of this.unsynced) this.platter = changed(this.platter, change);
    this.unsynced = [];
  }
}

function changed(content: Buffer, change: Change): Buffer {
  if ('truncate' in change) {
    const cut = Buffer.alloc(change.truncate);
    content.copy(cut);
    return cut;
  }
  const end = change.at + change.bytes.length;
  const grown =
    end > content.length ? Buffer.concat([content, Buffer.alloc(end - content.length)]) : Buffer.from(content);
  change.bytes.copy(grown, change.at);
  return grown;
}

type Entries = Map<string, Inode>;
type EntryChange = { readonly name: string; readonly inode: Inode | undefined };

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: told to fail`), { code });
}

/**
 * A file system in memory that fails as real ones do. Calls take their time, in an order that `random` decides; writes
 * are torn at any byte; a failed sync loses what it should have made safe, although the next one succeeds; a crash, which
 * may come between any two calls, leaves some subset of what was not synced.
 */
export class CrashingDisk implements Disk {
  /** Bytes that all files together may have. */
  capacity = Number.POSITIVE_INFINITY;
  /** How many of the next calls of a kind fail with EIO. */
  readonly failures = new Map<Call, number>();
  /** Calls until it dies by itself. */
  diesAfter = Number.POSITIVE_INFINITY;
  calls = 0;
  inFlight = 0;
  /** Files that were opened and not closed. */
  openFiles = 0;
  readonly #random: Random;
  #live: Entries;
  #platter: Entries;
  #unsynced: EntryChange[] = [];
  #dead = false;

  /** `entries` are on the platter. */
  constructor(random: Random, entries: Entries = new Map()) {
    this.#random = random;
    this.#live = entries;
    this.#platter = new Map(entries);
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Bytes of the files whose names end with `suffix`. */
  bytesOf(suffix: string): number {
    let bytes = 0;
    for (const [name, { live }] of this.#live) if (name.endsWith(suffix)) bytes += live.length;
    return bytes;
  }

  /** What a restart finds; nothing happens on this disk any more. */
  crash(kind: CrashKind): CrashingDisk {
    this.#dead = true;
    if (kind === 'kill') return new CrashingDisk(this.#random, copyOf(this.#live, 'live'));
    const survivors = new Map(this.#platter);
    for (const { name, inode } of this.#unsynced) {
      if (this.#random() < 0.5) continue;
      if (inode === undefined) survivors.delete(name);
      else survivors.set(name, inode);
    }
    for (const inode of new Set(survivors.values())) this.#lose(inode);
    return new CrashingDisk(this.#random, copyOf(survivors, 'platter'));
  }

  /** The same content once more, to look at. */
  copy(): CrashingDisk {
    return new CrashingDisk(this.#random, copyOf(this.#live, 'live'));
  }

  /** Spoils one bit of one file, on the platter too; returns its name. */
  flip(choose: number, suffix: string): string | undefined {
    const files = [...this.#live].filter(([name, { live }]) => name.endsWith(suffix) && live.length > 0);
    const total = files.reduce((sum, [, { live }]) => sum + live.length, 0);
    let at = Math.floor(choose * total);
    for (const [name, inode] of files) {
      if (at >= inode.live.length) {
        at -= inode.live.length;
        continue;
      }
      for (const content of [inode.live, inode.platter]) {
        if (at < content.length) content[at] = (content[at] ?? 0) ^ (1 << Math.floor(this.#random() * 8));
      }
      return name;
    }
    return undefined;
  }

  names(): string[] {
    return [...this.#live.keys()];
  }

  async list(): Promise<string[]> {
    await this.#begin('list');
    return this.#end([...this.#live.keys()]);
  }

  async open(name: string, use: 'create' | 'read' | 'write'): Promise<DiskFile> {
    await this.#begin(use === 'create' ? 'create' : 'open');
    const known = this.#live.get(name);
    if (use === 'create') {
      if (known !== undefined) return this.#fail('EEXIST');
      const made = new Inode();
      this.#enter(name, made);
      return this.#end(this.#file(made));
    }
    return known === undefined ? this.#fail('ENOENT') : this.#end(this.#file(known));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin('unlink');
    const inode = this.#live.get(from);
    if (inode === undefined) return this.#fail('ENOENT');
    this.#enter(from, undefined);
    this.#enter(to, inode);
    this.#end(undefined);
  }

  async unlink(name: string): Promise<void> {
    await this.#begin('unlink');
    if (!this.#live.has(name)) return this.#fail('ENOENT');
    this.#enter(name, undefined);
    this.#end(undefined);
  }

  async syncDirectory(): Promise<void> {
    await this.#begin('syncDirectory');
    this.#platter = new Map(this.#live);
    this.#unsynced = [];
    this.#end(undefined);
  }

  #enter(name: string, inode: Inode | undefined): void {
    if (inode === undefined) this.#live.delete(name);
    else this.#live.set(name, inode);
    this.#unsynced.push({ name, inode });
  }

  #file(inode: Inode): DiskFile {
    let closed = false;
    const mustBeOpen = (): void => {
      if (closed) throw systemError('EBADF');
    };
    this.openFiles += 1;
    return {
      size: async () => {
        mustBeOpen();
        await this.#begin('open');
        return this.#end(inode.live.length);
      },
      writev: async (chunks, position) => {
        mustBeOpen();
        await this.#write(inode, Buffer.concat(chunks), position);
      },
      read: async (into, position) => {
        mustBeOpen();
        await this.#begin('read');
        return this.#end(inode.live.copy(into, 0, Math.min(position, inode.live.length)));
      },
      truncate: async (size) => {
        mustBeOpen();
        await this.#begin('truncate');
        inode.apply({ truncate: size });
        this.#end(undefined);
      },
      datasync: async () => {
        mustBeOpen();
        await this.#sync(inode);
      },
      // A close that fails has closed the file all the same.
      close: async () => {
        if (closed) return;
        closed = true;
        this.openFiles -= 1;
        await this.#begin('close');
        this.#end(undefined);
      },
    };
  }

  async #write(inode: Inode, bytes: Buffer, position: number): Promise<void> {
    const fails = await this.#begin('write', true);
    const grows = Math.max(0, position + bytes.length - inode.live.length);
    const room = this.capacity - this.bytesOf('');
    const full = grows > room;
    // Part of it is there before the rest is, and stays when the rest does not come.
    const cut = Math.floor(this.#random() * (full ? Math.max(0, bytes.length - grows + room) : bytes.length));
    if (cut > 0) inode.apply({ at: position, bytes: Buffer.from(bytes.subarray(0, cut)) });
    if (full) return this.#fail('ENOSPC');
    if (fails) return this.#fail('EIO');
    await this.#pause();
    inode.apply({ at: position + cut, bytes: Buffer.from(bytes.subarray(cut)) });
    this.#end(undefined);
  }

  async #sync(inode: Inode): Promise<void> {
    if (await this.#begin('datasync', true)) {
      // The system reports it once, forgets what it could not write, and is content the next time.
      inode.unsynced = inode.unsynced.filter(() => this.#random() < 0.5);
      inode.sync();
      return this.#fail('EIO');
    }
    inode.sync();
    this.#end(undefined);
  }

  /** The power goes: of each change that was not synced nothing, a part, or all is there, in any order. */
  #lose(inode: Inode): void {
    for (const change of inode.unsynced) {
      const luck = this.#random();
      if (luck < 0.4) continue;
      if (luck < 0.7 || 'truncate' in change) {
        inode.platter = changed(inode.platter, change);
        continue;
      }
      const [from, to] = [this.#random(), this.#random()]
        .map((part) => Math.floor(part * change.bytes.length))
        .sort((a, b) => a - b);
      const piece = change.bytes.subarray(from, to);
      inode.platter = changed(inode.platter, { at: change.at + (from ?? 0), bytes: piece });
    }
    inode.unsynced = [];
  }

  async #begin(call: Call, failsLater = false): Promise<boolean> {
    this.calls += 1;
    if (this.calls > this.diesAfter) this.#dead = true;
    this.inFlight += 1;
    await this.#pause();
    const failures = this.failures.get(call) ?? 0;
    if (failures === 0) return false;
    this.failures.set(call, failures - 1);
    return failsLater ? true : this.#fail('EIO');
  }

  /** Some turns of the microtask queue, so that calls overtake each other; on a dead disk it never ends. */
  async #pause(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 6); turns >= 0; turns--) await Promise.resolve();
    if (this.#dead) {
      this.inFlight -= 1;
      await new Promise(() => undefined);
    }
  }

  #end<T>(value: T): T {
    this.inFlight -= 1;
    return value;
  }

  #fail(code: string): never {
    this.inFlight -= 1;
    throw systemError(code);
  }
}

function copyOf(entries: Entries, which: 'live' | 'platter'): Entries {
  const copies = new Map<string, Inode>();
  for (const [name, inode] of entries) {
    const copy = new Inode();
    copy.live = Buffer.from(inode[which]);
    copy.platter = Buffer.from(inode[which]);
    copies.set(name, copy);
  }
  return copies;
}
