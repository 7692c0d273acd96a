import * as z from 'zod';
import { byteSize, duration } from '../../core/settings.ts';

/** Parts of a key that are no attributes. The others are names of attributes. */
export const SPAN_PARTS = ['route', 'span.name', 'span.kind'] as const;
export const LOG_PARTS = ['severity', 'message.shape'] as const;

export const DEFAULT_KEYS = {
  traces: ['service.name', 'route'],
  logs: ['service.name', 'severity', 'message.shape'],
} as const;

const MAX_PARTS = 8;

export const adaptiveSamplerConfig = () =>
  z
    .strictObject({
      items_per_second: z
        .number()
        .positive()
        .optional()
        .describe(
          'Ours: the target, in spans or log records that are kept each second. Either this or bytes_per_second.',
        ),
      bytes_per_second: byteSize()
        .optional()
        .describe('Ours: the target, in encoded OTLP bytes of spans or log records that are kept each second.'),
      keys: z
        .array(z.string().min(1).max(256))
        .min(1)
        .max(MAX_PARTS)
        .optional()
        .describe(
          'Ours: what makes a key, between which the target is shared fairly: names of attributes (of the item, else of its ' +
            'resource), route (http.route, else the name of the span), span.name, span.kind, severity, message.shape (the ' +
            'message without numbers, ids and quoted texts). For spans service.name and route when absent, for logs ' +
            'service.name, severity and message.shape.',
        ),
      max_keys: z
        .number()
        .int()
        .positive()
        .max(100_000)
        .default(1000)
        .describe('Ours: keys that are told apart; what is beyond shares the key _other.'),
      priority_share: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe(
          'Ours: the part of the target that errors and slow spans have before all others. They have more when the others ' +
            'leave it; beyond it they are thinned, too, and counted.',
        ),
      slow: duration().prefault('1s').describe('Ours: a span that takes longer counts with the errors; 0 for none.'),
      scope: z
        .enum(['trace', 'span'])
        .default('trace')
        .describe(
          'Ours: trace keeps a span also when its trace was kept by an earlier one, or by another one of the same batch; ' +
            'span looks at each for itself. Of spans only.',
        ),
      max_traces: z
        .number()
        .int()
        .min(4)
        .max(16_777_216)
        .default(65_536)
        .describe('Ours: traces whose decision is remembered, for their later spans and for logs that follow them.'),
      window: duration()
        .prefault('5s')
        .describe(
          'Ours: over how long rates are averaged, and for how long what was not used of the target may be made up for. ' +
            'About as long as the time between two exports of an application.',
        ),
    })
    .superRefine((value, context) => {
      const issue = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
      const { items_per_second: items, bytes_per_second: bytes, keys = [] } = value;
      if (items === undefined && bytes === undefined)
        issue('items_per_second', 'set items_per_second or bytes_per_second');
      if (items !== undefined && bytes !== undefined) {
        issue('bytes_per_second', 'set either items_per_second or bytes_per_second, not both');
      }
      if (bytes === 0) issue('bytes_per_second', 'must be more than 0');
      if (value.window < MIN_WINDOW_MS) issue('window', 'must be at least 1s');
      const twice = keys.find((key, index) => keys.indexOf(key) !== index);
      if (twice !== undefined) issue('keys', `names "${twice}" twice`);
    });

const MIN_WINDOW_MS = 1000;

export type AdaptiveSamplerConfig = z.output<ReturnType<typeof adaptiveSamplerConfig>>;

/** What readers of items are told. */
export interface KeySettings {
  /** Absent: `DEFAULT_KEYS`. */
  readonly keys?: readonly string[] | undefined;
  /** Milliseconds; 0 for none. */
  readonly slow: number;
}
