import * as z from 'zod';
import { defineExporter } from '../core/component.ts';
import type { Logger } from '../core/logger.ts';
import { sendingQueueSettings, sendingShape } from '../core/sending.ts';
import { SIGNALS } from '../core/signal.ts';
import { DebugExporter, type Sink } from './debug/exporter.ts';

const config = () =>
  z.strictObject({
    verbosity: z
      .enum(['basic', 'normal', 'detailed'])
      .default('basic')
      .describe('basic: counts of each batch; normal: a line an item; detailed: every field.'),
    sampling_initial: z
      .number()
      .int()
      .nonnegative()
      .default(2)
      .describe('Batches shown in each second before sampling begins.'),
    sampling_thereafter: z
      .number()
      .int()
      .nonnegative()
      .default(1)
      .describe('After those, every n-th batch is shown; 1 shows all, 0 none.'),
    use_internal_logger: z
      .boolean()
      .default(false)
      .describe("Writes through Remora's own log instead of to output_paths (the Collector's default is true)."),
    output_paths: z
      .array(z.enum(['stdout', 'stderr'], { error: 'only stdout and stderr; the file exporter writes files' }))
      .default(['stdout'])
      .describe('Where the text goes: stdout or stderr.'),
    ...sendingShape('5s'),
    sending_queue: sendingQueueSettings()
      .prefault({ enabled: false })
      .describe('The queue in front of the exporter; off unless configured.'),
  });

export const debugExporter = defineExporter({
  type: 'debug',
  summary: 'Shows telemetry on the console.',
  signals: SIGNALS,
  config,
  sending: (settings) => settings,
  create: (settings, context) =>
    new DebugExporter(
      settings,
      context,
      settings.use_internal_logger ? logSink(context.log) : consoleSink(settings.output_paths),
    ),
});

function logSink(log: Logger): Sink {
  return (text) => {
    log.info(text.trimEnd());
    return Promise.resolve();
  };
}

function consoleSink(paths: readonly ('stdout' | 'stderr')[]): Sink {
  return async (text) => {
    for (const path of paths) await write(process[path], text);
  };
}

/** Settles when the text was taken by the operating system, so that a slow reader slows the pipeline down. */
function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // A closed pipe is reported by event and by callback; without a listener the event would end the process.
    const ignore = (): void => undefined;
    stream.once('error', ignore);
    stream.write(text, (error) => {
      if (error === null || error === undefined) {
        stream.off('error', ignore);
        resolve();
      } else reject(error);
    });
  });
}
