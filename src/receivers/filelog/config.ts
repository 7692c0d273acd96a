import * as z from 'zod';
import { byteSize, duration } from '../../core/settings.ts';
import { compileGlobs } from './glob.ts';
import { orderingSetting } from './discovery/ordering-settings.ts';
import { operatorsSetting } from './operators/config.ts';
import { templateText } from './operators/settings.ts';
import { encodingSetting, multilineSetting } from './reading/settings.ts';

const pattern = () =>
  z.string().superRefine((value, context) => {
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

const retryOnFailure = () =>
  z
    .looseObject({})
    .describe('Accepted: a batch that the pipeline cannot take now is always offered again, and reading pauses.');

export const filelogConfig = () =>
  z
    .strictObject({
      include: z.array(pattern()).min(1).describe('Path patterns of the files to read: *, **, ?, [a-z], {a,b}.'),
      exclude: z.array(pattern()).default([]).describe('Path patterns of files to leave out.'),
      start_at: z
        .enum(['beginning', 'end'])
        .default('end')
        .describe(
          'Where files that exist at the first start are read from; later files are read from their beginning.',
        ),
      poll_interval: positive(duration())
        .prefault('200ms')
        .describe(
          'A file read to its end is read again no sooner than this after; also how often unwatchable files are looked at.',
        ),
      fingerprint_size: byteSize()
        .prefault(1000)
        .describe('Bytes of the head of a file that are part of its identity.'),
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
        .describe(
          'Open files at most, besides those that were rotated away. With more, quiet files make room for those that wait, and after 10 s also files that always have more to read.',
        ),
      max_batches: only(0, 'files take turns without batches; limit what is open with max_concurrent_files'),
      encoding: encodingSetting(),
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
      include_file_owner_name: z
        .boolean()
        .default(false)
        .describe('Adds log.file.owner.name; the number of a user without a name.'),
      include_file_owner_group_name: z
        .boolean()
        .default(false)
        .describe('Adds log.file.owner.group.name; the number of a group without a name.'),
      include_file_permissions: z
        .boolean()
        .default(false)
        .describe('Adds log.file.permissions, three octal digits such as 644.'),
      preserve_leading_whitespaces: z.boolean().default(false).describe('Keeps blanks at the start of a line.'),
      preserve_trailing_whitespaces: z.boolean().default(false).describe('Keeps blanks at the end of a line.'),
      attributes: z
        .record(z.string(), templateText())
        .prefault({})
        .describe('Attributes added to every record: texts, which may hold EXPR(...) with an expression.'),
      resource: z
        .record(z.string(), templateText())
        .prefault({})
        .describe('Attributes of the resource of every record, written like attributes.'),
      storage: z.string().optional().describe('Id of a storage extension that keeps offsets across restarts.'),
      retry_on_failure: retryOnFailure().optional(),
      operators: operatorsSetting(),
      multiline: multilineSetting().optional(),
      header: absent('take what stands at the head of a file with operators, or leave it out'),
      compression: z
        .enum(['', 'gzip', 'auto'], { error: 'only gzip, and auto for files whose name ends in .gz, are available' })
        .default('')
        .describe(
          'gzip: all files are compressed; auto: those whose name ends in .gz. Each is read when nobody has written to it for a second; what was read before it was compressed is not read again. Compressed files are never deleted.',
        ),
      ordering_criteria: orderingSetting()
        .optional()
        .describe('Reads only the first files of an order, of all that match. One that drops out is read to its end.'),
      exclude_older_than: duration()
        .optional()
        .describe('Files that are not open and were not modified for so long are not opened.'),
      delete_after_read: z
        .boolean()
        .default(false)
        .describe(
          'Deletes each file once all of it was acknowledged and the checkpoint says so, if it did not change since. Needs start_at: beginning.',
        ),
      polls_to_archive: z
        .number()
        .int()
        .min(0)
        .default(0)
        .describe('Accepted; files are remembered as long as they exist, not for a number of polls.'),
      on_truncate: z
        .literal('read_whole_file', {
          error:
            'only read_whole_file is available, and the default here: with ignore and read_new lines are lost that were written after the truncation',
        })
        .optional()
        .describe('Accepted; a truncated or rewritten file is always read from its start.'),
      acquire_fs_lock: only(false, 'files are only read, and no lock is needed for that; leave it out'),
      file_cache_advise: only(false, 'the runtime cannot advise the page cache; leave it out'),
      type: absent('leave it out'),
    })
    .superRefine(({ delete_after_read, start_at }, context) => {
      if (!delete_after_read || start_at === 'beginning') return;
      const message = 'needs start_at: beginning, so that nothing is deleted that was not read';
      context.addIssue({ code: 'custom', path: ['delete_after_read'], message });
    });

export type FilelogConfig = z.output<ReturnType<typeof filelogConfig>>;
