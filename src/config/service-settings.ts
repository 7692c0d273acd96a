import * as z from 'zod';
import { byteSize, duration, parseByteSize } from '../core/settings.ts';
import { telemetrySchema } from './telemetry-settings.ts';

const idList = (what: string) => z.array(z.string()).default([]).describe(what);

export const pipelineSchema = z.strictObject({
  receivers: idList('Ids of the receivers that feed the pipeline; at least one.'),
  processors: idList('Ids of the processors, in the order in which data passes them.'),
  exporters: idList('Ids of the exporters that each get everything; at least one.'),
});

/** Of the limit, or as it is. */
export interface MemoryAmount {
  readonly unit: 'percent' | 'bytes';
  readonly value: number;
}

const PERCENT = /^(\d+(?:\.\d+)?)\s*%$/;

/** `85%` of the limit, or a size. */
function memoryAmount(): z.ZodType<MemoryAmount, string | number> {
  const written = z.union([z.number().int().nonnegative(), z.string()]).meta({ title: 'share or size' });
  return written.transform((value, context) => {
    const percent = Number(PERCENT.exec(String(value))?.[1] ?? Number.NaN);
    if (percent <= 100) return { unit: 'percent', value: percent };
    const bytes = typeof value === 'number' ? value : parseByteSize(value);
    if (bytes !== undefined) return { unit: 'bytes', value: bytes };
    context.addIssue({ code: 'custom', message: `"${value}" is neither a share nor a size; write 85% or 200MiB` });
    return z.NEVER;
  });
}

const memorySchema = z.strictObject({
  limit: byteSize()
    .optional()
    .describe(
      'What the whole process may use. Queues, request bodies and buffers get their shares of it, and what is asked for must fit. Without it the limit of the container, else half of the machine and at most 2GiB.',
    ),
  soft_limit: memoryAmount()
    .prefault('85%')
    .describe('Resident memory above which new data is refused, as a share of the limit or a size.'),
  hard_limit: memoryAmount()
    .prefault('93%')
    .describe('Resident memory above which data is shed, as a share of the limit or a size.'),
  shed: z
    .enum(['oldest', 'none'])
    .default('oldest')
    .describe(
      'Above the hard limit: oldest drops what has waited longest in queues in memory and counts it; none does not.',
    ),
});

const overloadSchema = z.strictObject({
  max_event_loop_lag: duration()
    .prefault('1s')
    .describe(
      'New data is refused once the event loop was later than this twice in a row, and until it is well below it; 0 is off.',
    ),
});

const bypassSchema = z
  .strictObject({
    max_duration: duration().prefault('30m').describe('Bypass mode ends by itself after this time.'),
  })
  .refine(({ max_duration }) => max_duration > 0, { path: ['max_duration'], message: 'must be more than 0' });

const drainSchema = z.strictObject({
  linger: duration()
    .prefault('0s')
    .describe('Goes on receiving this long after SIGTERM, because the application ends later or has last words.'),
  linger_idle: duration()
    .prefault('6s')
    .describe('Lingers no longer when nothing was received for this long; SDKs send every 5 s.'),
});

/** What lingering must leave of shutdown_timeout for the rest of the stop: this, or half of it where that is less. */
const REST_MS = 5000;

/** `service:` of a configuration. */
export const serviceSchema = z
  .strictObject({
    extensions: idList('Ids of the extensions to start, in this order.'),
    pipelines: z
      .record(z.string(), pipelineSchema)
      .default({})
      .describe('What flows where; ids are traces, metrics or logs, optionally with /name.'),
    telemetry: telemetrySchema.prefault({}).describe('Logs and metrics of Remora itself.'),
    shutdown_timeout: duration()
      .prefault('25s')
      .describe('Ours: everything must have stopped by then; keep it below the grace period of the platform.'),
    overload: overloadSchema.prefault({}).describe('Ours: when the process has too much to do.'),
    memory: memorySchema.prefault({}).describe('Ours: the budget of memory, and what happens at its end.'),
    bypass: bypassSchema
      .prefault({})
      .describe('Ours: nothing is sampled, filtered or limited; SIGUSR2 switches it, and so does the admin extension.'),
    drain: drainSchema.prefault({}).describe('Ours: how Remora stops.'),
  })
  .superRefine(({ shutdown_timeout, drain }, context) => {
    const issue = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: ['drain', key], message });
    const longestMs = shutdown_timeout - Math.min(REST_MS, shutdown_timeout / 2);
    if (drain.linger > longestMs) {
      issue(
        'linger',
        `leaves too little of shutdown_timeout for sending what is queued; write at most ${longestMs}ms, or raise shutdown_timeout and the grace period of the platform`,
      );
    }
    if (drain.linger_idle <= 0) issue('linger_idle', 'must be more than 0; without lingering leave linger at 0s');
  });

export interface MemorySettings {
  /** Undefined: the container's, else a part of the machine's. */
  readonly limitBytes: number | undefined;
  readonly softLimit: MemoryAmount;
  readonly hardLimit: MemoryAmount;
  readonly shed: 'oldest' | 'none';
}

export interface ServiceSettings {
  readonly shutdownTimeoutMs: number;
  readonly memory: MemorySettings;
  /** 0 is off. */
  readonly maxLoopLagMs: number;
  readonly bypassMaxMs: number;
  readonly drain: { readonly lingerMs: number; readonly idleMs: number };
}

export function serviceSettings(service: z.output<typeof serviceSchema>): ServiceSettings {
  const { limit, soft_limit: softLimit, hard_limit: hardLimit, shed } = service.memory;
  return {
    shutdownTimeoutMs: service.shutdown_timeout,
    memory: { limitBytes: limit, softLimit, hardLimit, shed },
    maxLoopLagMs: service.overload.max_event_loop_lag,
    bypassMaxMs: service.bypass.max_duration,
    drain: { lingerMs: service.drain.linger, idleMs: service.drain.linger_idle },
  };
}
