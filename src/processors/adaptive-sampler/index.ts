import { defineProcessor } from '../../core/component.ts';
import { transformer } from '../../core/transform.ts';
import { SAMPLING_METRICS } from '../sampling/books.ts';
import { adaptiveSamplerConfig } from './config.ts';
import { AdaptiveSampler } from './sampler.ts';
import { ADAPTIVE_METRICS } from './sampler-metrics.ts';
import { TraceMemory } from './trace-memory.ts';

/** Two flows with their estimates, counts and threshold, the hash and the text of the key. */
const KEY_BYTES = 768;

/** Keeps about a target rate: everything that is rare, and of what is frequent an equal part for each key. */
export const adaptiveSamplerProcessor = defineProcessor({
  type: 'adaptive_sampler',
  summary:
    'Thins spans or log records to a target rate that is shared fairly between keys; errors and slow spans first.',
  signals: ['traces', 'logs'],
  config: adaptiveSamplerConfig,
  metrics: [...SAMPLING_METRICS, ...ADAPTIVE_METRICS],
  bypass: 'skip',
  decidesTraces: true,
  memory: ({ max_keys, max_traces }) => [
    { share: 'caches', bytes: max_keys * KEY_BYTES, path: ['max_keys'] },
    { share: 'caches', bytes: TraceMemory.bytesFor(max_traces), path: ['max_traces'] },
  ],
  create(config, context) {
    const sampler = new AdaptiveSampler(config, context);
    if (context.signal === 'traces') context.decisions.offer(context.id, sampler);
    return transformer(context, (batch) => sampler.transform(batch));
  },
});
