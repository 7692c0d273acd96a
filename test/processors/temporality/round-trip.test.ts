import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { codeOf, RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, rejected, retry } from '../../../src/core/verdict.ts';
import { cumulativeToDeltaProcessor } from '../../../src/processors/cumulative-to-delta/index.ts';
import { deltaToCumulativeProcessor } from '../../../src/processors/delta-to-cumulative/index.ts';
import { CollectingConsumer } from '../../support/context.ts';
import type { PlainObject } from '../../support/otlp-proto.ts';
import { attributesOf, CUMULATIVE, DELTA, exponential, histogram, metricsBatch, nanos, sum } from './metric-batches.ts';
import { Rig } from './rig.ts';

const NEVER = new AbortController().signal;
const NOT_NOW = retry(new RemoraError('upstream_unavailable', 'Not now.'));
const BOUNDS = [1, 10, 100];

/** What is measured between two reports of a stream: how often a value of each size, or that it began anew. */
const happening = fc.record({
  counts: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  restarts: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  /** Reports that are lost on the way, and such as come late or twice. */
  fate: fc.constantFrom('sent', 'sent', 'sent', 'sent', 'lost', 'late', 'twice'),
});
const stream = fc.record({ kind: fc.nat(2), happenings: fc.array(happening, { minLength: 1, maxLength: 15 }) });

interface Report {
  readonly stream: number;
  readonly kind: number;
  readonly start: number;
  readonly time: number;
  readonly counts: readonly number[];
  readonly fate: string;
}

/** Cumulative reports of a stream, each some seconds behind the one before. */
function reportsOf(stream: number, { kind, happenings }: { kind: number; happenings: Happening[] }): Report[] {
  let counts = [0, 0, 0, 0];
  let start = 1;
  return happenings.map((each, index) => {
    const time = 10 * (index + 1);
    if (each.restarts && index > 0) {
      start = time - 5;
      counts = [0, 0, 0, 0];
    }
    counts = counts.map((count, at) => count + (each.counts[at] ?? 0));
    return { stream, kind, start, time, counts, fate: each.fate };
  });
}

type Happening = { counts: number[]; restarts: boolean; fate: string };

function metricOf({ stream, kind, start, time, counts }: Report, temporality: number): PlainObject {
  const count = total(counts);
  const common = {
    startTimeUnixNano: nanos(start),
    timeUnixNano: nanos(time),
    attributes: attributesOf({ stream: String(stream) }),
  };
  if (kind === 0) return sum('requests', temporality, { ...common, asInt: count });
  if (kind === 1) {
    return histogram('latency', temporality, {
      ...common,
      count,
      sum: count,
      bucketCounts: counts,
      explicitBounds: BOUNDS,
    });
  }
  const positive = { offset: -2, bucketCounts: counts };
  return exponential('size', temporality, { ...common, count, sum: count, scale: 2, positive });
}

function total(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b);
}

/** In the order in which they come: those that are late behind the next one, those that come twice at once. */
function arrivals(reports: readonly Report[]): Report[] {
  const arrived: Report[] = [];
  let late: Report[] = [];
  for (const report of reports) {
    if (report.fate === 'late') late.push(report);
    if (report.fate === 'lost' || report.fate === 'late') continue;
    arrived.push(report, ...(report.fate === 'twice' ? [report] : []), ...late);
    late = [];
  }
  return [...arrived, ...late];
}

/** What a total of all that is known to have happened is, after each report that is taken, by its time. */
function expectedTotals(arrived: readonly Report[]): Map<number, number[]> {
  const expected = new Map<number, number[]>();
  let last: Report | undefined;
  let totals = [0, 0, 0, 0];
  for (const report of arrived) {
    if (last !== undefined && report.time <= last.time) continue;
    const before = last !== undefined && report.start === last.start ? last.counts : [0, 0, 0, 0];
    totals = totals.map((sofar, at) => sofar + (report.counts[at] ?? 0) - (before[at] ?? 0));
    expected.set(report.time, totals);
    last = report;
  }
  return expected;
}

/** Counts of a point, or of a number its value. */
function countsOf(point: PlainObject): number[] {
  if (point['bucketCounts'] !== undefined) return (point['bucketCounts'] as string[]).map(Number);
  if (point['scale'] === undefined) return [Number(point['asInt'])];
  const { offset, bucketCounts } = (point['positive'] ?? { offset: 0, bucketCounts: [] }) as {
    offset: number;
    bucketCounts: string[];
  };
  return [-2, -1, 0, 1].map((index) => Number(bucketCounts[index - offset] ?? 0));
}

function streamOf(point: PlainObject): number {
  const [attribute] = point['attributes'] as { value: { stringValue: string } }[];
  return Number(attribute?.value.stringValue);
}

/** From cumulative to deltas to cumulative: two processors one behind the other, the last of which asks `answer`. */
function chain(): { first: Rig; second: Rig } {
  const second = Rig.of(deltaToCumulativeProcessor, { max_stale: 0 });
  const between = new CollectingConsumer();
  between.answer = (batch, abort) => second.processor.consume(batch, abort);
  return { first: Rig.of(cumulativeToDeltaProcessor, { initial_value: 'keep' }, between), second };
}

test('cumulative to deltas to cumulative is what it was, over resets, gaps, lateness and refusals', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(stream, { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.nat(3)),
      fc.integer({ min: 1, max: 6 }),
      async (streams, dice, perBatch) => {
        const perStream = streams.map((each, index) => arrivals(reportsOf(index, each)));
        const { first, second } = chain();
        const draw = (): number => Number(dice.next().value);
        second.next.answer = () => (draw() === 0 ? NOT_NOW : ACCEPTED);
        const placeOf = new Map(perStream.flatMap((each) => each.map((report, place) => [report, place] as const)));
        // Streams come interleaved, some points of each in a batch.
        const queue = perStream.flat().sort((a, b) => (placeOf.get(a) ?? 0) - (placeOf.get(b) ?? 0));
        for (let at = 0; at < queue.length; at += perBatch) {
          const batch = metricsBatch(...queue.slice(at, at + perBatch).map((report) => metricOf(report, CUMULATIVE)));
          while ((await first.processor.consume(batch, NEVER)).status === 'retry') continue;
        }
        const came = new Map<string, number[]>();
        for (const { point, temporality } of second.points) {
          assert.equal(temporality, CUMULATIVE);
          const key = `${streamOf(point)} at ${Number(point['timeUnixNano']) / 1e9}`;
          assert.ok(!came.has(key), `${key} came twice`);
          came.set(key, countsOf(point));
        }
        const expected = new Map<string, number[]>();
        for (const [index, arrived] of perStream.entries()) {
          for (const [time, counts] of expectedTotals(arrived)) {
            expected.set(`${index} at ${time}`, streams[index]?.kind === 0 ? [total(counts)] : counts);
          }
        }
        assert.deepEqual(new Map([...came].sort()), new Map([...expected].sort()));
      },
    ),
    { numRuns: 150 },
  );
});

test('deltas to cumulative to deltas are what they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stream, { minLength: 1, maxLength: 3 }), async (streams) => {
      const back = Rig.of(cumulativeToDeltaProcessor, { initial_value: 'keep' });
      const between = new CollectingConsumer();
      between.answer = (batch, abort) => back.processor.consume(batch, abort);
      const first = Rig.of(deltaToCumulativeProcessor, {}, between);
      const sent = streams.flatMap(({ kind, happenings }, index) =>
        happenings.map(({ counts }, at) => ({
          stream: index,
          kind,
          start: 10 * at,
          time: 10 * (at + 1),
          counts,
          fate: '',
        })),
      );
      for (const report of sent) await first.mustTake(metricsBatch(metricOf(report, DELTA)));
      const came = back.points.map(({ point }) => [
        streamOf(point),
        point['startTimeUnixNano'],
        point['timeUnixNano'],
        ...countsOf(point),
      ]);
      const expected = sent.map(({ stream: index, kind, start, time, counts }) => [
        index,
        nanos(start),
        nanos(time),
        ...(kind === 0 ? [total(counts)] : counts),
      ]);
      assert.deepEqual(came, expected);
    }),
    { numRuns: 100 },
  );
});

test('after a restart nothing is counted twice, and with keep nothing is missed that a process began anew', async () => {
  const report = (start: number, time: number, count: number): Report => {
    return { stream: 0, kind: 0, start, time, counts: [count], fate: '' };
  };
  // The clock of a rig stands at 1,000 s. The process before had sent 7 of these.
  const restarted = Rig.of(cumulativeToDeltaProcessor);
  for (const each of [report(1, 1010, 9), report(1, 1020, 12), report(1025, 1030, 2)]) {
    await restarted.mustTake(metricsBatch(metricOf(each, CUMULATIVE)));
  }
  assert.deepEqual(
    restarted.numbers.map(([, , value]) => value),
    [3, 2],
  );
  const totals = Rig.of(deltaToCumulativeProcessor);
  await totals.mustTake(metricsBatch(metricOf(report(1000, 1010, 4), DELTA)));
  assert.deepEqual(totals.numbers, [[1000, 1010, 4]]);
});

for (const definition of [cumulativeToDeltaProcessor, deltaToCumulativeProcessor]) {
  test(`bytes that are damaged are rejected by ${definition.type} and change nothing, or are taken`, async () => {
    const counts = [3, 0, 200, 1];
    const metrics = [0, 1, 2].flatMap((kind) =>
      [CUMULATIVE, DELTA].map((temporality) =>
        metricOf({ stream: 1, kind, start: 1, time: 2, counts, fate: '' }, temporality),
      ),
    );
    const [whole = new Uint8Array(0)] = metricsBatch(...metrics).chunks;
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length - 1), async (at, byte, cutAt) => {
        const rig = Rig.of(definition);
        const bytes = Uint8Array.from(cutAt % 4 === 0 ? whole.subarray(0, cutAt) : whole);
        if (at < bytes.length) bytes[at] = byte;
        const verdict = await rig.processor.consume(
          { signal: 'metrics', chunks: [bytes], bytes: bytes.length, items: 6 },
          NEVER,
        );
        assert.ok(verdict.status === 'accepted' || verdict.status === 'rejected');
        if (verdict.status === 'rejected') {
          assert.equal(codeOf(verdict.reason, ''), 'payload_malformed');
          assert.ok(rig.context.meter.total('remora_temporality_state_bytes') < 100_000);
          assert.equal(rig.context.meter.total(`otelcol_${definition.type}_streams_tracked`), 0);
        }
        // It is there for what comes next, whatever that was.
        assert.equal((await rig.processor.consume(metricsBatch(...metrics), NEVER)).status, 'accepted');
      }),
      { numRuns: 300 },
    );
  });
}

test('a refusal for good leaves the states as they were', async () => {
  const { first, second } = chain();
  const at = (time: number, count: number): Report => ({
    stream: 0,
    kind: 0,
    start: 1,
    time,
    counts: [count],
    fate: '',
  });
  const offer = async (report: Report) => first.processor.consume(metricsBatch(metricOf(report, CUMULATIVE)), NEVER);
  await offer(at(10, 1));
  second.next.answer = () => rejected(new RemoraError('upstream_rejected', 'Never.'));
  assert.equal((await offer(at(20, 3))).status, 'rejected');
  second.next.answer = () => ACCEPTED;
  await offer(at(30, 7));
  assert.deepEqual(second.numbers, [
    [1, 10, 1],
    [1, 30, 7],
  ]);
});
