import type { Extension, ExtensionContext } from '../../core/component.ts';
import type { DurableQueue, DurableQueueOptions } from '../../core/queue.ts';
import type { StorageClient, StorageProvider } from '../../core/storage.ts';
import { DiskQueue } from '../../storage/queue/disk-queue.ts';
import { MemoryDisk } from './memory-disk.ts';

/** Stands in for a storage extension: what components keep lives as long as the replay. Queues are the ones of `run`. */
export class MemoryStorage implements Extension, StorageProvider {
  readonly #context: ExtensionContext;
  readonly #clients = new Map<string, StorageClient>();

  constructor(context: ExtensionContext) {
    this.#context = context;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  client(componentId: string, name: string): StorageClient {
    const key = `${componentId}\n${name}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const made = memoryClient();
    this.#clients.set(key, made);
    return made;
  }

  queue(_componentId: string, _name: string, options: DurableQueueOptions): DurableQueue {
    const folder = (): Promise<MemoryDisk> => Promise.resolve(new MemoryDisk());
    return new DiskQueue({ ...options, random: this.#context.random, fsync: 'always', folder });
  }
}

function memoryClient(): StorageClient {
  let value: Uint8Array | undefined;
  return {
    directory: '/memory',
    read: () => Promise.resolve(value),
    write(written) {
      value = new Uint8Array(written);
      return Promise.resolve();
    },
  };
}
