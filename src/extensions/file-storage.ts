import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { defineExtension, type Extension, type ExtensionContext } from '../core/component.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { MetricSpec } from '../core/meter.ts';
import { duration } from '../core/settings.ts';
import type { StorageProvider } from '../core/storage.ts';
import { FileClient } from '../storage/file-client.ts';

const compaction = z
  .looseObject({})
  .describe("The Collector's compaction of its database file; accepted, values here are whole files and need none.");

const config = z.strictObject({
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
    .describe("The Collector's wait for its database lock; accepted, no lock is taken here."),
  fsync: z
    .boolean()
    .default(true)
    .describe('Force writes to the disk; false is faster and may lose the newest values.'),
  compaction: compaction.optional(),
});

type Config = z.output<typeof config>;

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

  constructor(settings: Config, context: ExtensionContext) {
    this.#config = settings;
    this.#context = context;
    context.meter.counter(DAMAGED, { extension: context.id });
  }

  async start(): Promise<void> {
    await openDirectory(this.#config);
    for (const client of this.#clients.values()) await client.prepare();
  }

  client(componentId: string, name: string): FileClient {
    const folder = name === '' ? fileName(componentId) : `${fileName(componentId)}_${fileName(name)}`;
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
    if (create_directory) await mkdir(directory, { recursive: true, mode: Number.parseInt(directory_permissions, 8) });
    const info = await stat(directory);
    if (!info.isDirectory()) throw new Error('it is not a directory');
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `The storage directory ${directory} cannot be used: ${errorMessage(error)}`;
    throw new RemoraError('storage_failed', message, { cause: error });
  }
}

/** One path segment for any id, different for different ids: what is not plain becomes %XX, `_` included. */
function fileName(id: string): string {
  return encodeURIComponent(id).replace(/[_~!*'().]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

export const fileStorageExtension = defineExtension({
  type: 'file_storage',
  summary: 'Keeps the checkpoints of other components in a directory.',
  signals: [],
  config,
  metrics: [DAMAGED],
  resources: ({ directory, create_directory: creates }) => [
    { kind: 'directory', directory, creates, path: ['directory'] },
  ],
  create: (settings, context) => new FileStorage(settings, context),
});
