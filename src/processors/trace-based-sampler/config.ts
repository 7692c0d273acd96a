import * as z from 'zod';
import { byteSize, duration } from '../../core/settings.ts';

const LEAST_BYTES = 1024 * 1024;

export const traceBasedConfig = () =>
  z.strictObject({
    follow: z
      .string()
      .min(1)
      .describe(
        'Id of the sampler in a pipeline of traces whose decisions the logs follow: a tail_sampling, probabilistic_sampler or adaptive_sampler.',
      ),
    wait: duration()
      .refine((ms) => ms > 0, 'must be more than 0')
      .optional()
      .describe(
        'How long a log is held of whose trace no span was seen yet; once there was one it is held until the trace is decided. Default: 5s more than the sampler takes to decide, 35s where that is not known.',
      ),
    max_bytes: byteSize()
      .refine((bytes) => bytes >= LEAST_BYTES, 'must be at least 1MiB')
      .prefault('16MiB')
      .describe('Bound of what is held, in each pipeline. Beyond it the oldest logs go as undecided says.'),
    undecided: z
      .enum(['keep', 'drop'])
      .default('keep')
      .describe('What becomes of a log whose trace is not decided when it can be held no longer.'),
    without_trace: z.enum(['keep', 'drop']).default('keep').describe('What becomes of a log without a valid trace id.'),
    keep_severity: severity()
      .optional()
      .describe('A log of this severity or a higher one is always kept, for example ERROR; none when absent.'),
  });

export type TraceBasedConfig = z.output<ReturnType<typeof traceBasedConfig>>;

/** Short names of the specification, Logs Data Model, "Displaying Severity": four numbers each. */
const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const SEVERITY = /^(trace|debug|info|warn|error|fatal)([2-4]?)$/i;

function severity(): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const [, name = '', step = ''] = SEVERITY.exec(text) ?? [];
    const row = SEVERITIES.indexOf(name.toUpperCase());
    if (row >= 0) return row * 4 + (step === '' ? 1 : Number(step));
    const message = `"${text}" is not a severity; write one of ${SEVERITIES.join(', ')}, or a step between, such as WARN2`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}
