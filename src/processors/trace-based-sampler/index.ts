import { defineProcessor } from '../../core/component.ts';
import { traceBasedConfig } from './config.ts';
import { COHERENCE_METRICS, CoherenceMetrics } from './metrics.ts';
import { ORPHAN_BYTES } from './orphans.ts';

/** Logs follow the decision of their trace; see docs/sampling.md. */
export const traceBasedSampler = defineProcessor({
  type: 'trace_based_sampler',
  summary: 'Keeps and drops logs as their traces were sampled; logs wait for the decision of their trace.',
  signals: ['logs'],
  config: traceBasedConfig,
  metrics: COHERENCE_METRICS,
  bypass: 'skip',
  metadata: () => 'drops',
  resources: ({ follow }) => [{ kind: 'trace sampler', id: follow, path: ['follow'] }],
  memory: ({ max_bytes: bytes }) => [
    { share: 'buffers', bytes, path: ['max_bytes'] },
    { share: 'caches', bytes: ORPHAN_BYTES, path: [] },
  ],
  async create(settings, context) {
    const { TraceFollower } = await import('./follower.ts');
    const { id: processor, pipeline, meter } = context;
    return new TraceFollower(settings, context, new CoherenceMetrics(meter, { processor, pipeline }));
  },
});
