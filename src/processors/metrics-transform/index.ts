import { defineProcessor } from '../../core/component.ts';
import type { MetricSpec } from '../../core/meter.ts';
import { transformer } from '../../core/transform.ts';
import { metricsTransformConfig } from './config.ts';
import { RequestWalk } from './request-walk.ts';
import { compileRule } from './rule.ts';

const NOT_COMBINED: MetricSpec = {
  name: 'remora_processor_metrics_transform_not_combined',
  help: 'Times that metrics of a batch were too different for a combine transform, and went on as they were.',
  kind: 'counter',
  labels: ['processor', 'pipeline'],
};

/** Renames metrics and labels, changes values, and aggregates labels away, within each batch. */
export const metricsTransformProcessor = defineProcessor({
  type: 'metrics_transform',
  aliases: ['metricstransform'],
  summary: 'Renames metrics and labels, scales values, and aggregates labels away.',
  signals: ['metrics'],
  config: metricsTransformConfig,
  metrics: [NOT_COMBINED],
  create({ transforms }, context) {
    const { id: processor, pipeline, meter, log, random } = context;
    const notCombined = meter.counter(NOT_COMBINED, { processor, pipeline });
    const walk = new RequestWalk(transforms.map(compileRule), random);
    return transformer(context, (batch) => {
      const transformed = walk.run(batch);
      const { refusals } = walk;
      if (refusals.length === 0) return transformed;
      const accepted = (): void => {
        notCombined.value += refusals.length;
        for (const refusal of refusals)
          log.warn('Metrics are too different to be combined; they go on as they are.', { refusal });
      };
      return { ...transformed, accepted };
    });
  },
});
