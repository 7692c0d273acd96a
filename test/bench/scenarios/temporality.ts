import assert from 'node:assert/strict';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Consumer, Processor, ProcessorDefinition } from '../../../src/core/component.ts';
import { freeBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import {
  ANY_VALUE,
  HISTOGRAM_POINT,
  KEY_VALUE,
  METRIC,
  METRIC_DATA,
  NUMBER_POINT,
  REQUEST,
  RESOURCE_X,
  SCOPE_X,
} from '../../../src/otlp/fields.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { processorContext } from '../../support/context.ts';
import type { CeilingScenario } from '../scenario.ts';

export interface TemporalityLoad {
  readonly definition: ProcessorDefinition;
  /** TEMPORALITY of what comes. */
  readonly temporality: number;
  readonly kind: 'sum' | 'histogram';
  /** The defaults when absent. */
  readonly config?: unknown;
}

const METRICS = 50;
const SERIES_EACH = 20;
const POINTS = METRICS * SERIES_EACH;
/** Reports of all series, one behind the other; the first makes them known. */
const REPORTS = 100;
const NEVER = new AbortController().signal;

/** Points of 1,000 series that are known, in requests of 1,000: CPU for each, in this very process, of the processor alone. */
export function temporality(name: string, load: TemporalityLoad, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'µs per point',
    ceiling,
    async run({ seconds }) {
      const reports = Array.from({ length: REPORTS }, (_, index) => report(load, index));
      await pass(load, reports);
      let [cpuMicros, points] = [0, 0];
      for (const fromMs = performance.now(); points === 0 || performance.now() - fromMs < seconds * 1000;) {
        cpuMicros += await pass(load, reports);
        points += (REPORTS - 1) * POINTS;
      }
      const value = cpuMicros / points;
      return { value, detail: `${Math.round(1000 / value)} k points per CPU-second` };
    },
  };
}

/** All reports but the first, in front of a consumer that lets go of them at once: CPU in microseconds. */
async function pass({ definition, config }: TemporalityLoad, reports: readonly Batch[]): Promise<number> {
  let arrived = 0;
  const next: Consumer = {
    consume(batch) {
      arrived += batch.items;
      freeBytes(batch);
      return Promise.resolve(ACCEPTED);
    },
  };
  const [first, ...others] = reports;
  const processor = await made(definition, config, next);
  if (first !== undefined) await processor.consume(first, NEVER);
  arrived = 0;
  const before = process.cpuUsage();
  for (const batch of others) await processor.consume(batch, NEVER);
  const { user, system } = process.cpuUsage(before);
  assert.equal(arrived, others.length * POINTS);
  return user + system;
}

function made(definition: ProcessorDefinition, config: unknown, next: Consumer): Processor | Promise<Processor> {
  const parsed = definition.parse(config ?? {});
  assert.ok(parsed.ok);
  return parsed.prepared.create(processorContext('metrics', next));
}

const SECOND = 1_000_000_000n;
const FROM = 1_767_225_600n * SECOND;

function report({ temporality, kind }: TemporalityLoad, index: number): Batch {
  const writer = new Writer(256 * 1024);
  const resource = writer.begin(REQUEST.resources);
  const service = writer.begin(RESOURCE_X.resource);
  attribute(writer, 1, 'service.name', 'shop');
  writer.end(service);
  const scope = writer.begin(RESOURCE_X.scopes);
  for (let metric = 0; metric < METRICS; metric++) {
    const mark = writer.begin(SCOPE_X.items);
    writer.string(METRIC.name, `shop.requests.of.kind.${metric}`);
    const data = writer.begin(METRIC[kind]);
    for (let series = 0; series < SERIES_EACH; series++) {
      const point = writer.begin(METRIC_DATA.dataPoints);
      writePoint(writer, kind, index, series);
      writer.end(point);
    }
    writer.uint(METRIC_DATA.aggregationTemporality, temporality);
    if (kind === 'sum') writer.bool(METRIC_DATA.isMonotonic, true);
    writer.end(data);
    writer.end(mark);
  }
  writer.end(scope);
  writer.end(resource);
  return makeBatch('metrics', [writer.take()], POINTS);
}

const BOUNDS = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000];

function writePoint(writer: Writer, kind: 'sum' | 'histogram', index: number, series: number): void {
  const fields = kind === 'sum' ? NUMBER_POINT : HISTOGRAM_POINT;
  writer.fixed64(fields.startTimeUnixNano, FROM);
  writer.fixed64(fields.timeUnixNano, FROM + BigInt(index + 1) * 10n * SECOND);
  if (kind === 'sum') writer.fixed64(NUMBER_POINT.asInt, BigInt((index + 1) * (series + 1)));
  else writeHistogram(writer, index, series);
  attribute(writer, fields.attributes, 'http.request.method', 'GET');
  attribute(writer, fields.attributes, 'http.response.status_code', '200');
  attribute(writer, fields.attributes, 'http.route', `/api/orders/${series}`);
  attribute(writer, fields.attributes, 'server.address', 'shop.example.com');
}

function writeHistogram(writer: Writer, index: number, series: number): void {
  writer.fixed64(HISTOGRAM_POINT.count, BigInt((index + 1) * (BOUNDS.length + 1)));
  writer.double(HISTOGRAM_POINT.sum, index * series);
  const counts = writer.begin(HISTOGRAM_POINT.bucketCounts);
  for (let bucket = 0; bucket <= BOUNDS.length; bucket++) writer.rawFixed64Parts(index + 1, 0);
  writer.end(counts);
  const bounds = writer.begin(HISTOGRAM_POINT.explicitBounds);
  for (const bound of BOUNDS) writer.rawDouble(bound);
  writer.end(bounds);
}

function attribute(writer: Writer, field: number, key: string, text: string): void {
  const mark = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  const value = writer.begin(KEY_VALUE.value);
  writer.string(ANY_VALUE.string, text);
  writer.end(value);
  writer.end(mark);
}
