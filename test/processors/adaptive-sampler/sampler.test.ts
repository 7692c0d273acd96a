import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { retry } from '../../../src/core/verdict.ts';
import { LOG } from '../../../src/otlp/fields.ts';
import { compareBits56 } from '../../../src/otlp/sampling/bits56.ts';
import { parseThreshold } from '../../../src/otlp/sampling/threshold.ts';
import { readAnyValue } from '../../../src/otlp/value.ts';
import { Cursor } from '../../../src/otlp/wire.ts';
import {
  eachItem,
  logBatch,
  randomId,
  SamplerBed,
  spanBatch,
  type KeptSpan,
  type SampleLog,
  type SampleSpan,
} from './sampler-bed.ts';

const LABELS = { processor: 'adaptive_sampler', pipeline: 'traces', signal: 'traces' };
const priority = (outcome: string) => ({ ...LABELS, outcome });

/** Sends what `spansOf` makes ten times a second; what was kept from second `from` on. */
async function run(bed: SamplerBed, seconds: number, from: number, spansOf: (bed: SamplerBed) => SampleSpan[]) {
  const kept: KeptSpan[] = [];
  let came = 0;
  for (let step = 0; step < seconds * 10; step++) {
    const spans = spansOf(bed);
    const passed = await bed.send(spanBatch(spans));
    if (step >= from * 10) {
      kept.push(...passed);
      came += spans.length;
    }
    await bed.clock.advance(100);
  }
  return { kept, came };
}

const many = (count: number, span: SampleSpan = {}) => {
  return ({ random }: SamplerBed): SampleSpan[] =>
    Array.from({ length: count }, () => ({ traceId: randomId(random), ...span }));
};

const sum = (spans: readonly KeptSpan[]): number => spans.reduce((total, { adjusted }) => total + adjusted, 0);

test('under its target nothing is thinned: batches go on as they came', async () => {
  const bed = new SamplerBed({ items_per_second: 1000 });
  const batch = spanBatch(many(50)(bed));
  bed.next.answer = (got) => {
    assert.equal(got, batch);
    return { status: 'accepted', rejectedItems: 0 };
  };
  assert.equal((await bed.send(batch)).length, 50);
});

test('what is kept says how many it stands for, and other vendors’ tracestate stays', async () => {
  const bed = new SamplerBed({ items_per_second: 100, window: '1s' });
  const { kept, came } = await run(bed, 20, 5, many(100, { state: 'zz=1' }));
  assert.ok(Math.abs(kept.length / 15 / 100 - 1) < 0.15, `${kept.length / 15} a second`);
  assert.ok(Math.abs(sum(kept) / came - 1) < 0.1, `${sum(kept)} of ${came}`);
  for (const { state, traceId, threshold } of kept) {
    assert.match(state, /^ot=th:[0-9a-f]{1,8},zz=1$/);
    const randomness = parseThreshold(traceId.slice(18));
    assert.ok(randomness !== undefined && threshold !== undefined && compareBits56(randomness, threshold) >= 0);
  }
});

test('what was sampled before stays an unbiased sample, and the target is held', async () => {
  const bed = new SamplerBed({ items_per_second: 100, window: '1s' });
  const quarter = parseThreshold('c') ?? assert.fail();
  const { kept, came } = await run(bed, 20, 5, ({ random }) => {
    const consistent = Array.from({ length: 400 }, () => randomId(random)).filter((id) => (id[9] ?? 0) >= 0xc0);
    return consistent.map((traceId) => ({ traceId, state: 'ot=th:c' }));
  });
  assert.ok(Math.abs(kept.length / 15 / 100 - 1) < 0.15, `${kept.length / 15} a second`);
  assert.ok(Math.abs(sum(kept) / (came * 4) - 1) < 0.1);
  for (const { threshold } of kept) assert.ok(threshold !== undefined && compareBits56(threshold, quarter) >= 0);
});

test('a threshold that the randomness contradicts is erased and counted; one that cannot be read is left alone', async () => {
  const bed = new SamplerBed({ items_per_second: 1000 });
  const low = Buffer.from('00'.repeat(8) + '01'.repeat(8), 'hex');
  const spans = [
    { name: 'lies', traceId: low, state: 'ot=th:c,zz=1' },
    { name: 'bad', traceId: low, state: 'ot=th:xyz' },
    { name: 'says', traceId: low, state: 'ot=rv:ffffffffffffff;th:c' },
  ];
  const kept = await bed.send(spanBatch(spans));
  assert.deepEqual(
    kept.map(({ name, state }) => [name, state]),
    [
      ['lies', 'zz=1'],
      ['bad', 'ot=th:xyz'],
      ['says', 'ot=rv:ffffffffffffff;th:c'],
    ],
  );
  assert.equal(bed.context.meter.value('remora_sampling_inconsistent_items', LABELS), 1);
  assert.equal(bed.context.meter.value('remora_sampling_malformed_items', LABELS), 1);
  assert.equal(bed.context.meter.value('remora_sampling_adjusted_items', LABELS), 1 + 1 + 4);
});

test('spans without a trace id are decided by chance, which is written down', async () => {
  const bed = new SamplerBed({ items_per_second: 100, window: '1s' });
  const ids = [undefined, new Uint8Array(16), new Uint8Array(8).fill(1)];
  const { kept, came } = await run(bed, 20, 5, () =>
    Array.from({ length: 99 }, (_, index) => {
      const traceId = ids[index % 3];
      return traceId === undefined ? {} : { traceId };
    }),
  );
  assert.ok(Math.abs(sum(kept) / came - 1) < 0.1, `${sum(kept)} of ${came}`);
  for (const { state } of kept) assert.match(state, /^ot=rv:[0-9a-f]{14};th:[0-9a-f]+$/);
  assert.equal(bed.context.meter.value('remora_sampling_missing_randomness_items', LABELS), 99 * 200);
});

test('errors and slow spans are kept first, up to their share of the target, and beyond it thinned and counted', async () => {
  const some = new SamplerBed({ items_per_second: 100, window: '1s', priority_share: 0.5 });
  const calm = await run(some, 15, 5, (bed) => [
    ...many(100)(bed),
    ...many(2, { error: true })(bed),
    ...many(1, { tookMs: 1500, name: 'slow' })(bed),
  ]);
  assert.equal(calm.kept.filter(({ isError }) => isError).length, 200);
  assert.equal(calm.kept.filter(({ name }) => name === 'slow').length, 100);
  assert.equal(some.context.meter.value('remora_adaptive_sampler_priority_items', priority('thinned')), 0);
  assert.equal(some.context.meter.value('remora_adaptive_sampler_priority_items', priority('kept')), 450);

  const storm = new SamplerBed({ items_per_second: 100, window: '1s', priority_share: 0.5 });
  const { kept } = await run(storm, 25, 5, (bed) => [...many(100)(bed), ...many(100, { error: true })(bed)]);
  const errors = kept.filter(({ isError }) => isError).length / 20;
  assert.ok(Math.abs(errors - 50) < 10, `${errors} errors a second`);
  assert.ok(Math.abs(kept.length / 20 - 100) < 15, `${kept.length / 20} a second`);
  assert.ok((storm.context.meter.value('remora_adaptive_sampler_priority_items', priority('thinned')) ?? 0) > 10_000);

  // Nobody else wants it: errors have all of the target.
  const alone = new SamplerBed({ items_per_second: 100, window: '1s', priority_share: 0.2 });
  const only = await run(alone, 25, 5, many(100, { error: true }));
  assert.ok(Math.abs(only.kept.length / 20 - 100) < 15, `${only.kept.length / 20} a second`);
});

test('a new process passes a window’s worth more than its target, and errors within their share do not pay for it', async () => {
  const spansOf = many(192, { route: '/hot' });
  const errorsOf = many(8, { error: true });
  // All at once: a debt is made before there is any rate. A share of half of a window is 200, and 80 errors come.
  const bed = new SamplerBed({ items_per_second: 80, window: '5s' });
  const first: KeptSpan[] = [];
  for (let batch = 0; batch < 10; batch++)
    first.push(...(await bed.send(spanBatch([...spansOf(bed), ...errorsOf(bed)]))));
  assert.equal(first.filter(({ isError }) => isError).length, 80);
  assert.ok(first.length > 350 && first.length < 550, `${first.length} at once`);

  // Over some seconds: the target for each of them, and the window's worth.
  const steady = new SamplerBed({ items_per_second: 40, window: '5s' });
  const { kept, came } = await run(steady, 10, 0, (of) => [...many(48)(of), ...many(2, { error: true })(of)]);
  assert.equal(kept.filter(({ isError }) => isError).length, 200);
  assert.ok(Math.abs(kept.length - 600) < 90, `${kept.length} of ${came}`);
});

test('errors that had all of the target while nobody else wanted it do not pay for that later', async () => {
  const bed = new SamplerBed({ items_per_second: 80, window: '5s' });
  const { kept } = await run(bed, 100, 20, many(20, { error: true }));
  assert.ok(Math.abs(kept.length / 80 - 80) < 8, `${kept.length / 80} a second`);
  await bed.clock.advance(20_000);
  const burst: KeptSpan[] = [];
  for (let batch = 0; batch < 10; batch++) {
    const spans = [...many(192, { route: '/hot' })(bed), ...many(8, { error: true })(bed)];
    burst.push(...(await bed.send(spanBatch(spans))));
  }
  assert.equal(burst.filter(({ isError }) => isError).length, 80);
});

test('a target in bytes is held in bytes', async () => {
  const bed = new SamplerBed({ bytes_per_second: 10_000, window: '1s' });
  let bytes = 0;
  bed.next.answer = (batch) => {
    if (bed.clock.monotonic() >= 5000) bytes += batch.bytes;
    return { status: 'accepted', rejectedItems: 0 };
  };
  await run(bed, 25, 5, many(100));
  // Besides spans there is a resource in each batch.
  assert.ok(bytes / 20 > 8500 && bytes / 20 < 12_500, `${bytes / 20} a second`);
  assert.equal(bed.context.meter.value('remora_adaptive_sampler_target_rate', { ...LABELS, unit: 'bytes' }), 10_000);
});

test('the spans of a trace are kept together from its rarest span on, and all of them within one batch', async () => {
  const traced = ({ random }: SamplerBed): SampleSpan[] =>
    Array.from({ length: 20 }, () => {
      const traceId = randomId(random);
      const isRare = random() < 0.005;
      return [
        { traceId, name: 'query' },
        { traceId, name: isRare ? 'rare route' : 'hot route' },
        { traceId, name: 'query' },
      ];
    }).flat();
  for (const scope of ['trace', 'span'] as const) {
    const bed = new SamplerBed({ items_per_second: 100, window: '1s', scope });
    const { kept } = await run(bed, 30, 5, traced);
    const byTrace = Map.groupBy(kept, ({ traceId }) => traceId);
    const rare = [...byTrace.values()].filter((spans) => spans.some(({ name }) => name === 'rare route'));
    assert.ok(rare.length > 5);
    const whole = rare.filter((spans) => spans.length === 3).length;
    if (scope === 'trace') assert.equal(whole, rare.length);
    else assert.ok(whole < rare.length);
  }
});

test('later spans of a trace follow what was decided about it', async () => {
  const bed = new SamplerBed({ items_per_second: 100, window: '1s' });
  await run(bed, 5, 0, (sent) => many(100, { name: 'hot' })(sent));
  const traceId = Buffer.from('00'.repeat(9) + '01'.repeat(7), 'hex');
  const send = (span: SampleSpan) => bed.send(spanBatch([{ traceId, ...span }]));
  assert.equal((await send({ name: 'hot' })).length, 0);
  assert.equal((await send({ name: 'seldom' })).length, 1);
  const [later] = await send({ name: 'hot' });
  assert.equal(later?.state, '');
});

test('what was decided about traces is offered to whoever follows them', async () => {
  const bed = new SamplerBed({ items_per_second: 100, window: '1s', scope: 'span' });
  await bed.send(spanBatch(many(1)(bed)));
  const [decisions] = bed.context.decisions.find('adaptive_sampler');
  assert.ok(decisions !== undefined);
  const told: string[] = [];
  decisions.onDecision((bytes, at, kept) => {
    const id = Buffer.from(bytes.subarray(at, at + 16)).toString('hex');
    assert.equal(decisions.fateOf(bytes, at), kept ? 'kept' : 'dropped');
    told.push(`${id} ${kept}`);
  });
  await run(bed, 5, 0, many(100));
  const ids = [Buffer.alloc(16, 1), Buffer.alloc(16, 0xff)] as const;
  for (const id of ids) assert.equal(decisions.fateOf(id, 0), 'unknown');
  const before = told.length;
  await bed.send(spanBatch(ids.map((traceId) => ({ traceId }))));
  assert.deepEqual(told.slice(before), [`${ids[0].toString('hex')} false`, `${ids[1].toString('hex')} true`]);
  assert.equal(decisions.fateOf(ids[0], 0), 'dropped');
  assert.equal(decisions.fateOf(ids[1], 0), 'kept');
  // An error of the trace is kept, and so the trace is.
  const traceId = ids[0];
  await bed.send(spanBatch([{ traceId, error: true }]));
  assert.equal(decisions.fateOf(traceId, 0), 'kept');
  assert.equal(decisions.fateOf(new Uint8Array(16), 0), 'unknown');
});

test('a batch that is not taken counts nothing, however often it is offered', async () => {
  const bed = new SamplerBed({ items_per_second: 10, window: '1s' });
  bed.next.answer = () => retry(new Error('full'));
  const batch = spanBatch(many(500)(bed));
  for (let offer = 0; offer < 50; offer++) {
    await bed.send(batch);
    await bed.clock.advance(100);
  }
  assert.equal(bed.context.account.droppedItems, 0);
  assert.equal(bed.context.meter.value('remora_sampling_adjusted_items', LABELS), 0);
  bed.next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  await bed.clock.advance(300);
  // As if nothing had come before.
  assert.equal((await bed.send(spanBatch(many(8)(bed)))).length, 8);
  assert.equal(bed.context.account.imbalance, 0);
});

test('bytes that are no spans are rejected', async () => {
  const bed = new SamplerBed({ items_per_second: 10 });
  const batch = spanBatch(many(1)(bed));
  const bytes = Buffer.from(batch.chunks[0] ?? []);
  // The length of the trace id runs over the end of its span.
  bytes[bytes.indexOf(Buffer.from([0x0a, 16])) + 1] = 120;
  assert.deepEqual(await bed.send(makeBatch('traces', [bytes], 1)), []);
  assert.equal(bed.next.batches.length, 0);
});

test('keys beyond the limit share one, and the metrics name the top ones alone', async () => {
  const bed = new SamplerBed({ items_per_second: 1000, max_keys: 50, keys: ['service.name', 'route'] });
  const routes = Array.from({ length: 80 }, (_, index) => ({ route: `/${index}`, traceId: randomId(bed.random) }));
  await bed.send(spanBatch(routes));
  await bed.send(spanBatch(many(30, { route: '/1' })(bed)));
  assert.equal(bed.context.meter.value('remora_adaptive_sampler_keys', LABELS), 50);
  assert.equal(bed.context.meter.value('remora_adaptive_sampler_other_items', LABELS), 30);
  const asked = bed.context.meter.made('remora_sampling_ratio_asked');
  assert.equal(asked.length, 21);
  assert.deepEqual(asked[0], [{ key: 'shop /1' }, 1]);
  assert.deepEqual(asked.at(-1), [{ key: '_other' }, 1]);
});

test('log records are thinned by service, severity and shape, and say so in an attribute', async () => {
  const bed = new SamplerBed({ items_per_second: 100, window: '1s' }, 'logs');
  const kept: { body: unknown; severity: number; attributes: Map<string, unknown> }[] = [];
  for (let step = 0; step < 200; step++) {
    const records: SampleLog[] = Array.from({ length: 100 }, (_, index) => ({
      body: `served request ${index} in ${step} ms`,
      severity: 9,
      ...(index % 2 === 0 ? { traceId: randomId(bed.random) } : {}),
    }));
    if (step % 10 === 0) records.push({ body: 'cache miss', severity: 9 }, { body: `failed ${step}`, severity: 17 });
    const passed = await bed.pass(logBatch(records));
    if (step >= 50) eachItem(passed, (item) => kept.push(readLog(item)));
    await bed.clock.advance(100);
  }
  assert.ok(Math.abs(kept.length / 15 - 100) < 15, `${kept.length / 15} a second`);
  assert.equal(kept.filter(({ body }) => body === 'cache miss').length, 15);
  assert.equal(kept.filter(({ severity }) => severity === 17).length, 15);
  const thinned = kept.filter(({ attributes }) => attributes.has('sampling.threshold'));
  assert.equal(thinned.length, kept.length - 30);
  const drawn = thinned.filter(({ attributes }) => attributes.has('sampling.randomness'));
  assert.ok(drawn.length > thinned.length / 4 && drawn.length < (thinned.length * 3) / 4);
  for (const { attributes } of drawn) {
    const [threshold, randomness] = ['sampling.threshold', 'sampling.randomness'].map((key) =>
      parseThreshold(String(attributes.get(key))),
    );
    assert.ok(threshold !== undefined && randomness !== undefined && compareBits56(randomness, threshold) >= 0);
  }
  const keys = bed.context.meter.made('remora_sampling_ratio_got').map(([labels]) => labels['key']);
  assert.deepEqual(keys.toSorted(), [
    'shop ERROR failed #',
    'shop INFO cache miss',
    'shop INFO served request # in # ms',
  ]);
});

function readLog(item: Cursor): { body: unknown; severity: number; attributes: Map<string, unknown> } {
  let body: unknown;
  let severity = 0;
  const attributes = new Map<string, unknown>();
  for (const at = new Cursor().enter(item); at.next();) {
    if (at.field === LOG.body) body = readAnyValue(at);
    if (at.field === LOG.severityNumber) severity = at.int32();
    if (at.field !== LOG.attributes) continue;
    let key = '';
    for (const pair = new Cursor().enter(at); pair.next();) {
      if (pair.field === 1) key = pair.string();
      else attributes.set(key, readAnyValue(pair));
    }
  }
  return { body, severity, attributes };
}

test('bodies that are maps are known by their keys and their message, events by their name', async () => {
  const bed = new SamplerBed({ items_per_second: 1000, keys: ['message.shape'] }, 'logs');
  const map = (message: string, key = 'user'): SampleLog => ({
    body: new Map([
      ['msg', message],
      [key, message],
    ]),
  });
  await bed.pass(
    logBatch([
      map('took 5 s'),
      map('took 71 s'),
      map('took 5 s', 'item'),
      { eventName: 'device.start', body: 'anything 1' },
      { eventName: 'device.start', body: 'something else' },
      { body: true },
      {},
    ]),
  );
  const keys = bed.context.meter.made('remora_sampling_ratio_asked').map(([labels]) => labels['key']);
  assert.deepEqual(keys.toSorted(), ['(none)', 'device.start', 'msgtook # sitem', 'msgtook # suser']);
});

test('a key is read from the parts that are asked for, and its text is cut', async () => {
  const bed = new SamplerBed({ items_per_second: 1000, keys: ['span.kind', 'span.name', 'url'] });
  await bed.send(spanBatch([{ name: 'a'.repeat(200), traceId: randomId(bed.random) }]));
  const [[labels] = []] = bed.context.meter.made('remora_sampling_ratio_asked');
  assert.match(labels?.['key'] ?? '', /^server aaa/);
  assert.equal(labels?.['key']?.length, 128);
});
