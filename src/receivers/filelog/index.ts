import { defineReceiver } from '../../core/component.ts';
import { filelogConfig } from './config.ts';
import { FILELOG_METRICS } from './metrics.ts';

export const filelogReceiver = defineReceiver({
  type: 'filelog',
  aliases: ['file_log'],
  summary:
    'Reads log files line by line, through rotation, truncation and restarts, as fast as the pipeline takes them.',
  signals: ['logs'],
  config: filelogConfig,
  metrics: FILELOG_METRICS,
  resources: ({ storage }) => (storage === undefined ? [] : [{ kind: 'extension', id: storage, path: ['storage'] }]),
  async create(config, context) {
    const { FilelogReceiver } = await import('./receiver.ts');
    return new FilelogReceiver(config, context);
  },
});
