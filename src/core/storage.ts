import type { DurableQueue, DurableQueueOptions } from './queue.ts';

/** A private, durable place of one component, given by a storage extension such as `file_storage`. */
export interface StorageClient {
  /** A directory of this component's own, created with mode 0700 when the extension starts. */
  readonly directory: string;
  /** The last value written, or undefined when there is none or it was damaged (counted and logged). */
  read(): Promise<Uint8Array | undefined>;
  /** Replaces the value atomically: after a crash either the old or the new one is read, never a torn one. */
  write(value: Uint8Array): Promise<void>;
}

/** What a storage extension offers to the host, which resolves `context.storage(extensionId, name)` with it. */
export interface StorageProvider {
  /** The place of one component; the same arguments give the same place. Opens nothing until it is used. */
  client(componentId: string, name: string): StorageClient;
  /** The queue of one exporter and signal on disk. Opens nothing until its `open`. */
  queue?(componentId: string, name: string, options: DurableQueueOptions): DurableQueue;
}

export function isStorageProvider(value: object): value is StorageProvider {
  return 'client' in value && typeof value.client === 'function';
}
