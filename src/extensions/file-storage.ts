import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { defineExtension, type Extension, type ExtensionContext } from '../core/component.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { MetricSpec } from '../core/meter.ts';
import type { DurableQueue, DurableQueueOptions } from '../core/queue.ts';
import { duration } from '../core/settings.ts';
import type { StorageProvider } from '../core/storage.ts';
import { lockDirectory, type DirectoryLock } from '../storage/directory-lock.ts';
import { folderOnDisk } from '../storage/disk.ts';
import { FileClient } from '../storage/file-client.ts';
import { madeDirectory } from '../storage/made-directory.ts';
import { privateDirectory } from '../storage/private-directory.ts';
import { DiskQueue } from '../storage/queue/disk-queue.ts';
import { diskQueueMetrics } from '../storage/queue/metrics.ts';

const compaction = () =>
  z
    .looseObject({})
    .describe("The Collector's compaction of its database file; accepted, values here are whole files and need none.");

const config = () =>
  z.strictObject({
    directory: z
      .string()
      .min(1)
      .default('/var/lib/otelcol/file_storage')
      .describe('Where components keep what must survive a restart. One instance of Remora per directory.'),
    create_directory: z.boolean().default(false).describe('Create the directory (and its parents) when it is missing.'),
    directory_permissions: z
      .string()
      .regex(/^0?[0-7]{3}$/)
      .default('0750')
      .describe('Mode of the directory when it is created, in octal.'),
    timeout: duration()
      .prefault('1s')
      .describe('How long to wait at the start for another process to let go of the directory.'),
    fsync: z
      .boolean()
      .default(true)
      .describe(
        'Force writes to the disk before they count: what was accepted survives the loss of power. With false it survives kill -9, and about the last 30 s (as the kernel writes back) are lost with the power.',
      ),
    fsync_interval: duration()
      .prefault('0s')
      .describe(
        'Ours: queues force writes to the disk this often instead of before each answer. What was accepted survives kill -9, and at most the last interval is lost with the power. 0 is before each answer.',
      ),
    compaction: compaction().optional(),
  });

type Config = z.output<ReturnType<typeof config>>;

const DAMAGED: MetricSpec = {
  name: 'remora_storage_damaged_values',
  help: 'Stored values that failed their checksum and were put aside.',
  kind: 'counter',
  labels: ['extension'],
};

class FileStorage implements Extension, StorageProvider {
  readonly #config: Config;
  readonly #context: ExtensionContext;
  readonly #clients = new Map<string, FileClient>();
  #lock: DirectoryLock | undefined;

  constructor(settings: Config, context: ExtensionContext) {
    this.#config = settings;
    this.#context = context;
    context.meter.counter(DAMAGED, { extension: context.id });
  }

  async start(): Promise<void> {
    const { directory, timeout } = this.#config;
    await openDirectory(this.#config);
    this.#lock ??= await lockDirectory({ directory, clock: this.#context.clock, timeoutMs: timeout });
    for (const client of this.#clients.values()) await client.prepare();
  }

  stop(): Promise<void> {
    this.#lock?.release();
    this.#lock = undefined;
    return Promise.resolve();
  }

  queue(componentId: string, name: string, options: DurableQueueOptions): DurableQueue {
    const { fsync, fsync_interval: everyMs, directory } = this.#config;
    const folder = join(directory, `queue_${folderName(componentId, name)}`);
    return new DiskQueue({
      ...options,
      random: this.#context.random,
      fsync: !fsync ? 'never' : everyMs > 0 ? { everyMs } : 'always',
      folder: async () => {
        await privateDirectory(folder);
        return folderOnDisk(folder);
      },
    });
  }

  client(componentId: string, name: string): FileClient {
    const folder = folderName(componentId, name);
    const known = this.#clients.get(folder);
    if (known !== undefined) return known;
    const made = new FileClient({
      directory: join(this.#config.directory, folder),
      fsync: this.#config.fsync,
      onDamage: (path) => this.#reportDamage(componentId, path),
    });
    this.#clients.set(folder, made);
    return made;
  }

  #reportDamage(component: string, path: string): void {
    this.#context.meter.counter(DAMAGED, { extension: this.#context.id }).value += 1;
    this.#context.log.error('A stored value was damaged; it was put aside and its component starts without it.', {
      component,
      path,
    });
  }
}

async function openDirectory({ directory, create_directory, directory_permissions }: Config): Promise<void> {
  try {
    if (create_directory) await madeDirectory(directory, Number.parseInt(directory_permissions, 8));
    const info = await stat(directory);
    if (!info.isDirectory()) throw new Error('it is not a directory');
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `The storage directory ${directory} cannot be used: ${errorMessage(error)}`;
    throw new RemoraError('storage_failed', message, { cause: error });
  }
}

function folderName(componentId: string, name: string): string {
  return name === '' ? fileName(componentId) : `${fileName(componentId)}_${fileName(name)}`;
}

/** One path segment for any id, different for different ids: what is not plain becomes %XX, `_` included. */
function fileName(id: string): string {
  return encodeURIComponent(id).replace(/[_~!*'().]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

export const fileStorageExtension = defineExtension({
  type: 'file_storage',
  summary: 'Keeps the checkpoints of other components, and queues, in a directory.',
  signals: [],
  config,
  metrics: [DAMAGED, ...diskQueueMetrics],
  stores: true,
  resources: ({ directory, create_directory: creates }) => [
    { kind: 'directory', directory, creates, path: ['directory'] },
  ],
  create: (settings, context) => new FileStorage(settings, context),
});
