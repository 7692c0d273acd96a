import { defineProcessor } from '../../core/component.ts';
import { SAMPLING_METRICS } from '../sampling/books.ts';
import { tailSamplingConfig, type TailSamplingConfig } from './config.ts';
import { decisionCacheBytes } from './decision-cache.ts';
import { TAIL_METRICS } from './metrics.ts';
import type { TailSamplerSettings } from './sampler.ts';

/** Keeps whole traces, as far as they come through here, by what happened in them. */
export const tailSamplingProcessor = defineProcessor({
  type: 'tail_sampling',
  summary: 'Keeps or drops whole traces by policies, once their spans are there.',
  signals: ['traces'],
  config: tailSamplingConfig,
  metrics: [...TAIL_METRICS, ...SAMPLING_METRICS],
  bypass: 'skip',
  decidesTraces: true,
  memory: (config) => {
    const { keptDecisions, droppedDecisions, maxBytes } = settingsOf(config);
    const cacheBytes = decisionCacheBytes(keptDecisions + droppedDecisions);
    return [
      { share: 'buffers', bytes: maxBytes, path: ['max_bytes'] },
      { share: 'caches', bytes: cacheBytes, path: ['decision_cache'] },
    ];
  },
  metadata: () => 'drops',
  async create(config, context) {
    const [{ TailSampler }, { compilePolicies }] = await Promise.all([
      import('./sampler.ts'),
      import('./policies/compile.ts'),
    ]);
    const sampler = new TailSampler(settingsOf(config), compilePolicies(config), context);
    context.decisions.offer(context.id, sampler.decisions);
    return sampler;
  },
});

function settingsOf(config: TailSamplingConfig): TailSamplerSettings {
  const { sampled_cache_size: kept, non_sampled_cache_size: dropped } = config.decision_cache;
  return {
    decisionWaitMs: config.decision_wait,
    afterRootMs: config.decision_wait_after_root_received,
    numTraces: config.num_traces,
    maxBytes: config.max_bytes,
    maxTraceBytes: config.maximum_trace_size_bytes,
    keptDecisions: kept ?? config.num_traces,
    droppedDecisions: dropped ?? config.num_traces,
    blockOnOverflow: config.block_on_overflow,
    dropPendingOnShutdown: config.drop_pending_traces_on_shutdown,
    recordThreshold: config.record_threshold,
  };
}
