import { dirname } from 'node:path';
import * as z from 'zod';
import { defineExporter } from '../core/component.ts';
import { sendingQueueSettings, sendingShape } from '../core/sending.ts';
import { duration } from '../core/settings.ts';
import { SIGNALS } from '../core/signal.ts';
import { AppendFile } from './file/append-file.ts';
import { FileExporter } from './file/exporter.ts';

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

const rotation = () =>
  z.strictObject({
    max_megabytes: z.number().int().positive().default(100).describe('Size at which a new file is begun.'),
    max_days: z.number().int().nonnegative().default(0).describe('Removes files older than this; 0 keeps them.'),
    max_backups: z.number().int().nonnegative().default(100).describe('Rotated files that are kept; 0 keeps all.'),
    localtime: z.boolean().default(false).describe('Names rotated files in local time instead of UTC.'),
  });

const config = () =>
  z
    .strictObject({
      path: z.string().min(1, 'is empty').describe('The file that is written.'),
      format: z.enum(['json', 'proto']).default('json').describe('OTLP/JSON lines, or length-prefixed protobuf.'),
      append: z.boolean().default(false).describe('Keeps what is in the file; otherwise a start empties it.'),
      rotation: rotation().nullable().optional().describe('Begins new files by size; off when absent.'),
      compression: z
        .enum(['', 'none', 'zstd'], { error: 'only zstd compresses files' })
        .default('')
        .describe('zstd compresses each record, which is then prefixed with its length; empty is none.'),
      flush_interval: duration()
        .prefault('1s')
        .describe('Accepted for compatibility: every record is handed to the operating system before it is accepted.'),
      create_directory: z.boolean().default(false).describe('Creates the directory of path when it is missing.'),
      directory_permissions: z
        .string()
        .regex(/^0?[0-7]{3}$/, 'is not an octal mode such as 0755')
        .default('0755')
        .describe('Mode of the directory that is created.'),
      ...sendingShape('5s'),
      sending_queue: sendingQueueSettings()
        .prefault({ enabled: false })
        .describe('The queue in front of the exporter; off unless configured.'),
    })
    .refine((file) => !(file.append && file.rotation !== undefined && file.rotation !== null), {
      message: 'append and rotation cannot be used together: rotation always appends',
      path: ['append'],
    })
    .refine((file) => !(file.append && file.compression === 'zstd'), {
      message: 'append and compression cannot be used together',
      path: ['append'],
    });

type FileConfig = z.output<ReturnType<typeof config>>;

export const fileExporter = defineExporter({
  type: 'file',
  summary: 'Writes telemetry to a file.',
  signals: SIGNALS,
  config,
  resources: ({ path, create_directory: creates }) => [
    { kind: 'directory', directory: dirname(path), creates, path: ['path'] },
  ],
  sending: (file) => file,
  create: (file, context) =>
    new FileExporter(
      file,
      new AppendFile({
        path: file.path,
        append: file.append,
        createDirectory: file.create_directory,
        directoryMode: Number.parseInt(file.directory_permissions, 8),
        rotation: rotationOf(file.rotation),
        clock: context.clock,
      }),
    ),
});

function rotationOf(settings: FileConfig['rotation']) {
  if (settings === undefined || settings === null) return undefined;
  return {
    maxBytes: settings.max_megabytes * MIB,
    maxAgeMs: settings.max_days * DAY_MS,
    maxBackups: settings.max_backups,
    localTime: settings.localtime,
  };
}
