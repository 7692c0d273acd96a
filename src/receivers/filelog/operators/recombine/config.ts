import * as z from 'zod';
import { byteSize, duration } from '../../../../core/settings.ts';
import { common, condition, field } from '../settings.ts';
import { STACK_TRACE_PRESETS, type StackTracePreset } from '../stack-traces/presets.ts';

const preset = () => z.enum([...STACK_TRACE_PRESETS, 'all']);
/** One name stands for a list of one. */
const presetSetting = () =>
  z
    .union([preset(), z.array(preset()).min(1)])
    .transform((names): readonly StackTracePreset[] =>
      [names].flat().flatMap((name) => (name === 'all' ? STACK_TRACE_PRESETS : [name])),
    );

export const recombine = () =>
  z
    .strictObject({
      type: z.literal('recombine').describe('Joins lines that are one record, such as stack traces.'),
      ...common(),
      preset: presetSetting()
        .optional()
        .describe('Ours: joins the stack traces of these languages with the line before them, instead of a condition.'),
      is_first_entry: condition().optional().describe('True for a line that begins a record.'),
      is_last_entry: condition().optional().describe('True for a line that ends a record.'),
      combine_field: field().prefault('body').describe('What is joined.'),
      combine_with: z.string().default('\n').describe('What stands between the joined texts.'),
      max_batch_size: z.number().int().positive().default(1000).describe('Lines that are joined at most.'),
      max_unmatched_batch_size: z
        .number()
        .int()
        .nonnegative()
        .default(100)
        .describe('Lines that are joined at most while none of them met the condition; 0 for no bound.'),
      overwrite_with: z
        .enum(['oldest', 'newest'])
        .optional()
        .describe('Whose other fields the record has: newest, or with a preset oldest, unless this is set.'),
      force_flush_period: duration()
        .optional()
        .describe(
          'A record that did not grow for this long is sent: 5s, or with a preset 500ms, unless this is set; 0: when its file is closed.',
        ),
      source_identifier: field()
        .prefault('attributes["log.file.path"]')
        .describe(
          'Lines are joined when this is the same. Files, and the streams of a container, are always told apart.',
        ),
      max_sources: z
        .number()
        .int()
        .positive()
        .default(1000)
        .describe('Sources of one file that are told apart at most.'),
      max_log_size: byteSize()
        .prefault(0)
        .describe('A record is ended at this size, marked and counted; 0: at max_log_size of the receiver.'),
    })
    .superRefine(({ preset: presets, is_first_entry: isFirst, is_last_entry: isLast }, context) => {
      const given = [presets, isFirst, isLast].filter((rule) => rule !== undefined);
      if (given.length === 1) return;
      const message = 'exactly one of is_first_entry, is_last_entry and preset tells which lines belong together';
      context.addIssue({ code: 'custom', message });
    });

export type RecombineConfig = z.output<ReturnType<typeof recombine>>;
