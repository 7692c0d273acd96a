import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/property.ts';
import { makeBatch } from '../../../../src/core/batch.ts';
import { ACCEPTED } from '../../../../src/core/verdict.ts';
import { groupsIn, itemBatch, limitedItems, WINDOW_MS, type Group, type Pairs } from './limited-items.ts';

const URL = { key: 'url', limit: 2 };
const numbered = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `v${from + at}`);

test('values up to the limit stay, and what is beyond becomes the placeholder', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [URL] } });
  assert.deepEqual(await rig.values('url', ['a', 'b', 'c', 'a', 'd']), [
    'a',
    'b',
    'otel.overflow',
    'a',
    'otel.overflow',
  ]);
  assert.deepEqual(await rig.values('other', numbered(5)), numbered(5));
});

test('the same holds for attributes of log records, and a placeholder can be named', async () => {
  const rig = await limitedItems('logs', { logs: { attributes: [{ ...URL, placeholder: 'many' }] } });
  assert.deepEqual(await rig.values('url', ['a', 'b', 'c']), ['a', 'b', 'many']);
});

test('of an item only the attribute changes, in its place', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [{ ...URL, limit: 1 }] } });
  const attributes: Pairs = [
    ['first', 1],
    ['url', 'x'.repeat(300)],
    ['last', 'z'],
  ];
  const resource: Pairs = [['service.name', 'shop']];
  const batch = {
    resource,
    items: [
      { name: 'GET /', attributes: [['url', 'a']] as Pairs },
      { name: 'PUT', attributes },
    ],
  };
  const [out] = await rig.send(batch);
  assert.deepEqual(out, {
    resource,
    items: [
      { name: 'GET /', attributes: [['url', 'a']] },
      {
        name: 'PUT',
        attributes: [
          ['first', 1],
          ['url', 'otel.overflow'],
          ['last', 'z'],
        ],
      },
    ],
  });
});

test('a batch in which nothing changes goes on as the same one', async () => {
  const rig = await limitedItems('traces', { spans: { name: {}, attributes: [URL] } });
  const batch = itemBatch('traces', [{ items: [{ attributes: [['url', 'a']] }] }]);
  await rig.offer(batch);
  assert.equal(rig.next.batches[0], batch);
});

test('drop_attribute takes the attribute away and leaves the item', async () => {
  const rig = await limitedItems('logs', { logs: { attributes: [{ ...URL, on_overflow: 'drop_attribute' }] } });
  assert.deepEqual(await rig.values('url', ['a', 'b', 'c', 'b']), ['a', 'b', undefined, 'b']);
  assert.equal(rig.next.items, 4);
});

test('bucket puts values beyond the limit together, in as many buckets as the limit', async () => {
  const bucket = { patterns: ['/carts/{cart}'] };
  const rig = await limitedItems('traces', { spans: { attributes: [{ ...URL, on_overflow: 'bucket', bucket }] } });
  const values = ['/', '/a', '/users/17', '/users/18', '/carts/x', '/items/7', 'plain', '/users/17'];
  const expected = ['/', '/a', '/users/{number}', '/users/{number}', '/carts/{cart}', 'otel.overflow', 'otel.overflow'];
  assert.deepEqual(await rig.values('url', values), [...expected, '/users/{number}']);
});

test('a bucket that comes as a value is the bucket that it looks like', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [{ ...URL, on_overflow: 'bucket' }] } });
  const values = ['/users/{number}', '/b', '/users/1', '/a/1', '/b/1', '/c/1', '/b/{number}'];
  const last = ['/a/{number}', '/b/{number}', 'otel.overflow', '/b/{number}'];
  assert.deepEqual(await rig.values('url', values), ['/users/{number}', '/b', '/users/{number}', ...last]);
});

test('a value that is no text has no bucket', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [{ ...URL, limit: 1, on_overflow: 'bucket' }] } });
  const [out] = await rig.send({ items: [1, 2].map((value) => ({ attributes: [['url', value]] })) });
  assert.deepEqual(
    out?.items.map(({ attributes }) => attributes[0]?.[1]),
    [1, 'otel.overflow'],
  );
});

test('names of spans are bounded like attributes', async () => {
  const rig = await limitedItems('traces', { spans: { name: { limit: 1, on_overflow: 'bucket' } } });
  const names = ['GET /', 'GET /users/4', 'GET /users/5', 'GET', 'GET /users/{number}'];
  const [out] = await rig.send({ items: names.map((name) => ({ name, attributes: [['url', name]] })) });
  const expected = ['GET /', 'GET /users/{number}', 'GET /users/{number}', 'otel.overflow', 'GET /users/{number}'];
  assert.deepEqual(
    out?.items.map(({ name }) => name),
    expected,
  );
  assert.deepEqual(
    out.items.map(({ attributes }) => attributes[0]?.[1]),
    names,
  );
});

test('attributes of resources are bounded, whatever the number of their items', async () => {
  const attributes = [{ key: 'pod', limit: 1, on_overflow: 'drop_attribute' }];
  const resource_attributes = [...attributes, { key: 'host', limit: 1 }];
  const rig = await limitedItems('logs', { logs: { resource_attributes } });
  const group = (number: number): Group => ({
    resource: [
      ['host', `h${number}`],
      ['pod', `p${number}`],
      ['service.name', 'shop'],
    ],
    items: numbered(3).map((value) => ({ attributes: [['pod', value]] })),
  });
  const out = await rig.send(group(1), group(2), group(1));
  const cut = [
    ['host', 'otel.overflow'],
    ['service.name', 'shop'],
  ];
  assert.deepEqual(
    out.map(({ resource }) => resource),
    [group(1).resource, cut, group(1).resource],
  );
  assert.deepEqual(
    out.map(({ items }) => items),
    [1, 2, 3].map(() => group(1).items),
  );
});

test('a key that an item has twice is bounded twice', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [{ ...URL, limit: 1 }] } });
  const twice = (one: string, other: string) => ({
    attributes: [
      ['url', one],
      ['url', other],
    ] as Pairs,
  });
  const [out] = await rig.send({ items: [twice('a', 'b'), twice('c', 'a')] });
  const over = 'otel.overflow';
  assert.deepEqual(out?.items, [
    { name: 'GET', ...twice('a', over) },
    { name: 'GET', ...twice(over, 'a') },
  ]);
});

test('a value that was idle for a window gives its place back, and one that was not keeps it', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [URL] } });
  await rig.values('url', ['a', 'b', 'c']);
  await rig.clock.advance(WINDOW_MS);
  assert.deepEqual(await rig.values('url', ['c', 'a']), ['otel.overflow', 'a']);
  await rig.clock.advance(WINDOW_MS);
  assert.deepEqual(await rig.values('url', ['c', 'd', 'a']), ['c', 'otel.overflow', 'a']);
});

test('each tenant has values of its own, up to what all of its attributes may have', async () => {
  const spans = { attributes: [URL, { key: 'user', limit: 2 }] };
  const per_tenant = { resource_attribute: 'tenant', limit: 3 };
  const rig = await limitedItems('traces', { spans, per_tenant });
  const of = (tenant: string): Group => ({
    resource: [['tenant', tenant]],
    items: numbered(3).map((value) => ({
      attributes: [
        ['url', value],
        ['user', value],
      ],
    })),
  });
  const over = 'otel.overflow';
  const kept = [
    ['v0', 'v0'],
    ['v1', over],
    [over, over],
  ];
  const out = await rig.send(of('one'), of('two'), of('one'));
  const seen = out.map(({ items }) => items.map(({ attributes }) => attributes.map((pair) => pair[1])));
  assert.deepEqual(seen, [kept, kept, kept]);
});

test('a batch that is not accepted changes no count, and comes to the same when it is offered again', async () => {
  const rig = await limitedItems('logs', { logs: { attributes: [URL] } });
  const batch = itemBatch('logs', [{ items: numbered(5).map((value) => ({ attributes: [['url', value]] })) }]);
  const series = { processor: 'cardinality_limit', pipeline: 'logs', of: 'log attribute url' };
  const counted = (): number | undefined => rig.meter.value('remora_cardinality_overflowed_values', series);
  rig.next.answer = () => ({ status: 'retry', reason: new Error('Full.') });
  assert.equal((await rig.offer(batch)).status, 'retry');
  assert.equal(counted(), 0);
  rig.next.answer = () => ACCEPTED;
  assert.equal((await rig.offer(batch)).status, 'accepted');
  assert.equal(counted(), 3);
  const [out] = rig.next.batches.slice(-1).flatMap(groupsIn);
  assert.deepEqual(
    out?.items.map(({ attributes }) => attributes[0]?.[1]),
    ['v0', 'v1', ...Array<string>(3).fill('otel.overflow')],
  );
});

test('a damaged request is rejected', async () => {
  const rig = await limitedItems('traces', { spans: { name: {}, attributes: [URL] } });
  const { chunks } = itemBatch('traces', [{ items: [{ attributes: [['url', 'abc']] }] }]);
  const bytes = Buffer.from(chunks[0] ?? []);
  // The length of the attribute.
  bytes[bytes.indexOf('url') - 3] = 120;
  assert.equal((await rig.offer(makeBatch('traces', [bytes], 1))).status, 'rejected');
});

const anyPairs = fc.array(
  fc.tuple(fc.constantFrom('url', 'user', 'note'), fc.constantFrom(...numbered(12), '/a/1', '/a/2')),
  {
    maxLength: 5,
  },
);
const anyBatches = fc.array(fc.array(fc.array(anyPairs, { maxLength: 6 }), { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 12,
});
const anyMode = fc.constantFrom('replace', 'bucket', 'drop_attribute');

test('whatever comes: no item is lost, no more values leave than the limit lets, none changes its side in a window', async () => {
  await fc.assert(
    fc.asyncProperty(anyBatches, anyMode, fc.integer({ min: 1, max: 6 }), async (batches, mode, limit) => {
      const rig = await limitedItems('traces', { spans: { attributes: [{ key: 'url', limit, on_overflow: mode }] } });
      let left = new Set<string | number>();
      let fates = new Map<string | number, string | number | undefined>();
      for (const [at, groups] of batches.entries()) {
        const sent = groups.map((items): Group => ({ items: items.map((attributes) => ({ attributes })) }));
        const out = await rig.send(...sent);
        assert.equal(out.flatMap(({ items }) => items).length, sent.flatMap(({ items }) => items).length);
        for (const [index, { items }] of sent.entries()) {
          for (const [place, { attributes }] of items.entries()) {
            const arrived = [...(out[index]?.items[place]?.attributes ?? [])];
            for (const [key, value] of attributes) {
              const isGone =
                arrived[0]?.[0] !== key || (mode === 'drop_attribute' && key === 'url' && arrived[0][1] !== value);
              const now = isGone ? undefined : arrived.shift()?.[1];
              if (key !== 'url') assert.equal(now, value);
              else {
                if (now !== undefined) left.add(now);
                if (fates.has(value)) assert.equal(now, fates.get(value));
                fates.set(value, now);
              }
            }
            assert.deepEqual(arrived, []);
          }
        }
        assert.ok(left.size <= (mode === 'bucket' ? 2 * limit : limit) + 1, `${left.size} values of ${limit}`);
        if (at % 3 < 2) continue;
        await rig.clock.advance(WINDOW_MS);
        left = new Set();
        fates = new Map();
      }
      await rig.processor.stop?.(AbortSignal.abort());
    }),
    { numRuns: 150 },
  );
});
