import assert from 'node:assert/strict';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Connector } from '../../../src/core/component.ts';
import { Account } from '../../../src/core/ledger.ts';
import type { Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { spanMetricsConnector } from '../../../src/connectors/span-metrics/index.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { CollectingConsumer, testContext } from '../../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

export const NEVER = new AbortController().signal;

/** One data point with everything that it is part of. */
export interface Point {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly metric: string;
  readonly unit: string;
  readonly kind: 'sum' | 'histogram' | 'exponentialHistogram';
  readonly isDelta: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly startMs: number;
  readonly timeMs: number;
  /** The value of a sum, the count of a histogram. */
  readonly value: number;
  readonly raw: PlainObject;
}

/** A running connector on a clock that stands still, and what came out of it. */
export class Bench {
  readonly clock = new VirtualClock();
  readonly sink = new CollectingConsumer();
  readonly context = testContext({ id: 'span_metrics', clock: this.clock });
  readonly made = new Account('receiver', 'span_metrics', 'metrics');
  readonly #raw: object;
  #connector: Connector | undefined;

  constructor(raw: object) {
    this.#raw = raw;
  }

  static async start(raw: object = {}): Promise<Bench> {
    const bench = new Bench(raw);
    await bench.#start();
    return bench;
  }

  get connector(): Connector {
    assert.ok(this.#connector !== undefined);
    return this.#connector;
  }

  async #start(): Promise<void> {
    const parsed = spanMetricsConnector.parse({ flush_jitter: 0, ...this.#raw });
    assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.issues));
    this.#connector = await parsed.prepared.create({
      ...this.context,
      signal: 'traces',
      next: { metrics: this.sink },
      account: new Account('connector', 'span_metrics', 'traces'),
      made: { metrics: this.made },
    });
    await this.#connector.start?.();
  }

  async take(...requests: readonly PlainObject[]): Promise<Verdict> {
    return this.connector.consume(spansOf(...requests), NEVER);
  }

  /** Lets one interval of 60 s pass. */
  async flush(): Promise<Point[]> {
    this.sink.batches.length = 0;
    await this.clock.advance(60_000);
    return this.points();
  }

  async stop(deadline: AbortSignal = NEVER): Promise<Point[]> {
    this.sink.batches.length = 0;
    await this.connector.stop?.(deadline);
    return this.points();
  }

  points(): Point[] {
    return pointsOf(this.sink.batches);
  }
}

/** A batch with each request as a chunk. */
export function spansOf(...requests: readonly PlainObject[]): Batch {
  const chunks = requests.map((request) => encodeRequest('traces', request));
  return makeBatch(
    'traces',
    chunks,
    chunks.reduce((sum, chunk) => sum + countItems('traces', chunk), 0),
  );
}

/** A request of one resource. */
export function request(attributes: object, spans: readonly PlainObject[], scope: PlainObject = {}): PlainObject {
  return {
    resourceSpans: [{ resource: { attributes: keyValues(attributes) }, scopeSpans: [{ scope, spans }] }],
  };
}

const START_NS = 1_767_225_600_000_000_000n;

export function span(name: string, durationMs: number, more: PlainObject = {}, attributes: object = {}): PlainObject {
  return {
    traceId: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    spanId: Buffer.from('0123456789abcdef', 'hex'),
    name,
    kind: 'SPAN_KIND_SERVER',
    startTimeUnixNano: String(START_NS),
    endTimeUnixNano: String(START_NS + BigInt(Math.round(durationMs * 1e6))),
    attributes: keyValues(attributes),
    ...more,
  };
}

export function keyValues(attributes: object): PlainObject[] {
  return Object.entries(attributes).map(([key, value]: [string, unknown]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: unknown): PlainObject {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  return {};
}

export function pointsOf(batches: readonly Batch[]): Point[] {
  const points: Point[] = [];
  for (const { chunks, items } of batches) {
    const before = points.length;
    for (const chunk of chunks) {
      for (const resource of list(decodeRequest('metrics', chunk), 'resourceMetrics')) {
        for (const scope of list(resource, 'scopeMetrics')) {
          for (const metric of list(scope, 'metrics')) points.push(...pointsIn(resource, scope, metric));
        }
      }
    }
    assert.equal(items, points.length - before, 'a batch counts its data points');
  }
  return points;
}

function pointsIn(resource: PlainObject, scope: PlainObject, metric: PlainObject): Point[] {
  const kind = (['sum', 'histogram', 'exponentialHistogram'] as const).find((each) => metric[each] !== undefined);
  assert.ok(kind !== undefined);
  const data = metric[kind] as PlainObject;
  return list(data, 'dataPoints').map((raw) => ({
    resource: attributesOf(resource['resource'] as PlainObject),
    scope: String((scope['scope'] as PlainObject)['name']),
    metric: String(metric['name']),
    unit: String(metric['unit']),
    kind,
    isDelta: data['aggregationTemporality'] === 1,
    attributes: attributesOf(raw),
    startMs: Number(BigInt(String(raw['startTimeUnixNano'])) / 1_000_000n),
    timeMs: Number(BigInt(String(raw['timeUnixNano'])) / 1_000_000n),
    value: Number(kind === 'sum' ? raw['asInt'] : raw['count']),
    raw,
  }));
}

function attributesOf(of: PlainObject): Record<string, unknown> {
  return Object.fromEntries(
    list(of, 'attributes').map(({ key, value }) => {
      const any = value as PlainObject;
      const found = Object.entries(any).find(([, each]) => each !== null && each !== undefined);
      return [String(key), found?.[0] === 'intValue' ? Number(found[1]) : found?.[1]];
    }),
  );
}

export function list(of: PlainObject, key: string): PlainObject[] {
  const found = of[key];
  return Array.isArray(found) ? (found as PlainObject[]) : [];
}

export function sumOf(points: readonly Point[], kind: Point['kind'] = 'sum'): number {
  return points.reduce((sum, point) => sum + (point.kind === kind ? point.value : 0), 0);
}
