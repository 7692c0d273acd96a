import * as z from 'zod';
import { byteSize, duration } from '../../core/settings.ts';
import { compileGlobs } from './glob.ts';
import { operatorsSetting } from './operators/config.ts';
import { encodingSetting, multilineSetting } from './reading/settings.ts';

/** Values of `attributes` and `resource` are texts; YAML numbers and booleans are taken as they are written. */
const textValue = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .refine((value) => !/^EXPR\(/.test(value), 'expressions (EXPR(...)) are not available here; write a plain value');

const pattern = z.string().superRefine((value, context) => {
  try {
    compileGlobs(value, '/');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message: `"${value}" is not a path pattern: ${reason}` });
  }
});

/** A key of the Collector that Remora does not have: only the value that changes nothing is accepted. */
function only(value: string | number | boolean | undefined, advice: string) {
  return z
    .unknown()
    .optional()
    .superRefine((given, context) => {
      if (given === undefined || given === value) return;
      context.addIssue({ code: 'custom', message: `this key of the Collector is not available in Remora; ${advice}` });
    })
    .describe(value === undefined ? 'Not available.' : `Not available; only ${JSON.stringify(value)} is accepted.`);
}

function absent(advice: string) {
  return only(undefined, advice);
}

function positive(setting: z.ZodType<number, string | number>) {
  return setting.refine((value) => value > 0, 'must be more than 0');
}

const retryOnFailure = z
  .looseObject({})
  .describe('Accepted: a batch that the pipeline cannot take now is always offered again, and reading pauses.');

export const filelogConfig = z.strictObject({
  include: z.array(pattern).min(1).describe('Path patterns of the files to read: *, **, ?, [a-z], {a,b}.'),
  exclude: z.array(pattern).default([]).describe('Path patterns of files to leave out.'),
  start_at: z
    .enum(['beginning', 'end'])
    .default('end')
    .describe('Where files that exist at the first start are read from; later files are read from their beginning.'),
  poll_interval: positive(duration())
    .prefault('200ms')
    .describe(
      'A file read to its end is read again no sooner than this after; also how often unwatchable files are looked at.',
    ),
  fingerprint_size: byteSize().prefault(1000).describe('Bytes of the head of a file that are part of its identity.'),
  initial_buffer_size: byteSize().prefault('16KiB').describe('Accepted; all files share one buffer here.'),
  max_log_size: positive(byteSize())
    .prefault('1MiB')
    .describe('Longer records are cut, marked with log.record.cut and counted. In bytes of the file.'),
  max_log_size_behavior: z
    .enum(['split', 'truncate'])
    .default('split')
    .describe('split sends the rest of a long record as further records; truncate skips it.'),
  max_concurrent_files: z
    .number()
    .int()
    .min(2)
    .default(1024)
    .describe('Open files at most; quiet files make room for those that wait.'),
  max_batches: only(0, 'there is no limit on batches per poll'),
  encoding: encodingSetting,
  force_flush_period: duration()
    .prefault('500ms')
    .describe(
      'A last record whose end was not seen is sent when the file did not grow for this long; 0 waits for ever.',
    ),
  include_file_name: z.boolean().default(true).describe('Adds the attribute log.file.name.'),
  include_file_path: z.boolean().default(false).describe('Adds the attribute log.file.path.'),
  include_file_name_resolved: z
    .boolean()
    .default(false)
    .describe('Adds log.file.name_resolved, with symbolic links followed.'),
  include_file_path_resolved: z
    .boolean()
    .default(false)
    .describe('Adds log.file.path_resolved, with symbolic links followed.'),
  include_file_record_number: z.boolean().default(false).describe('Adds log.file.record_number, counted from 1.'),
  include_file_record_offset: z
    .boolean()
    .default(false)
    .describe('Adds log.file.record_offset, the byte where the line begins.'),
  include_file_owner_name: only(false, 'leave it out'),
  include_file_owner_group_name: only(false, 'leave it out'),
  include_file_permissions: only(false, 'leave it out'),
  preserve_leading_whitespaces: z.boolean().default(false).describe('Keeps blanks at the start of a line.'),
  preserve_trailing_whitespaces: z.boolean().default(false).describe('Keeps blanks at the end of a line.'),
  attributes: z.record(z.string(), textValue).prefault({}).describe('Attributes added to every record.'),
  resource: z.record(z.string(), textValue).prefault({}).describe('Attributes of the resource of every record.'),
  storage: z.string().optional().describe('Id of a storage extension that keeps offsets across restarts.'),
  retry_on_failure: retryOnFailure.optional(),
  operators: operatorsSetting,
  multiline: multilineSetting.optional(),
  header: absent('leave it out'),
  compression: only('', 'compressed files are not read; leave it out'),
  ordering_criteria: absent('name the files with include and exclude'),
  exclude_older_than: absent('name the files with include and exclude'),
  delete_after_read: only(false, 'Remora never deletes files'),
  polls_to_archive: only(0, 'rotated files are known by their identity'),
  on_truncate: z
    .enum(['ignore', 'read_whole_file'], {
      error: 'only read_whole_file is available: a truncated file is read from its start',
    })
    .optional()
    .describe('Accepted; a truncated or rewritten file is always read from its start.'),
  acquire_fs_lock: only(false, 'leave it out'),
  file_cache_advise: only(false, 'leave it out'),
  type: absent('leave it out'),
});

export type FilelogConfig = z.output<typeof filelogConfig>;
