import type { Disk, DiskFile } from '../../storage/disk.ts';
import { systemError } from './system-error.ts';

/** The folder of a queue in memory: everything is safe at once, and nothing ever fails for want of room. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryDiskFile>();

  list(): Promise<string[]> {
    return Promise.resolve([...this.#files.keys()]);
  }

  open(name: string, use: 'create' | 'read' | 'write'): Promise<DiskFile> {
    const known = this.#files.get(name);
    if (use === 'create') {
      if (known !== undefined) return Promise.reject(systemError('EEXIST', name));
      const made = new MemoryDiskFile();
      this.#files.set(name, made);
      return Promise.resolve(made);
    }
    return known === undefined ? Promise.reject(systemError('ENOENT', name)) : Promise.resolve(known);
  }

  rename(from: string, to: string): Promise<void> {
    const file = this.#files.get(from);
    if (file === undefined) return Promise.reject(systemError('ENOENT', from));
    this.#files.delete(from);
    this.#files.set(to, file);
    return Promise.resolve();
  }

  unlink(name: string): Promise<void> {
    return this.#files.delete(name) ? Promise.resolve() : Promise.reject(systemError('ENOENT', name));
  }

  syncDirectory(): Promise<void> {
    return Promise.resolve();
  }
}

class MemoryDiskFile implements DiskFile {
  #bytes = new Uint8Array(4096);
  #size = 0;

  size(): Promise<number> {
    return Promise.resolve(this.#size);
  }

  writev(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (const chunk of chunks) {
      this.#grow(at + chunk.length);
      this.#bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#size = Math.max(this.#size, at);
    return Promise.resolve();
  }

  read(into: Uint8Array, position: number): Promise<number> {
    const content = this.#bytes.subarray(position, Math.min(this.#size, position + into.length));
    into.set(content);
    return Promise.resolve(content.length);
  }

  truncate(size: number): Promise<void> {
    this.#grow(size);
    this.#bytes.fill(0, Math.min(size, this.#size), this.#bytes.length);
    this.#size = size;
    return Promise.resolve();
  }

  datasync(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #grow(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}
