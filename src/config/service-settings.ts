import * as z from 'zod';
import { byteSize, duration } from '../core/settings.ts';
import { telemetrySchema } from './telemetry-settings.ts';

const idList = (what: string) => z.array(z.string()).default([]).describe(what);

export const pipelineSchema = z.strictObject({
  receivers: idList('Ids of the receivers that feed the pipeline; at least one.'),
  processors: idList('Ids of the processors, in the order in which data passes them.'),
  exporters: idList('Ids of the exporters that each get everything; at least one.'),
});

/** `service:` of a configuration. */
export const serviceSchema = z.strictObject({
  extensions: idList('Ids of the extensions to start, in this order.'),
  pipelines: z
    .record(z.string(), pipelineSchema)
    .default({})
    .describe('What flows where; ids are traces, metrics or logs, optionally with /name.'),
  telemetry: telemetrySchema.prefault({}).describe('Logs and metrics of Remora itself.'),
  shutdown_timeout: duration()
    .prefault('25s')
    .describe('Ours: everything must have stopped by then; keep it below the grace period of the platform.'),
  memory: z
    .strictObject({
      limit: byteSize()
        .optional()
        .describe(
          'Bytes that the sending queues must fit in, which is checked before the start. Request bodies under way get a quarter of it; without it, of the memory of the container.',
        ),
    })
    .prefault({})
    .describe('Ours: the budget of memory.'),
});

export interface ServiceSettings {
  readonly shutdownTimeoutMs: number;
  readonly memory: { readonly limitBytes: number | undefined };
}

export function serviceSettings(service: z.output<typeof serviceSchema>): ServiceSettings {
  return { shutdownTimeoutMs: service.shutdown_timeout, memory: { limitBytes: service.memory.limit } };
}
