import * as z from 'zod';
import { byteSize, duration } from '../../core/settings.ts';
import { decisionShape } from './policies/schema.ts';

const MIN_BYTES = 4 * 2 ** 20;
/** Sizes of traces are kept in 32 bits. */
const MAX_BYTES = 2 ** 32 - 1;

const cacheSize = () => z.number().int().nonnegative().max(10_000_000).optional();

const decisionCache = () =>
  z.strictObject({
    sampled_cache_size: cacheSize().describe(
      'Sampled traces that are remembered for their late spans, the last ones by use; as many as num_traces when absent, 0 for none.',
    ),
    non_sampled_cache_size: cacheSize().describe('The same for traces that were not sampled.'),
  });

export const tailSamplingConfig = () =>
  z
    .strictObject({
      ...decisionShape(),
      decision_wait: duration()
        .prefault('30s')
        .describe('How long after its first span a trace is decided, to a hundredth, or 250 ms where that is less.'),
      decision_wait_after_root_received: duration()
        .prefault('0s')
        .describe('Decides this long after the root span came, if that is earlier; 0 does not.'),
      num_traces: z
        .number()
        .int()
        .positive()
        .max(10_000_000)
        .default(50_000)
        .describe('Traces that wait for their decision at most; for one more the oldest is decided early.'),
      max_bytes: byteSize()
        .prefault('64MiB')
        .describe('Ours: memory for spans that wait; for more the oldest traces are decided early.'),
      expected_new_traces_per_sec: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('Accepted; tables grow as they fill.'),
      maximum_trace_size_bytes: byteSize()
        .prefault(0)
        .describe('A trace with more bytes of spans is dropped at once, and so are its further spans; 0 is no limit.'),
      decision_cache: decisionCache()
        .prefault({})
        .describe('How many decisions are remembered for spans that come late.'),
      drop_pending_traces_on_shutdown: z
        .boolean()
        .default(false)
        .describe(
          'Drops traces that are not decided when the process stops, instead of deciding with what came of them.',
        ),
      block_on_overflow: z
        .boolean()
        .default(false)
        .describe('Pushes back when num_traces or max_bytes is reached, instead of deciding the oldest early.'),
      sampling_strategy: z
        .enum(['trace-complete'])
        .default('trace-complete')
        .describe('Only trace-complete: a trace is decided once, when its wait is over.'),
      num_shards: z
        .number()
        .int()
        .min(1)
        .max(256)
        .default(1)
        .describe('Accepted; there is one loop here, in which decisions and what comes take turns.'),
      record_threshold: z
        .boolean()
        .default(false)
        .describe(
          'Ours: writes th into the tracestate of kept spans where the policies say what it is, else erases it.',
        ),
    })
    .superRefine(
      ({ max_bytes, maximum_trace_size_bytes, decision_wait, decision_wait_after_root_received }, issues) => {
        const complain = (key: string, message: string): void =>
          issues.addIssue({ code: 'custom', path: [key], message });
        if (max_bytes < MIN_BYTES || max_bytes > MAX_BYTES) complain('max_bytes', 'must be 4MiB to 4GiB');
        else if (maximum_trace_size_bytes > max_bytes) {
          complain('maximum_trace_size_bytes', 'is more than max_bytes, which a trace cannot reach');
        }
        if (decision_wait_after_root_received > decision_wait) {
          complain('decision_wait_after_root_received', 'is longer than decision_wait, which would end first');
        }
      },
    );

export type TailSamplingConfig = z.output<ReturnType<typeof tailSamplingConfig>>;
