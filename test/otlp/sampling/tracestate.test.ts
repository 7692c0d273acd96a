import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hexText } from '../../../src/otlp/sampling/bits56.ts';
import { encodeThreshold, parseThreshold, thresholdOf } from '../../../src/otlp/sampling/threshold.ts';
import { TraceState } from '../../../src/otlp/sampling/tracestate.ts';
import { Writer } from '../../../src/otlp/writer.ts';

/** Read from the middle of something, so that ends matter. */
function read(text: string, state = new TraceState()): TraceState {
  return state.read(Buffer.from(`;${text},`, 'latin1'), 1, text.length + 1);
}

function written(state: TraceState): string {
  const writer = new Writer(1);
  state.write(writer);
  assert.equal(writer.pos, state.encodedBytes());
  return Buffer.from(writer.takeView()).toString('latin1');
}

const threshold = (text: string) => parseThreshold(text) ?? assert.fail(text);

/** What is read of it: [th, rv], each empty when absent; undefined: malformed. */
function fieldsOf(text: string): [string, string] | undefined {
  const state = read(text);
  if (state.status === 'malformed') return undefined;
  return [
    state.hasThreshold ? encodeThreshold(state.threshold) : '',
    state.hasRandomness ? hexText(state.randomness) : '',
  ];
}

const long = (length: number): string => '_'.repeat(length);

/** Collector, pkg/sampling: oteltracestate_test.go TestParseOpenTelemetryTraceState, as the entry ot. */
const OT: readonly [text: string, expected: [string, string] | undefined][] = [
  ['th:2', ['2', '']],
  ['th:ab', ['ab', '']],
  ['th:abcdefabcdefab', ['abcdefabcdefab', '']],
  ['th:1000', ['1', '']],
  ['th:0', ['0', '']],
  ['', undefined],
  ['th:1;', undefined],
  ['th:1=p:2', undefined],
  ['th:1;p:2=s:3', undefined],
  [':1;p:2=s:3', undefined],
  [':;p:2=s:3', undefined],
  [':;:', undefined],
  [':', undefined],
  ['th:;p=1', undefined],
  ['th:', undefined],
  ['th:$', undefined],
  ['th:0x1p+3', undefined],
  ['th:14.5', undefined],
  ['th:-1', undefined],
  ['th:ffffffffffffffff', undefined],
  ['th:100000000000000', undefined],
  ['e100:1', ['', '']],
  ['e1:1;e2:2', ['', '']],
  ['th:2;extra:stuff', ['2', '']],
  ['extra:stuff;th:2', ['2', '']],
  ['e100:100;th:1;e101:101', ['1', '']],
  ['1:1;u:V', undefined],
  ['X:1;u:V', undefined],
  ['x:1;u:V', ['', '']],
  ['rv:22222222222222;extra:stuff', ['', '22222222222222']],
  ['extra:stuff;rv:22222222222222', ['', '22222222222222']],
  ['rv:ffffffffffffff', ['', 'ffffffffffffff']],
  ['rv:100000000000000', undefined],
  ['rv:fffffffffffffffff', undefined],
  ['rv:3;p:2', undefined],
  ['x:1;', undefined],
  ['x:', ['', '']],
  ['x:0X1FFF;y:.-_-.;z:', ['', '']],
  ['x1y2z3:1-2-3;y1:y_1;xy:-;th:50', ['5', '']],
  [`x:${long(255)}`, undefined],
  [`x:${long(254)}`, ['', '']],
  ['a:b;;c:d', undefined],
  ['th:2;th:3', ['3', '']],
  ['th:2;th:g', undefined],
];

test('the entry ot is read as the Collector reads it', () => {
  for (const [text, expected] of OT) assert.deepEqual(fieldsOf(`ot=${text}`), expected, text);
});

/** Collector, pkg/sampling: w3ctracestate_test.go TestParseW3CTraceState and TestIsValidW3CTraceState. */
const W3C: readonly [text: string, expected: [string, string] | undefined][] = [
  ['', ['', '']],
  ['ot=th:1', ['1', '']],
  [' ot=th:1 ', ['1', '']],
  [' ot=th:1,other=value ', ['1', '']],
  [',,,', ['', '']],
  [' , ot=th:1, , other=value ', ['1', '']],
  ['ot=th:100;rv:abcdabcdabcdff', ['1', 'abcdabcdabcdff']],
  ['ot=th:100;rv:abcdabcdabcdff ', ['1', 'abcdabcdabcdff']],
  ['ot=rv:11111111111111', ['', '11111111111111']],
  ['ot=rv:ffffffffffffff,unknown=value,other=something', ['', 'ffffffffffffff']],
  ['ot=th:c;rv:d29d6a7215ced0;pn:abc,zz=vendorcontent', ['c', 'd29d6a7215ced0']],
  ['-1=2', undefined],
  ['=', undefined],
  [`${'x'.repeat(257)}=v`, undefined],
  [`${'x'.repeat(256)}=v`, ['', '']],
  [`${'x'.repeat(242)}@y=v`, undefined],
  [`${'x'.repeat(241)}@y=v`, ['', '']],
  [`y@${'x'.repeat(15)}=v`, undefined],
  [`y@${'x'.repeat(14)}=v`, ['', '']],
  [`x=${'y'.repeat(1023)}`, undefined],
  [`x=${'y'.repeat(257)}`, undefined],
  [`x=${'y'.repeat(256)}`, ['', '']],
  [`${'x=y,'.repeat(32)}x=y`, undefined],
  // The scanner says 32 and stops at the 32nd.
  [`${'x=y,'.repeat(31)}x=y`, undefined],
  [`${'x=y,'.repeat(30)}x=y`, ['', '']],
  ['tenant@system=value', ['', '']],
  ['key_with_underscore=value', ['', '']],
  ['key-with-dash=value', ['', '']],
  ['key*with*star=value', ['', '']],
  ['key/with/slash=value', ['', '']],
  ['0tenant@system=value', ['', '']],
  ['key=value ', ['', '']],
  ['key= value', ['', '']],
  ['key=value\t', ['', '']],
  ['=value', undefined],
  ['KEY=value', undefined],
  ['key=', undefined],
  ['1abc=value', undefined],
  ['@system=value', undefined],
  ['tenant@=value', undefined],
  ['tenant@1system=v', undefined],
  ['key=val\x00ue', undefined],
  ['key=val\x1fue', undefined],
  ['key\x00=value', undefined],
  ['key=value\x7f', undefined],
  ['key=va\x80lue', undefined],
  ['a b=value', undefined],
  ['novalue', undefined],
  ['ot=th:8,ot=th:c', ['c', '']],
];

test('a tracestate is read as the Collector reads it', () => {
  for (const [text, expected] of W3C) assert.deepEqual(fieldsOf(text), expected, text.slice(0, 40));
});

test('a threshold and randomness are written as the Collector writes them', () => {
  // Collector, pkg/sampling: oteltracestate_test.go, w3ctracestate_test.go ExampleW3CTraceState_Serialize.
  const raised = (text: string, th: string): string => {
    const state = read(text);
    state.raiseThreshold(threshold(th));
    return written(state);
  };
  assert.equal(raised('', 'c'), 'ot=th:c');
  assert.equal(raised('ot=rv:abcdefabcdefab', '3'), 'ot=rv:abcdefabcdefab;th:3');
  assert.equal(raised('zz=1,ot=a:b;rv:FD70A3D70A3D71,yy=2', 'fd70a'), 'ot=rv:FD70A3D70A3D71;th:fd70a;a:b,zz=1,yy=2');
  assert.equal(raised(' , zz=1 ,, y y=2', 'c'), '', 'malformed');
  assert.equal(raised(' , zz=1 ,, yy=a b', 'c'), 'ot=th:c,zz=1,yy=a b');
  const state = read('ot=a:b');
  state.raiseThreshold(threshold('3'));
  state.setRandomness({ high: 0, low: 3 });
  assert.equal(written(state), 'ot=rv:00000000000003;th:3;a:b');
});

test('a threshold is only ever raised', () => {
  // Collector, pkg/sampling: oteltracestate_test.go TestUpdateTValueWithSampling.
  const cases: [text: string, probability: number, isRaised: boolean, out: string][] = [
    ['ot=th:8', 2 / 16, true, 'ot=th:e'],
    ['ot=th:8', 14 / 16, false, 'ot=th:8'],
    ['ot=th:f', 8 / 16, false, 'ot=th:f'],
    ['ot=th:0', 1 / 16, true, 'ot=th:f'],
    ['', 1 / 16, true, 'ot=th:f'],
    ['', 1, true, 'ot=th:0'],
    ['ot=th:8', 1, false, 'ot=th:8'],
    ['ot=th:0', 2 ** -56, true, 'ot=th:ffffffffffffff'],
    ['ot=th:555', 0x555 / 2 ** 12, true, 'ot=th:aab'],
    ['ot=th:8000', 0.5, true, 'ot=th:8'],
    ['ot=th:8000', 0.6, false, 'ot=th:8000'],
  ];
  for (const [text, probability, isRaised, out] of cases) {
    const state = read(text);
    assert.equal(state.raiseThreshold(thresholdOf(probability, 14)), isRaised, text);
    assert.equal(written(state), out);
  }
});

test('an erased threshold is gone, and a smaller one may follow it', () => {
  const state = read('ot=a:b;rv:12341234123412;th:1234,zz=1');
  state.eraseThreshold();
  assert.equal(written(state), 'ot=rv:12341234123412;a:b,zz=1');
  assert.equal(state.raiseThreshold(threshold('0')), true);
  assert.equal(written(state), 'ot=rv:12341234123412;th:0;a:b,zz=1');
  const alone = read('ot=th:8');
  alone.eraseThreshold();
  assert.equal(alone.changed, true);
  assert.equal(written(alone), '');
});

test('what comes out as it went in has not changed', () => {
  const same = read('ot=rv:90000000000000;th:8;x:1,zz=1');
  assert.equal(same.changed, false);
  same.raiseThreshold(threshold('8'));
  assert.equal(same.changed, false);
  const untidy = read('ot=th:8,zz=1 ');
  assert.equal(untidy.changed, false, 'nobody set anything');
  untidy.raiseThreshold(threshold('8'));
  assert.equal(untidy.changed, true);
});

test('what is malformed cannot be changed', () => {
  const state = read('ot=th:8;rv:3');
  assert.equal(state.status, 'malformed');
  assert.equal(state.hasThreshold, false);
  assert.equal(state.raiseThreshold(threshold('c')), false);
  state.setRandomness({ high: 1, low: 1 });
  state.eraseThreshold();
  assert.equal(state.changed, false);
});

test('one object reads one text after the other', () => {
  const state = new TraceState();
  for (const [text, expected] of [...OT.map(([ot, e]) => [`ot=${ot}`, e] as const), ...W3C]) {
    read(text, state);
    assert.equal(state.status === 'malformed', expected === undefined, text.slice(0, 40));
    assert.equal(state.hasThreshold, expected !== undefined && expected[0] !== '');
    assert.equal(state.hasRandomness, expected !== undefined && expected[1] !== '');
  }
});

test('entries of others survive in their order, whatever is set', () => {
  const member = fc.tuple(fc.stringMatching(/^[a-np-z][a-z0-9_*/-]{0,8}$/), fc.stringMatching(/^[!-+\--<>-~]{1,9}$/));
  const members = fc.array(member, { maxLength: 20 });
  fc.assert(
    fc.property(members, members, fc.double({ min: 0.001, max: 1, noNaN: true }), (before, after, probability) => {
      const others = [...before, ...after].map(([key, value]) => `${key}=${value}`);
      fc.pre(others.length <= 30);
      const texts = [...others];
      texts.splice(before.length, 0, 'ot=x:1');
      const state = read(texts.join(' ,\t'));
      assert.equal(state.status, 'plain');
      state.raiseThreshold(thresholdOf(probability));
      const expected = [`ot=th:${encodeThreshold(thresholdOf(probability))};x:1`, ...others].join(',');
      assert.equal(written(state), expected);
    }),
  );
});

test('any bytes are read or called malformed', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...Array.from('ot=th:rv;,@ \tab01\x00\x80A')), maxLength: 60 }),
      (text) => {
        const state = read(text);
        if (state.status === 'malformed' || !state.raiseThreshold(threshold('ffffffffffffff'))) return;
        const again = read(written(state));
        assert.equal(again.status, 'plain');
        assert.equal(encodeThreshold(again.threshold), 'ffffffffffffff');
      },
    ),
    { numRuns: 3000 },
  );
});
