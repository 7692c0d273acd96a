import * as z from 'zod';
import { defineProcessor, type Processor, type ProcessorContext } from '../core/component.ts';
import type { MetricSpec } from '../core/meter.ts';
import { duration } from '../core/settings.ts';
import type { Memory } from '../core/outside.ts';
import { ITEM_NAME, SIGNALS } from '../core/signal.ts';
import { MemoryGate, type MemoryLimits } from './memory-gate.ts';
import { systemMemory } from '../telemetry/memory.ts';

const MIB = 2 ** 20;

const percentage = () => z.number().int().min(0).max(100).default(0);
const mib = () => z.number().int().nonnegative().default(0);

const config = () =>
  z
    .strictObject({
      check_interval: duration().optional().describe('Time between measurements; required, 1s is advised.'),
      limit_mib: mib().describe('Hard limit of resident memory in MiB; goes before limit_percentage.'),
      spike_limit_mib: mib().describe('Soft limit = limit - spike; 0 is 20% of the limit.'),
      limit_percentage: percentage().describe('Hard limit as a share of the memory of the container or machine.'),
      spike_limit_percentage: percentage().describe('Spike as a share of the same memory; 0 is 20% of the limit.'),
      min_gc_interval_when_soft_limited: duration()
        .prefault('10s')
        .describe('Least time between collections asked for above the soft limit (needs node --expose-gc).'),
      min_gc_interval_when_hard_limited: duration()
        .prefault(0)
        .describe('Least time between collections asked for above the hard limit (needs node --expose-gc).'),
      max_gc_interval_when_soft_limited: duration()
        .prefault('30s')
        .describe('Upper bound of that time when collections free little, above the soft limit.'),
      max_gc_interval_when_hard_limited: duration()
        .prefault('30s')
        .describe('Upper bound of that time when collections free little, above the hard limit.'),
    })
    .superRefine((value, context) => {
      for (const [path, message] of problems(value)) context.addIssue({ code: 'custom', path: [path], message });
    });

interface Settings {
  readonly check_interval?: number | undefined;
  readonly limit_mib: number;
  readonly spike_limit_mib: number;
  readonly limit_percentage: number;
  readonly spike_limit_percentage: number;
  readonly min_gc_interval_when_soft_limited: number;
  readonly min_gc_interval_when_hard_limited: number;
}

function* problems(value: Settings): Generator<[path: string, message: string]> {
  if ((value.check_interval ?? 0) <= 0) yield ['check_interval', 'must be greater than zero; 1s is advised'];
  if (value.limit_mib === 0 && value.limit_percentage === 0) {
    yield ['limit_mib', 'limit_mib or limit_percentage must be greater than zero'];
  }
  if (value.limit_mib > 0 && value.spike_limit_mib >= value.limit_mib) {
    yield ['spike_limit_mib', 'must be smaller than limit_mib'];
  }
  if (value.limit_percentage > 0 && value.spike_limit_percentage >= value.limit_percentage) {
    yield ['spike_limit_percentage', 'must be smaller than limit_percentage'];
  }
  if (value.min_gc_interval_when_soft_limited < value.min_gc_interval_when_hard_limited) {
    yield ['min_gc_interval_when_soft_limited', 'must not be below min_gc_interval_when_hard_limited'];
  }
}

/** limit_mib goes before limit_percentage, and brings its own spike. */
function limitsOf(settings: Settings, memory: Memory): MemoryLimits {
  if (settings.limit_mib > 0) {
    const hardBytes = settings.limit_mib * MIB;
    const spikeBytes = settings.spike_limit_mib * MIB || hardBytes / 5;
    return { hardBytes, softBytes: hardBytes - spikeBytes, container: false };
  }
  const totalBytes = memory.totalBytes();
  const hardBytes = (totalBytes * settings.limit_percentage) / 100;
  const spikeBytes = (totalBytes * settings.spike_limit_percentage) / 100 || hardBytes / 5;
  return { hardBytes, softBytes: hardBytes - spikeBytes, container: true };
}

function countsOf(verdict: 'accepted' | 'refused'): MetricSpec[] {
  return SIGNALS.map((signal) => ({
    name: `otelcol_processor_memory_limiter_${verdict}_${ITEM_NAME[signal]}`,
    help: `Number of ${ITEM_NAME[signal].replace('_', ' ')} ${verdict} by the memory limiter.`,
    kind: 'counter',
    labels: ['processor'],
  }));
}

const ACCEPTED_ITEMS = countsOf('accepted');
const REFUSED_ITEMS = countsOf('refused');

/**
 * Pushes back while memory is short. Unlike the Collector's it looks at resident memory, not at the heap: in Node most
 * telemetry lives outside the heap, and the kernel kills by what is resident.
 */
export const memoryLimiterProcessor = defineProcessor({
  type: 'memory_limiter',
  summary: 'Pushes back while memory is above its limits.',
  signals: SIGNALS,
  config,
  metrics: [...ACCEPTED_ITEMS, ...REFUSED_ITEMS],
  create: (settings, context) => makeMemoryLimiter(settings, context, context.outside.memory ?? systemMemory()),
});

/** `memory` is what tells how much is used; replaced by tests. */
export function makeMemoryLimiter(
  settings: z.output<ReturnType<typeof config>>,
  context: ProcessorContext,
  memory: Memory,
): Processor {
  const labels = { processor: context.id };
  const at = SIGNALS.indexOf(context.signal);
  const count = (specs: readonly MetricSpec[]) => {
    const spec = specs[at];
    return spec === undefined ? { value: 0 } : context.meter.counter(spec, labels);
  };
  return new MemoryGate({
    context,
    memory,
    limits: limitsOf(settings, memory),
    checkIntervalMs: settings.check_interval ?? 1000,
    soft: {
      minGcIntervalMs: settings.min_gc_interval_when_soft_limited,
      maxGcIntervalMs: settings.max_gc_interval_when_soft_limited,
    },
    hard: {
      minGcIntervalMs: settings.min_gc_interval_when_hard_limited,
      maxGcIntervalMs: settings.max_gc_interval_when_hard_limited,
    },
    accepted: count(ACCEPTED_ITEMS),
    refused: count(REFUSED_ITEMS),
  });
}
