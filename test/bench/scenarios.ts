import { criBlock, javaBlock } from './log-lines.ts';
import { TEMPORALITY } from '../../src/otlp/fields.ts';
import { cardinalityLimitProcessor } from '../../src/processors/cardinality-limit/index.ts';
import { cumulativeToDeltaProcessor } from '../../src/processors/cumulative-to-delta/index.ts';
import { deltaToCumulativeProcessor } from '../../src/processors/delta-to-cumulative/index.ts';
import { metricsTransformProcessor } from '../../src/processors/metrics-transform/index.ts';
import type { Scenario } from './scenario.ts';
import { diskReplay, diskWrites } from './scenarios/disk-queues.ts';
import { lines, manyFiles } from './scenarios/files.ts';
import { crowd, lostGoodput, refusals } from './scenarios/overload.ts';
import { pageCost, pages } from './scenarios/pages.ts';
import { hourCompared, hourReplayed } from './scenarios/replay.ts';
import { recordCost } from './scenarios/record.ts';
import { requests } from './scenarios/requests.ts';
import { spanMetrics } from './scenarios/span-metrics.ts';
import { backlog, idleFiles } from './scenarios/standing.ts';
import { tailCost, tailMemory } from './scenarios/tail-sampling.ts';
import { temporality } from './scenarios/temporality.ts';
import { values } from './scenarios/values.ts';

const TO_DELTA = { definition: cumulativeToDeltaProcessor, temporality: TEMPORALITY.cumulative };
const LIMITED = { definition: cardinalityLimitProcessor, temporality: TEMPORALITY.cumulative };
const TO_CUMULATIVE = { definition: deltaToCumulativeProcessor, temporality: TEMPORALITY.delta };
const TO_LABEL = {
  definition: metricsTransformProcessor,
  temporality: TEMPORALITY.cumulative,
  config: {
    transforms: [
      {
        include: '^shop\\.requests\\.of\\.kind\\.(.*)$',
        match_type: 'regexp',
        action: 'update',
        new_name: 'shop.requests.${1}',
        operations: [{ action: 'add_label', new_label: 'deployment.environment', new_value: 'production' }],
      },
    ],
  },
};

/** The bench, in the order of its table. */
export const scenarios: readonly Scenario[] = [
  requests('OTLP/HTTP traces, 512 spans', { kind: 'http', spans: 512, compression: 'none' }, 0.85),
  requests('OTLP/gRPC traces, 512 spans', { kind: 'grpc', spans: 512, compression: 'none' }, 0.85),
  requests('OTLP/HTTP traces, 5 spans', { kind: 'http', spans: 5, compression: 'none' }),
  requests('OTLP/HTTP traces, 512 spans, gzip out', { kind: 'http', spans: 512, compression: 'gzip' }),
  requests('OTLP/HTTP traces, 512 spans, zstd out', { kind: 'http', spans: 512, compression: 'zstd' }),
  requests('rate_limit by attribute against none, 512 spans', {
    kind: 'http',
    spans: 512,
    compression: 'none',
    processor: {
      id: 'rate_limit',
      settings: '{ items_per_second: 1e9, bytes_per_second: 1TiB, by: { resource_attribute: service.name } }',
    },
  }),
  requests(
    'probabilistic_sampler at 100 % against none, 512 spans',
    {
      kind: 'http',
      spans: 512,
      compression: 'none',
      processor: { id: 'probabilistic_sampler', settings: '{ sampling_percentage: 100 }' },
    },
    0.9,
  ),
  requests(
    'probabilistic_sampler at 10 % against none, 512 spans',
    {
      kind: 'http',
      spans: 512,
      compression: 'none',
      processor: { id: 'probabilistic_sampler', settings: '{ sampling_percentage: 10 }' },
      keeps: 0.1,
    },
    1,
  ),
  requests(
    'adaptive_sampler against probabilistic_sampler at 10 %, 512 spans',
    {
      kind: 'http',
      spans: 512,
      compression: 'none',
      processor: { id: 'adaptive_sampler', settings: '{ items_per_second: 30720, window: 1s }' },
      against: { id: 'probabilistic_sampler', settings: '{ sampling_percentage: 10 }' },
      keeps: 0.1,
      freshIds: true,
      perSecond: 600,
    },
    0.85,
  ),
  requests(
    'two exporters, one dead and optional, against one, 512 spans',
    {
      kind: 'http',
      spans: 512,
      compression: 'none',
      beside: "{ endpoint: 'http://127.0.0.1:1', sending_queue: { optional: true } }",
    },
    0.95,
  ),
  requests(
    'disk queue against one in memory, 512 spans',
    { kind: 'http', spans: 512, compression: 'none', onDisk: true },
    0.5,
  ),
  lines('file to OTLP/HTTP, raw lines', { floor: 0.75 }),
  lines('file to OTLP/HTTP, json_parser', { floor: 0.33, settings: '    operators: [{ type: json_parser }]' }),
  lines('file to OTLP/HTTP, CRI', {
    floor: 0.3,
    settings: '    include_file_path: true\n    operators: [{ type: container, format: containerd }]',
    makeBlock: criBlock,
    path: 'shop_catalogue-7d9f8b6c5-x2x4z_0b1f3c5e-6a7d-4e8f-9a0b-1c2d3e4f5a6b/app/0.log',
  }),
  lines('file to OTLP/HTTP, Java stack traces', {
    floor: 0.25,
    settings: '    operators: [{ type: recombine, preset: java }]',
    makeBlock: javaBlock,
  }),
  lines('file to OTLP/HTTP, Java by line_start_pattern', {
    floor: 0.25,
    settings: "    multiline: { line_start_pattern: '^\\d{4}-\\d{2}-\\d{2} ' }",
    makeBlock: javaBlock,
  }),
  manyFiles('100 active files against one file', 100, 0.9),
  refusals('overload 10x, HTTP: half of the refusals', 1),
  lostGoodput('overload 10x, HTTP: throughput lost', 10),
  crowd('overload, 80 connections against 8'),
  // 700,000 spans per CPU-second.
  spanMetrics('span_metrics, 1,000 series', '', 1.43),
  spanMetrics(
    'span_metrics, 1,000 series, two dimensions, exponential, exemplars',
    'dimensions: [{ name: http.route }, { name: server.address }], histogram: { exponential: }, exemplars: { enabled: true }',
    2.5,
  ),
  // A million samples per CPU-second, of what the bare process reads and sends unparsed.
  pages('scrape of 10,000 series', 0.55),
  pageCost('scrape of 10,000 series that are known', false, 1),
  // 400 k samples per CPU-second, and each series is ended too.
  pageCost('scrape of 10,000 series that are new, the old ones ended', true, 2.5),
  idleFiles('1,000 idle files', 1000, 1),
  backlog('file backlog, raw lines', 120),
  // 150 MB/s.
  diskWrites('disk queue, synced writes, 512 spans', 6.67),
  diskReplay('disk queue, backlog after a restart, 512 spans', 120),
  // 400 k spans per CPU-second.
  tailCost('tail_sampling, 50,000 traces open', 50_000, 2.5),
  tailMemory('tail_sampling, memory for 50,000 open traces', 50_000, 1.5),
  temporality('cumulativetodelta, 1,000 counters', { ...TO_DELTA, kind: 'sum' }, 2.5),
  temporality('cumulativetodelta, 1,000 histograms', { ...TO_DELTA, kind: 'histogram' }, 5),
  temporality('deltatocumulative, 1,000 counters', { ...TO_CUMULATIVE, kind: 'sum' }, 2.5),
  temporality('deltatocumulative, 1,000 histograms', { ...TO_CUMULATIVE, kind: 'histogram' }, 5),
  // Half a million points per CPU-second.
  temporality('metrics_transform, a new name and a label, 1,000 counters', { ...TO_LABEL, kind: 'sum' }, 2),
  // 2 M data points per CPU-second.
  temporality('cardinality_limit, 1,000 counters that are known', { ...LIMITED, kind: 'sum' }, 0.5),
  temporality('cardinality_limit, 1,000 histograms that are known', { ...LIMITED, kind: 'histogram' }, 1),
  values('cardinality_limit, spans whose values are known', 1000, 1),
  values('cardinality_limit, spans most of whose values are beyond the limit', 50, 2),
  recordCost('record, what it adds to a request of 512 spans', 25),
  hourReplayed('replay of an hour, 360,000 spans and lines, 240 scrapes: time', 'seconds', 10),
  hourReplayed('replay of an hour, 360,000 spans and lines, 240 scrapes: memory', 'megabytes', 250),
  hourCompared('diff of an hour, 360,000 spans and lines, 240 scrapes: time', 'seconds', 20),
  hourCompared('diff of an hour, 360,000 spans and lines, 240 scrapes: memory', 'megabytes', 250),
];
