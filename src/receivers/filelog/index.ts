import { defineReceiver } from '../../core/component.ts';
import type { MemoryClaim } from '../../core/memory-claim.ts';
import { filelogConfig } from './config.ts';
import { FILELOG_METRICS } from './metrics.ts';
import { HELD_LIMIT_BYTES, WINDOW_BYTES } from './bounds.ts';

export const filelogReceiver = defineReceiver({
  type: 'filelog',
  aliases: ['file_log'],
  summary:
    'Reads log files line by line, through rotation, truncation and restarts, as fast as the pipeline takes them.',
  signals: ['logs'],
  config: filelogConfig,
  metrics: FILELOG_METRICS,
  resources: ({ storage }) => (storage === undefined ? [] : [{ kind: 'extension', id: storage, path: ['storage'] }]),
  memory: ({ operators }) => memoryOf(operators.map(({ type }) => type)),
  async create(config, context) {
    const { FilelogReceiver } = await import('./receiver.ts');
    return new FilelogReceiver(config, context);
  },
});

/** Batches that await their verdict, and lines that wait for the rest of their record. */
function memoryOf(operators: readonly string[]): MemoryClaim[] {
  const claims: MemoryClaim[] = [{ share: 'reading', bytes: WINDOW_BYTES, path: [] }];
  if (operators.some((type) => type === 'container' || type === 'recombine')) {
    claims.push({ share: 'reading', bytes: HELD_LIMIT_BYTES, path: ['operators'] });
  }
  return claims;
}
