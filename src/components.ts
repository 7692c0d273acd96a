import type { Catalog } from './config/plan.ts';
import { spanMetricsConnector } from './connectors/span-metrics/index.ts';
import { debugExporter } from './exporters/debug.ts';
import { fileExporter } from './exporters/file.ts';
import { otlpExporter } from './exporters/otlp/index.ts';
import { otlphttpExporter } from './exporters/otlphttp/index.ts';
import { adminExtension } from './extensions/admin/index.ts';
import { faultInjectionExtension } from './extensions/fault-injection/index.ts';
import { fileStorageExtension } from './extensions/file-storage.ts';
import { healthCheckExtension } from './extensions/health-check.ts';
import { adaptiveSamplerProcessor } from './processors/adaptive-sampler/index.ts';
import { attributesProcessor } from './processors/attributes.ts';
import { batchProcessor } from './processors/batch.ts';
import { cardinalityLimitProcessor } from './processors/cardinality-limit/index.ts';
import { cumulativeToDeltaProcessor } from './processors/cumulative-to-delta/index.ts';
import { deltaToCumulativeProcessor } from './processors/delta-to-cumulative/index.ts';
import { filterProcessor } from './processors/filter/index.ts';
import { memoryLimiterProcessor } from './processors/memory-limiter.ts';
import { metricsTransformProcessor } from './processors/metrics-transform/index.ts';
import { probabilisticSamplerProcessor } from './processors/probabilistic-sampler/index.ts';
import { rateLimitProcessor } from './processors/rate-limit/index.ts';
import { resourceProcessor } from './processors/resource.ts';
import { tailSamplingProcessor } from './processors/tail-sampling/index.ts';
import { traceBasedSampler } from './processors/trace-based-sampler/index.ts';
import { filelogReceiver } from './receivers/filelog/index.ts';
import { otlpReceiver } from './receivers/otlp/index.ts';
import { prometheusReceiver } from './receivers/prometheus/index.ts';

/** Every component there is. Nothing registers itself. */
export const components: Catalog = {
  receivers: [otlpReceiver, filelogReceiver, prometheusReceiver],
  processors: [
    memoryLimiterProcessor,
    rateLimitProcessor,
    adaptiveSamplerProcessor,
    batchProcessor,
    resourceProcessor,
    attributesProcessor,
    filterProcessor,
    metricsTransformProcessor,
    cardinalityLimitProcessor,
    probabilisticSamplerProcessor,
    tailSamplingProcessor,
    traceBasedSampler,
    cumulativeToDeltaProcessor,
    deltaToCumulativeProcessor,
  ],
  exporters: [otlpExporter, otlphttpExporter, debugExporter, fileExporter],
  connectors: [spanMetricsConnector],
  extensions: [healthCheckExtension, fileStorageExtension, adminExtension, faultInjectionExtension],
};
