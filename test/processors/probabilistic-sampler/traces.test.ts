import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { parseThreshold, adjustedCount } from '../../../src/otlp/sampling/threshold.ts';
import { batchOf, makeSampler, NEVER, sample, traceId, type Item } from './harness.ts';

/*
 * Tables from the Collector's tests, processor/probabilisticsamplerprocessor/tracesprocessor_test.go. Its precision 0 is
 * full precision, which is 14 here; what is not said of a configuration there is false, also fail_closed.
 */

/** Sampled at 50 % and not at 49 %. */
const DEFAULT_ID = 'fefefefefefefefefe80000000000000';
const ALWAYS_ID = '111111111111111111ffffffffffffff';

interface Case {
  readonly percent: number;
  readonly precision?: number;
  readonly closed?: boolean;
  readonly id?: string;
  readonly state?: string;
  readonly priority?: number;
  /** Tracestate of what is kept by equalizing and proportional; undefined: dropped. */
  readonly out: string | undefined | readonly [equalizing: string | undefined, proportional: string | undefined];
}

/** Test_tracesamplerprocessor_TraceState. */
const TRACE_STATES: Readonly<Record<string, Case>> = {
  '100 percent': { percent: 100, out: 'ot=th:0' },
  '50 percent sampled': { percent: 50, out: 'ot=th:8' },
  '25 percent sampled': { percent: 25, id: 'ddddddddddddddddddc0000000000000', out: 'ot=th:c' },
  '25 percent unsampled': { percent: 25, id: 'ddddddddddddddddddb0000000000000', out: undefined },
  '1 percent sampled': { percent: 1, state: 'ot=rv:FD70A3D70A3D71', out: 'ot=rv:FD70A3D70A3D71;th:fd70a3d70a3d71' },
  '1 percent sampled with rvalue and precision 4': {
    percent: 1,
    precision: 4,
    state: 'ot=rv:FD70A3D70A3D71',
    out: 'ot=rv:FD70A3D70A3D71;th:fd70a',
  },
  '1 percent with rvalue and precision 3': { percent: 1, precision: 3, state: 'ot=rv:FD70A3D70A3D71', out: undefined },
  '1 percent not sampled with rvalue': { percent: 1, state: 'ot=rv:FD70A3D70A3D70', out: undefined },
  '49 percent not sampled with default tid': { percent: 49, out: undefined },
  '1 percent sampled with rvalue': {
    percent: 1,
    state: 'ot=rv:fd70B000000000',
    out: 'ot=rv:fd70B000000000;th:fd70a3d70a3d71',
  },
  '1 percent sampled with tid': {
    percent: 1,
    precision: 4,
    id: 'a0a0a0a0a0a0a0a0a0fe000000000000',
    out: 'ot=th:fd70a',
  },
  'sampled by priority': { percent: 1, priority: 2, out: 'ot=th:0' },
  'not sampled by priority': { percent: 99, priority: 0, out: undefined },
  'incoming 50 percent with rvalue': {
    percent: 50,
    state: 'ot=rv:90000000000000;th:80000000000000',
    out: ['ot=rv:90000000000000;th:8', undefined],
  },
  'incoming 50 percent at 25 percent not sampled': { percent: 25, state: 'ot=th:8', out: undefined },
  'incoming 50 percent at 25 percent sampled': {
    percent: 25,
    id: 'ffffffffffffffffffffffffffffffff',
    state: 'ot=th:8',
    out: ['ot=th:c', 'ot=th:e'],
  },
  'equalizing vs proportional': {
    percent: 50,
    state: 'ot=rv:c0000000000000;th:8',
    out: ['ot=rv:c0000000000000;th:8', 'ot=rv:c0000000000000;th:c'],
  },
  'inconsistent arriving threshold': {
    percent: 100,
    state: 'ot=rv:40000000000000;th:8',
    out: 'ot=rv:40000000000000;th:0',
  },
  'inconsistent arriving threshold not sampled': {
    percent: 1,
    closed: true,
    state: 'ot=rv:40000000000000;th:8',
    out: undefined,
  },
  '40 percent precision 3 with rvalue': {
    percent: 40,
    precision: 3,
    state: 'ot=rv:a0000000000000',
    out: 'ot=rv:a0000000000000;th:99a',
  },
  'arriving 50 percent sampled at 40 percent precision 6 with tid': {
    percent: 40,
    precision: 6,
    id: 'a0a0a0a0a0a0a0a0a0d0000000000000',
    state: 'ot=th:8',
    out: ['ot=th:99999a', 'ot=th:cccccd'],
  },
  'arriving 50 percent sampled at 40 percent partly sampled': {
    percent: 40,
    precision: 3,
    id: 'a0a0a0a0a0a0a0a0a0b0000000000000',
    state: 'ot=th:8',
    out: ['ot=th:99a', undefined],
  },
  'arriving 50 percent sampled at 40 percent not sampled': {
    percent: 40,
    precision: 3,
    id: 'a0a0a0a0a0a0a0a0a080000000000000',
    state: 'ot=th:8',
    out: undefined,
  },
  '200 percent equals 100 percent': { percent: 200, out: 'ot=th:0' },
  'tiny probability rounding': {
    percent: 100 * 2 ** -14,
    id: ALWAYS_ID,
    state: 'ot=th:fffc',
    out: ['ot=th:fffc', 'ot=th:fffffff'],
  },
  // 10 digits at this end are more than a float of 32 bits says.
  'almost 100pct sampling': { percent: (1 - 8e-7) * 100, precision: 10, id: ALWAYS_ID, out: 'ot=th:00000cccccccd' },
  'probability underflow': {
    percent: 2 ** -4,
    id: ALWAYS_ID,
    state: 'ot=th:fffffffffffff8',
    out: ['ot=th:fffffffffffff8', undefined],
  },
};

test('tracestates are those of the Collector', async () => {
  for (const [name, { percent, precision, closed, id, state, priority, out }] of Object.entries(TRACE_STATES)) {
    for (const [index, mode] of (['equalizing', 'proportional'] as const).entries()) {
      const config = {
        mode,
        sampling_percentage: percent,
        sampling_precision: precision ?? 14,
        fail_closed: closed ?? false,
        hash_seed: 4312,
      };
      const attributes = priority === undefined ? [] : [{ key: 'sampling.priority', value: { intValue: priority } }];
      const { kept } = await sample('traces', config, [
        { traceId: traceId(id ?? DEFAULT_ID), traceState: state ?? '', attributes },
      ]);
      const expected = typeof out === 'object' ? out[index] : out;
      assert.deepEqual(
        kept.map(({ traceState }) => traceState),
        expected === undefined ? [] : [expected],
        `${mode} ${name}`,
      );
    }
  }
});

/** Test_tracesamplerprocessor_TraceStateErrors: dropped because of fail_closed, and counted. */
const ERRORS: readonly [name: string, item: Item, metric: string][] = [
  ['missing randomness', { traceId: new Uint8Array(16) }, 'missing_randomness'],
  ['invalid r-value', { traceId: traceId(DEFAULT_ID), traceState: 'ot=rv:abababababababab' }, 'malformed'],
  ['invalid t-value', { traceId: traceId(DEFAULT_ID), traceState: 'ot=th:abababababababab' }, 'malformed'],
  ['t-value syntax', { traceId: traceId(DEFAULT_ID), traceState: 'ot=th:-1' }, 'malformed'],
  [
    'inconsistent t-value trace ID',
    { traceId: traceId('ffffffffffffffffff70000000000000'), traceState: 'ot=th:8' },
    'inconsistent',
  ],
  [
    'inconsistent t-value r-value',
    { traceId: traceId(DEFAULT_ID), traceState: 'ot=th:8;rv:70000000000000' },
    'inconsistent',
  ],
  ['no trace id', {}, 'missing_randomness'],
  ['a short trace id', { traceId: Buffer.alloc(8, 255) }, 'missing_randomness'],
  ['a long trace id', { traceId: Buffer.alloc(17, 255) }, 'missing_randomness'],
];

test('what cannot be judged is dropped or kept by fail_closed, untouched where it is malformed, and counted', async () => {
  for (const [name, item, metric] of ERRORS) {
    for (const mode of ['equalizing', 'proportional']) {
      const closed = await sample('traces', { mode, sampling_percentage: 100 }, [item]);
      assert.equal(closed.kept.length, 0, name);
      assert.equal(closed.context.meter.total(`remora_sampling_${metric}_items`), 1, name);
      const open = await sample('traces', { mode, sampling_percentage: 1, fail_closed: false }, [item]);
      const rv = name.endsWith('r-value') ? 'rv:70000000000000;' : '';
      const expected = metric === 'malformed' ? item.traceState : `ot=${rv}th:0`;
      assert.deepEqual(
        open.kept.map(({ traceState }) => traceState),
        [expected],
        name,
      );
    }
  }
});

/** Test_tracessamplerprocessor_MissingRandomness; what is written is the Collector's, too. */
test('spans without a trace id are kept unless fail_closed or 0 percent', async () => {
  for (const [percent, closed, kept] of [
    [0, true, false],
    [62, true, false],
    [100, true, false],
    [0, false, false],
    [62, false, true],
    [100, false, true],
  ] as const) {
    const config = { sampling_percentage: percent, hash_seed: 4312, fail_closed: closed };
    const result = await sample('traces', config, [{ traceId: new Uint8Array(16), name: 'testing' }]);
    assert.deepEqual(
      result.kept.map(({ traceState }) => traceState),
      kept ? ['ot=rv:ffffffffffffff;th:0'] : [],
    );
    assert.equal(result.context.meter.total('remora_sampling_missing_randomness_items'), percent === 0 ? 0 : 1);
  }
});

/** Test_tracesamplerprocessor_SpanSamplingPriority and Test_parseSpanSamplingPriority. */
test('sampling.priority keeps and drops spans, as number or text', async () => {
  // Randomness 0: kept by 100 % only.
  const id = traceId('01000000000000000000000000000000');
  const priorities: readonly [value: object, fate: 'keep' | 'drop' | 'defer'][] = [
    [{ intValue: 2 }, 'keep'],
    [{ doubleValue: 1 }, 'keep'],
    [{ stringValue: '1' }, 'keep'],
    [{ intValue: 0 }, 'drop'],
    [{ doubleValue: 0 }, 'drop'],
    [{ doubleValue: -0 }, 'drop'],
    [{ stringValue: '0' }, 'drop'],
    [{ stringValue: '0.0' }, 'drop'],
    [{ stringValue: '0.5' }, 'keep'],
    [{ stringValue: 'Inf' }, 'keep'],
    [{ stringValue: '1e999' }, 'defer'],
    [{ intValue: -1 }, 'defer'],
    [{ doubleValue: -1 }, 'defer'],
    [{ doubleValue: NaN }, 'defer'],
    [{ stringValue: '-0.5' }, 'defer'],
    [{ stringValue: 'NaN' }, 'defer'],
    [{ stringValue: 'high' }, 'defer'],
    [{ stringValue: '' }, 'defer'],
    [{ boolValue: true }, 'defer'],
    [{}, 'defer'],
  ];
  for (const mode of ['hash_seed', 'equalizing', 'proportional']) {
    for (const percent of [0, 100]) {
      for (const [value, fate] of priorities) {
        const attributes = [
          { key: 'no.sampling.priority', value: { intValue: 0 } },
          { key: 'sampling.priority', value: { ...value } },
          { key: 'sampling.priority', value: { intValue: 0 } },
        ];
        const config = { mode, sampling_percentage: percent, hash_seed: 4312 };
        const { kept } = await sample('traces', config, [{ traceId: id, attributes }]);
        const isKept = fate === 'keep' || (fate === 'defer' && percent === 100);
        assert.equal(kept.length, isKept ? 1 : 0, `${mode} ${percent} ${JSON.stringify(value)}`);
        if (isKept) assert.match(kept[0]?.traceState ?? '', /th:0$/);
      }
    }
  }
});

/** Test_tracesamplerprocessor_HashSeedTraceState. */
test('hash_seed writes the threshold of its buckets and randomness that agrees with it', async () => {
  const random = seededRandom('hash');
  const ids = Array.from({ length: 200 }, () => Buffer.from(Array.from({ length: 16 }, () => random() * 256)));
  for (const [percent, th] of [
    [100, '0'],
    [75, '4'],
    [50, '8'],
    [25, 'c'],
    [10, 'e668'],
    [100 / 3, 'aaac'],
  ] as const) {
    const config = { sampling_percentage: percent, hash_seed: 4312 };
    const { kept } = await sample(
      'traces',
      config,
      ids.map((id) => ({ traceId: id })),
    );
    assert.ok(Math.abs(kept.length / 2 - percent) < 15, `${kept.length / 2} % of ${percent} %`);
    for (const { traceState = '' } of kept) {
      const [, rv = '', written] = /^ot=rv:([0-9a-f]{14});th:([0-9a-f]+)$/.exec(traceState) ?? [];
      assert.equal(written, th);
      assert.ok(rv >= th.padEnd(14, '0'), traceState);
    }
  }
});

/** TestHashingFunction: seed, trace id, and whether 50 % keeps it. */
const HASHED: readonly [seed: number, id: string, kept: boolean][] = [
  [653, '474a03c76d75951a4b4c537ced8f1122', true],
  [563, '53a518291e91307e43cd8467bb06f986', true],
  [142, 'a56a02f843b9bc6ee0b13889249e90e6', true],
  [904, '4e40762d3ee97a1c0932e4fa584f89a8', false],
  [445, '5224507db93db513f0ea2a4b4e0578c8', true],
  [38, '0c8717ced36216037af657e9d7f8b35b', true],
  [561, '2a8aa76c18d08e1e8be935541f9318c7', false],
  [757, '9e3d0f9481dc422cb613ea550897ae71', false],
  [22, '66a66c516ac22054673e5da5e6492545', false],
  [172, '84a1ce7bcea3e66194e72b4aa2694e31', true],
  [552, 'a811a7def34ca4b98d8e320afd115fad', false],
  [546, 'e3a345cc8dbb6f014bfa1edad3981820', true],
  [315, 'a71effb50e28d27cbdc9892f3765b8c2', false],
  [510, '55ee665a3fa22f8ea1b744ce15a7339d', false],
  [230, '7a5006be4d0ce7b542d59f83cd6f1c41', false],
  [544, '825b8fb9cfd45867794f4cd8a5a699bd', false],
  [790, '7629ecbea89398bfd9752a2f51c2c137', true],
  [555, 'de6cdfb44d69e211f886c57120d7bda0', true],
  [147, 'a8a5c3bb9205883fae17ead6675b2450', false],
  [238, '937e6cb3332dbe87062fa3997f48f425', false],
  [122, '5a357e150995e005847816c431ba502d', false],
  [963, '20cb3dcebe2cf8abe6102f4a2e548245', false],
  [141, '1b0afbd09abaaf7996cd26f8f6533795', false],
  [666, '3ee60b013303bcfda06be89071b90bd1', true],
  [305, 'c90c7cf3471bbc3a804a8a831633705b', true],
  [270, '18dda74dfca45a7b0261510f385fb4de', true],
  [381, '600cf70c7bb4918e54aefd78c84f3996', true],
  [35, '855f493c5b5b1e2fcbc9993f8061eac8', false],
  [839, '89bc498feb21d969cf0eabf916aa621a', false],
  [561, '0a0af00f63e098a39883705a423b0aa8', true],
  [667, '0c38553d71f54dfc37155c22cc8bf243', false],
  [603, '49493809d1a49ea879e6aba37afde958', true],
  [92, 'eb60d98b8f8fe22d8970f44f0e2b6bad', true],
  [70, '19c386ee7a9f2d56ff9ab2e6374540af', false],
  [567, '2a033c15405f1c7a311f653719ed47b7', false],
  [936, '62dda24e4be24f5198e4d8dd4010c811', true],
  [210, 'bb134e26ee92e282e29cabdb1d00d333', true],
  [835, '6c77db08bbded7bdd5c99c6e2fea41d2', false],
  [864, '99f6a7e7b50845b4fb64b7c2ee49f53c', true],
  [775, 'e908cb91224bee8fd4b5f3632f65717f', true],
  [687, '45a5ace7234d92d9983b4f3858bc0b8e', false],
  [761, '8c8a25d232fd4d3a37a5f70ccb82d752', false],
  [400, '54156d7434a894ef07f2a80dbf0f1138', true],
  [741, '67e3bfb02b0526dbb79420468d7b83dd', false],
  [871, 'f6ea221283dcb42f89bfb15fa33398d2', false],
  [244, 'b663ca45004decf8123a19fb5d7f7115', true],
  [885, 'd0e299d54d6dc6469276fd4e48301d73', true],
  [607, '03240c2748aa67a185909a9345d84aba', false],
  [434, 'b00de72ba67e6fe0ed661decac911f7e', true],
  [889, '20fff68a7cc715b30e4e6d69d53e0f60', false],
  [810, '6bf2bb105e594f6220803da5253551af', false],
  [494, '54fbb1d3ebe3883b0a01bbf2c9a2bf3e', true],
  [413, 'a8a2ecba129d8537e360cf54de9d7460', false],
  [215, '2df034262b775136f2a313fdcc09738a', true],
  [557, 'e3c1b943d9c1199d1108a69aa32a4587', false],
  [662, '1975d5f5640bac1064d53c2c21e02aae', false],
  [482, '6e4f16727dec3c09539b5f50d35d2c13', false],
  [223, '63a088446ef0ed60a9cace4698ede026', false],
  [261, '9b662cd6f67a4e3d1f904b4c5d4275b1', true],
  [112, 'a2db788dbadc402b8c466b93b8749a6c', true],
  [6, 'd6a68b47c66d1f94eed46b8ddc72faf4', false],
  [575, 'e8a83c42f4515568d0942ec4472c9d2c', true],
  [568, '030e14c2954e3f08134b355f33414ba9', false],
  [965, '022315846d42a38322d6fd26250444b3', true],
  [512, 'b3ba1ed226288dede87ac1f2ba88de2b', true],
  [108, 'c57d0dcf43d5b154ef04c7953c94cd12', true],
  [248, 'a835fe521d9cbfcfb724b603f87c7403', false],
  [46, 'eda867e6df95e74abefac336c7f4cd1a', false],
  [879, '09e9e67a261ea3e00d817105b57ffd4e', false],
  [853, '6a780cf250cb3d2b699394042e6723a8', false],
  [639, '4c99d7f14c66b3123caf57980f8e2a31', false],
  [111, '79dc8d7a54bc3e8ef513b9cd8d830564', true],
  [135, '9c2e5d9d713e5219b0f9e5b884835e69', false],
  [209, '3ccb300bf7b983229979e0c46db267b0', true],
  [629, '0bb7b9da64da250c3934bb39130dc990', true],
  [910, 'b25713ca4cea377871eaa334bc2dd382', true],
  [667, '69afc041003851cec60f41db97e005a9', true],
  [449, 'c844b5428abe0cf82eaf02566781870a', true],
  [16, '2533c732bed8c1ba4721c25a1205f06c', false],
  [936, 'ecc770b4be885dfc8d6fa135bc2c93bb', true],
  [595, '63b67cbb42de52e9916241ad94fcd5e8', true],
  [83, 'fc4998bc53ccd42a5b8e7c86a93d4c88', false],
  [878, '59f0677dffe1a0a8c5895cb263e3a019', false],
  [206, 'eb897eff9e7c7363e063b340a0c6b315', true],
  [710, '89e4c7e6af305be6cd139abcae953db5', true],
  [650, '97563d45ee254231e1ace05fb746bcce', false],
  [233, '3f580864f295ff13f179c3c907032ea9', true],
  [836, 'e9b78e03706265a6936bff2a41530104', false],
  [568, 'c458603ee921fa8711085c15b871b245', false],
  [816, '4bbfffab5b5975c1b007ebc518bf416d', false],
  [397, '61a1a65746287d78a431c6848ed1ffb3', false],
  [847, '53eee02f4672a72e93369b2c2ecf36eb', false],
  [354, '6ea23c3068a2c304488c8e67a072db97', false],
  [961, 'eed247645e510ded87bd9afcf1d3e237', false],
  [799, '092af4ff2fdea5bb1c708b2169bdfd95', false],
  [99, '497f02db51c898ac441aae18a8b7ced9', false],
  [773, '988481445600bb91bbe23e3103034bcd', true],
  [928, 'f1813835ac0f456721ef3aac39c0269a', true],
  [235, '1999920085682c007eb3a6984d2a7f05', true],
  [460, '60c3b9a2dde734d71ba5cca7eb164bce', true],
];

test('hash_seed decides as the Collector always did', async () => {
  for (const [seed, id, isKept] of HASHED) {
    const { kept, context } = await sample('traces', { hash_seed: seed, sampling_percentage: 50 }, [
      { traceId: traceId(id) },
    ]);
    assert.equal(kept.length === 1, isKept, id);
    const [decisions] = context.decisions.find('probabilistic_sampler');
    assert.equal(decisions?.fateOf(traceId(`00${id}`), 1), isKept ? 'kept' : 'dropped');
  }
});

/** sampler_mode_test.go TestHashSeedRoundingDown: three quarters of a bucket are none. */
test('hash_seed rounds down to buckets, and nothing is kept below the first', async () => {
  const { kept, context } = await sample('traces', { sampling_percentage: (3 / 2 ** 16) * 100, hash_seed: 4312 }, [
    { traceId: traceId(ALWAYS_ID) },
  ]);
  assert.equal(kept.length, 0);
  assert.deepEqual(
    context.meter.made('remora_sampling_ratio_asked').map(([, value]) => value),
    [0],
  );
});

test('hash_seed has no say about what was sampled before', async () => {
  const items = [
    { traceId: traceId(DEFAULT_ID), traceState: 'ot=rv:80000000000000' },
    { traceId: traceId(DEFAULT_ID), traceState: 'ot=th:4,zz=1 ' },
  ];
  const closed = await sample('traces', { sampling_percentage: 100 }, items);
  assert.equal(closed.kept.length, 0);
  assert.equal(closed.context.meter.total('remora_processor_probabilistic_sampler_in_use_items'), 2);
  const open = await sample('traces', { sampling_percentage: 1, fail_closed: false }, items);
  const states = (of: readonly Item[]) => of.map(({ traceState }) => traceState);
  assert.deepEqual(states(open.kept), states(items), 'untouched');
  assert.ok(Math.abs(open.context.meter.total('remora_sampling_adjusted_items') - (1 + 4 / 3)) < 1e-9);
});

/** Test_tracesamplerprocessor_SamplingMetricsCountSpans. */
test('spans are counted by policy, with what they stand for', async () => {
  const name = 'otelcol_processor_probabilistic_sampler_count_traces_sampled';
  const count = (meter: Awaited<ReturnType<typeof sample>>['context']['meter'], policy: string, sampled: string) =>
    meter.value(name, { processor: 'probabilistic_sampler', policy, sampled });
  const three = Array.from({ length: 3 }, () => ({ traceId: traceId(`01${'0'.repeat(30)}`) }));
  const all = await sample('traces', { sampling_percentage: 100, hash_seed: 4312 }, three);
  assert.equal(count(all.context.meter, 'trace_id_hash', 'true'), 3);
  assert.equal(all.context.meter.total(name), 3);
  const { context } = await sample('traces', { mode: 'equalizing', sampling_percentage: 25 }, [
    { traceId: traceId(ALWAYS_ID) },
    { traceId: traceId(DEFAULT_ID) },
    { traceId: traceId(DEFAULT_ID), traceState: 'ot=rv:ffffffffffffff;th:e' },
    { traceId: traceId(DEFAULT_ID), attributes: [{ key: 'sampling.priority', value: { intValue: 1 } }] },
    {},
  ]);
  assert.equal(count(context.meter, 'trace_id_w3c', 'true'), 1);
  assert.equal(count(context.meter, 'trace_id_w3c', 'false'), 1);
  assert.equal(count(context.meter, 'sampling_randomness', 'true'), 1);
  assert.equal(count(context.meter, 'sampling_priority', 'true'), 1);
  assert.equal(count(context.meter, 'missing_randomness', 'false'), 1);
  assert.equal(context.meter.total('remora_sampling_adjusted_items'), 4 + 8 + 1);
  const labels = { processor: 'probabilistic_sampler', pipeline: 'traces', signal: 'traces' };
  assert.equal(context.meter.value('remora_sampling_missing_randomness_items', labels), 1);
  assert.deepEqual(context.meter.made('remora_sampling_ratio_asked'), [[{ key: '' }, 0.25]]);
  assert.deepEqual(context.meter.made('remora_sampling_ratio_got'), [[{ key: '' }, 3 / 5]]);
});

test('nothing is counted or dropped until the next one accepted what was kept', async () => {
  const { processor, sink, context } = await makeSampler('traces', { mode: 'proportional', sampling_percentage: 50 });
  const batch = batchOf('traces', [{ traceId: traceId(ALWAYS_ID) }, { traceId: traceId(`ff${'0'.repeat(30)}`) }]);
  sink.answer = () => ({ status: 'retry', reason: new Error('full') });
  assert.equal((await processor.consume(batch, NEVER)).status, 'retry');
  assert.equal(context.meter.total('otelcol_processor_probabilistic_sampler_count_traces_sampled'), 0);
  assert.equal(context.account.droppedItems, 0);
  sink.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  assert.equal((await processor.consume(batch, NEVER)).status, 'accepted');
  assert.equal(context.meter.total('otelcol_processor_probabilistic_sampler_count_traces_sampled'), 2);
  assert.equal(context.account.dropped.get('sampling'), 1);
  assert.equal(context.meter.total('remora_sampling_adjusted_items'), 2);
});

test('a second sampler of the same rule keeps what the first one kept, and what it stands for', async () => {
  const random = seededRandom('second');
  const items = Array.from({ length: 500 }, () => ({
    traceId: Buffer.from(Array.from({ length: 16 }, () => random() * 256)),
  }));
  const config = { mode: 'equalizing', sampling_percentage: 12.5 };
  const first = await sample('traces', config, items);
  const second = await sample('traces', config, first.kept);
  assert.deepEqual(second.kept, first.kept);
  assert.equal(second.sink.batches.length, 1);
  const weight = adjustedCount(parseThreshold('e') ?? assert.fail());
  assert.equal(second.context.meter.total('remora_sampling_adjusted_items'), first.kept.length * weight);
});

test('an id of zeros has no fate', async () => {
  const { context } = await makeSampler('traces', { sampling_percentage: 100 });
  const [decisions] = context.decisions.find('probabilistic_sampler');
  assert.equal(decisions?.fateOf(new Uint8Array(16), 0), 'unknown');
  assert.equal(decisions.fateOf(traceId(DEFAULT_ID), 0), 'kept');
  const never = await makeSampler('traces', { sampling_percentage: 0 });
  assert.equal(never.context.decisions.find('probabilistic_sampler')[0]?.fateOf(traceId(ALWAYS_ID), 0), 'dropped');
});
