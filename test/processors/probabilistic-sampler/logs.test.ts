import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexText } from '../../../src/otlp/sampling/bits56.ts';
import { hashBytes, hashOfSeed, Randomness } from '../../../src/otlp/sampling/randomness.ts';
import { sample, textOf, traceId, type Item } from './harness.ts';

/*
 * Tables from the Collector's tests, processor/probabilisticsamplerprocessor/logsprocessor_test.go. An empty mode there
 * is hash_seed, an empty attribute_source record, and precision 0 is 14 here.
 */

const hash = (bytes: Uint8Array, seed: number): number => hashBytes(hashOfSeed(seed), bytes, 0, bytes.length);
const rv = (bytes: Uint8Array, seed: number): string => hexText(new Randomness().readHash(hash(bytes, seed)));

/** The 100 records of TestLogsSampling; the first has no trace id. */
function records(): Item[] {
  return Array.from({ length: 100 }, (_, i) => {
    const id = Buffer.concat([Buffer.alloc(8), Buffer.alloc(8, i)]);
    const attributes: { key: string; value: Record<string, unknown> }[] = [
      { key: 'rando', value: { intValue: hash(id, 123) } },
    ];
    if (i % 2 === 0) {
      attributes.push({ key: 'foo', value: { bytesValue: id } });
      attributes.push({ key: 'bar', value: { stringValue: i === 0 ? '' : id.toString('hex') } });
    }
    if (i % 4 === 0) attributes.push({ key: 'priority', value: { doubleValue: 100 } });
    return { traceId: id, attributes };
  });
}

const BY_ID = { attribute_source: 'traceID' };
const BY_RANDO = { attribute_source: 'record', from_attribute: 'rando' };
const OPEN = { fail_closed: false };

/** TestLogsSampling. Where it gives neither source nor attribute, nothing can be hashed, and all fail open. */
const SAMPLING: readonly [name: string, config: object, kept: number][] = [
  ['nothing', { sampling_percentage: 0 }, 0],
  ['roughly half', { sampling_percentage: 50, ...BY_ID }, 45],
  ['source no sampling', { sampling_percentage: 0, attribute_source: 'record', from_attribute: 'foo', ...OPEN }, 0],
  [
    'source all sampling',
    { sampling_percentage: 100, attribute_source: 'record', from_attribute: 'foo', ...OPEN },
    100,
  ],
  ['source sampling', { sampling_percentage: 50, attribute_source: 'record', from_attribute: 'foo' }, 23],
  ['source sampling as string', { sampling_percentage: 50, attribute_source: 'record', from_attribute: 'bar' }, 29],
  ['priority 0 record', { sampling_percentage: 0, sampling_priority: 'priority', ...BY_RANDO, ...OPEN }, 25],
  ['priority 50 record', { sampling_percentage: 50, sampling_priority: 'priority', ...BY_RANDO, ...OPEN }, 64],
  ['priority 100 record', { sampling_percentage: 100, sampling_priority: 'priority', ...BY_RANDO, ...OPEN }, 100],
  ['priority 0 traceid', { sampling_percentage: 0, sampling_priority: 'priority', ...BY_ID, ...OPEN }, 25],
  ['priority 50 traceid', { sampling_percentage: 50, sampling_priority: 'priority', ...BY_ID, ...OPEN }, 57],
  ['priority 100 traceid', { sampling_percentage: 100, sampling_priority: 'priority', ...BY_ID, ...OPEN }, 100],
  [
    'priority with sampling field',
    {
      sampling_percentage: 0,
      attribute_source: 'record',
      from_attribute: 'foo',
      sampling_priority: 'priority',
      ...OPEN,
    },
    25,
  ],
];

test('as many log records are kept as the Collector keeps', async () => {
  for (const [name, config, kept] of SAMPLING) {
    const result = await sample('logs', config, records());
    assert.equal(result.kept.length, kept, name);
    assert.equal(result.context.meter.total('otelcol_processor_probabilistic_sampler_count_logs_sampled'), 100);
  }
});

const DEFAULT_ID = 'fefefefefefefefefe80000000000000';

interface StateCase {
  readonly config: object;
  readonly id?: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Attributes of what is kept; undefined: dropped. */
  readonly out: Readonly<Record<string, string | number>> | undefined;
}

/** TestLogsSamplingState. */
const STATES: Readonly<Record<string, StateCase>> = {
  '100 percent traceID': {
    config: { sampling_percentage: 100, mode: 'proportional' },
    attributes: { ignored: 'value' },
    out: { 'sampling.threshold': '0', ignored: 'value' },
  },
  '100 percent traceID hash_seed': {
    config: { sampling_percentage: 100, mode: 'hash_seed', hash_seed: 22 },
    attributes: { K: 'V' },
    out: { K: 'V', 'sampling.threshold': '0', 'sampling.randomness': rv(traceId(DEFAULT_ID), 22) },
  },
  '100 percent attribute': {
    config: { sampling_percentage: 100, attribute_source: 'record', from_attribute: 'veryrandom', hash_seed: 49 },
    attributes: { veryrandom: '1234' },
    out: { veryrandom: '1234', 'sampling.threshold': '0', 'sampling.randomness': rv(Buffer.from('1234'), 49) },
  },
  '0 percent traceID': { config: { sampling_percentage: 0 }, attributes: {}, out: undefined },
  '10 percent priority sampled incoming randomness': {
    config: { sampling_percentage: 0, sampling_priority: 'veryrandom', sampling_precision: 6 },
    attributes: { 'sampling.randomness': 'e6147c00000000', veryrandom: 10.125 },
    out: { 'sampling.randomness': 'e6147c00000000', 'sampling.threshold': 'e6147b', veryrandom: 10.125 },
  },
  '25 percent incoming': {
    config: { sampling_percentage: 50, mode: 'proportional' },
    id: 'fefefefefefefefefef0000000000000',
    attributes: { 'sampling.threshold': 'c' },
    out: { 'sampling.threshold': 'e' },
  },
  '25 percent arriving inconsistent': {
    config: { sampling_percentage: 50, mode: 'equalizing', fail_closed: true },
    id: 'fefefefefefefefefeb0000000000000',
    attributes: { 'sampling.threshold': 'c' },
    out: undefined,
  },
  'arriving inconsistent, kept all the same': {
    config: { sampling_percentage: 50, mode: 'equalizing' },
    id: 'fefefefefefefefefeb0000000000000',
    attributes: { 'sampling.threshold': 'c' },
    out: { 'sampling.threshold': '0' },
  },
  '25 percent arriving equalizing': {
    config: { sampling_percentage: 50, mode: 'equalizing', sampling_priority: 'prio' },
    id: 'fefefefefefefefefefefefefefefefe',
    attributes: { 'sampling.threshold': 'c', prio: 37 },
    out: { 'sampling.threshold': 'c', prio: 37 },
  },
  'hash_seed with spec randomness': {
    config: { sampling_percentage: 100, mode: 'hash_seed' },
    attributes: { 'sampling.randomness': 'f2341234123412' },
    out: { 'sampling.randomness': 'f2341234123412' },
  },
};

const valueOf = (value: string | number): Record<string, unknown> =>
  typeof value === 'string'
    ? { stringValue: value }
    : Number.isInteger(value)
      ? { intValue: value }
      : { doubleValue: value };

const plain = (item: Item): Record<string, unknown> =>
  Object.fromEntries(
    (item.attributes ?? []).map(({ key, value }) => [
      key,
      value['stringValue'] ?? Number(value['intValue'] ?? value['doubleValue']),
    ]),
  );

test('sampling attributes are those of the Collector', async () => {
  for (const [name, { config, id, attributes, out }] of Object.entries(STATES)) {
    const item = {
      traceId: traceId(id ?? DEFAULT_ID),
      attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) })),
    };
    const { kept } = await sample('logs', { sampling_precision: 14, ...OPEN, ...config }, [item]);
    assert.deepEqual(kept.map(plain), out === undefined ? [] : [out], name);
  }
});

/** TestLogsMissingRandomness: an attribute that is empty is none. */
test('records without randomness are kept unless fail_closed or 0 percent', async () => {
  for (const mode of ['hash_seed', 'equalizing', 'proportional']) {
    for (const attribute_source of ['record', 'traceID']) {
      for (const sampling_percentage of [0, 50, 100]) {
        for (const fail_closed of [true, false]) {
          const config = { mode, attribute_source, sampling_percentage, fail_closed, from_attribute: 'unused' };
          const { kept } = await sample('logs', config, [
            { traceId: new Uint8Array(16), attributes: [{ key: 'unused', value: { stringValue: '' } }] },
          ]);
          assert.equal(kept.length === 1, !fail_closed && sampling_percentage > 0, JSON.stringify(config));
          if (kept.length === 1) assert.equal(textOf(kept[0], 'sampling.threshold'), '0');
          assert.equal(textOf(kept[0], 'sampling.randomness'), undefined);
        }
      }
    }
  }
});

test('malformed sampling attributes are left alone and counted', async () => {
  for (const [key, text] of [
    ['sampling.threshold', 'g'],
    ['sampling.threshold', '100000000000000'],
    ['sampling.randomness', '3'],
    ['sampling.randomness', 'abcdefgabcdefg'],
  ] as const) {
    for (const mode of ['hash_seed', 'equalizing', 'proportional']) {
      const item = { traceId: traceId(DEFAULT_ID), attributes: [{ key, value: { stringValue: text } }] };
      const open = await sample('logs', { mode, sampling_percentage: 1, ...OPEN }, [item]);
      assert.deepEqual(open.kept.map(plain), [{ [key]: text }]);
      assert.equal(open.context.meter.total('remora_sampling_malformed_items'), 1);
      assert.equal((await sample('logs', { mode, sampling_percentage: 100 }, [item])).kept.length, 0);
    }
  }
});

test('attributes that are empty or no text say nothing, and are written over', async () => {
  const attributes = [
    { key: 'sampling.randomness', value: { stringValue: '' } },
    { key: 'k', value: { stringValue: 'v'.repeat(300) } },
    { key: 'sampling.threshold', value: { intValue: 7 } },
    { key: 'sampling.threshold', value: { stringValue: 'c' } },
  ];
  const item = { traceId: traceId(DEFAULT_ID), attributes };
  const { kept } = await sample('logs', { sampling_percentage: 100, hash_seed: 3 }, [item, item]);
  for (const record of kept) {
    assert.deepEqual(
      record.attributes?.map(({ key, value }) => [key, value['stringValue']]),
      [
        ['sampling.randomness', rv(traceId(DEFAULT_ID), 3)],
        ['k', 'v'.repeat(300)],
        ['sampling.threshold', '0'],
        ['sampling.threshold', 'c'],
      ],
    );
  }
  const reversed = await sample('logs', { sampling_percentage: 100 }, [
    { ...item, attributes: attributes.toReversed() },
  ]);
  assert.deepEqual(reversed.kept.length, 0, 'the first threshold counts, and is in use');
});

test('other values are hashed as the text that the Collector makes of them', async () => {
  const id = Buffer.alloc(16);
  const values: readonly [value: Record<string, unknown>, text: string][] = [
    [{ intValue: -42 }, '-42'],
    [{ doubleValue: 1.5 }, '1.5'],
    [{ boolValue: true }, 'true'],
    [{ arrayValue: { values: [{ stringValue: 'a' }, { intValue: 1 }] } }, '["a",1]'],
    [{ kvlistValue: { values: [{ key: 'a', value: { boolValue: false } }] } }, '{"a":false}'],
  ];
  for (const [value, text] of values) {
    const config = { sampling_percentage: 100, from_attribute: 'id', hash_seed: 5 };
    const { kept, context } = await sample('logs', config, [{ traceId: id, attributes: [{ key: 'id', value }] }]);
    assert.equal(textOf(kept[0], 'sampling.randomness'), rv(Buffer.from(text), 5), text);
    const labels = { processor: 'probabilistic_sampler', policy: 'id', sampled: 'true' };
    assert.equal(
      context.meter.value('otelcol_processor_probabilistic_sampler_count_logs_sampled', labels),
      1,
      'the policy is named after the attribute',
    );
  }
});

test('a priority that is no share of 100 is none', async () => {
  for (const value of [
    { doubleValue: 0 },
    { intValue: 101 },
    { intValue: -1 },
    { stringValue: '100' },
    { doubleValue: NaN },
  ]) {
    const config = { mode: 'equalizing', sampling_percentage: 0, sampling_priority: 'p' };
    const { kept } = await sample('logs', config, [
      { traceId: traceId('ff'.repeat(16)), attributes: [{ key: 'p', value }] },
    ]);
    assert.equal(kept.length, 0, JSON.stringify(value));
  }
});
