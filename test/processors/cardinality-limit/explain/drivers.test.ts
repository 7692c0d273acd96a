import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDrivers } from '../../../../src/processors/cardinality-limit/explain/drivers.ts';
import { MetricAnalysis } from '../../../../src/processors/cardinality-limit/explain/metric-analysis.ts';
import { PointLabels } from '../../../../src/processors/cardinality-limit/explain/point-labels.ts';
import { seenPoint, reversedPair, type SeenFrom } from '../../../support/seen-points.ts';

const LIMIT = 2000;

function analyse(points: Iterable<SeenFrom>, limits = { labels: 32, samples: 5 }): MetricAnalysis {
  const analysis = new MetricAnalysis(limits);
  const labels = new PointLabels(42);
  for (const point of points) {
    const { place, start, end } = seenPoint(point);
    labels.read(place, start, end);
    analysis.add(labels);
  }
  return analysis;
}

/** Each driver as the names of its labels, with what would be left. */
function driversOf(analysis: MetricAnalysis, limit = LIMIT): Map<string, number> {
  const named = findDrivers(analysis, limit / 2).map(({ labels, seriesWithout }): [string, number] => {
    const names = labels.map((index) => analysis.labels[index]?.key ?? '');
    return [names.sort().join('+'), seriesWithout];
  });
  return new Map(named);
}

function about(actual: number | undefined, expected: number, share = 0.15): void {
  assert.ok(actual !== undefined && Math.abs(actual / expected - 1) <= share, `${actual} is not about ${expected}`);
}

const METHODS = ['GET', 'PUT', 'POST', 'DELETE'];
const STATUSES = [200, 404, 500];

function* times(count: number, make: (i: number) => SeenFrom): Generator<SeenFrom> {
  for (let i = 0; i < count; i++) yield make(i);
}

const method = (i: number): string => METHODS[i % 4] ?? '';
const status = (i: number): number => STATUSES[(i >> 2) % 3] ?? 0;

test('one label that explodes is named, with what would be left without it', () => {
  const analysis = analyse(
    times(12_410, (i) => ({
      point: { method: method(i), status: status(i), user_id: `user-${Math.max(0, i - 10)}` },
      resource: { 'service.name': 'shop', 'service.instance.id': 'shop-1' },
      scopeName: 'http',
    })),
  );
  assert.deepEqual([...driversOf(analysis).keys()], ['user_id']);
  assert.equal(driversOf(analysis).get('user_id'), 12);
  const user = analysis.labels.find(({ key }) => key === 'user_id');
  about(user?.values.count(), 12_400);
  about(analysis.series.count(), 12_410);
});

test('labels that change together are named together, whether one to one or one to many', () => {
  const together = analyse(
    times(8000, (i) => ({ point: { method: method(i), user_id: `u${i >> 1}`, session_id: `s${i >> 1}` } })),
  );
  assert.deepEqual([...driversOf(together).keys()], ['session_id+user_id']);
  const many = analyse(
    times(12_000, (i) => ({
      point: { method: method(i), user_id: `u${Math.floor(i / 12)}`, session_id: `s${i >> 2}` },
    })),
  );
  assert.deepEqual([...driversOf(many)], [['session_id+user_id', 4]]);
});

test('a product of two moderate labels names both, each of which would do', () => {
  const analysis = analyse(
    times(3000, (i) => ({ point: { path: `/p${i % 50}`, customer: `c${Math.floor(i / 50)}`, ok: i % 3 === 0 } })),
  );
  const drivers = driversOf(analysis);
  assert.deepEqual([...drivers.keys()].sort(), ['customer', 'path']);
  const seldom = analyse(times(12_000, (i) => ({ point: { customer: `c${i >> 2}`, method: method(i) } })));
  assert.deepEqual([...driversOf(seldom)], [['customer', 4]], 'four methods are no reason for twelve thousand series');
});

test('two labels that each would leave too many are named together', () => {
  const analysis = analyse(
    times(12_000, (i) => ({ point: { user: `u${i}`, path: `/p/${(i * 7919) % 11_987}`, method: method(i) } })),
  );
  assert.deepEqual([...driversOf(analysis)], [['path+user', 4]]);
});

test('a label of the resource that is made anew by each restart is named as one of the resource', () => {
  const analysis = analyse(
    times(5000, (i) => ({
      point: { method: method(i) },
      resource: { 'service.name': 'shop', 'service.instance.id': `i-${i >> 2}`, 'k8s.pod.name': `shop-${i >> 2}` },
    })),
  );
  assert.deepEqual([...driversOf(analysis)], [['k8s.pod.name+service.instance.id', 4]]);
  const [index = -1] = findDrivers(analysis, LIMIT / 2)[0]?.labels ?? [];
  assert.equal(analysis.labels[index]?.source, 'resource');
});

test('a key of a point and the same key of a resource are two labels', () => {
  const analysis = analyse(times(3000, (i) => ({ point: { id: `${i}` }, resource: { id: 'one' } })));
  const [driver] = findDrivers(analysis, LIMIT / 2);
  assert.deepEqual(
    driver?.labels.map((index) => analysis.labels[index]?.source),
    ['point'],
  );
});

test('scopes that are made anew are named by the name of the scope', () => {
  const analysis = analyse(times(3000, (i) => ({ point: { method: method(i) }, scopeName: `request ${i >> 2}` })));
  assert.deepEqual([...driversOf(analysis)], [['otel.scope.name', 4]]);
  const scope = analysis.labels.find(({ key }) => key === 'otel.scope.name');
  assert.match(scope?.samples.texts[0] ?? '', /^request \d+$/);
});

test('keys without end are named as those beyond the labels that are told apart', () => {
  const analysis = analyse(
    times(3000, (i) => ({ point: { method: method(i), [`key_${i}`]: 'x' } })),
    {
      labels: 4,
      samples: 2,
    },
  );
  assert.deepEqual([...driversOf(analysis).keys()], ['_other']);
  assert.equal(analysis.labels.length, 5);
  assert.deepEqual(analysis.labels[0]?.samples.texts, []);
});

test('a label that comes later takes over what was there before it', () => {
  const analysis = analyse(
    (function* () {
      yield* times(1500, (i) => ({ point: { path: `/p${i}` } }));
      yield* times(1500, (i) => ({ point: { path: `/p${i}`, zone: 'a' } }));
    })(),
  );
  const zone = analysis.labels.find(({ key }) => key === 'zone');
  about(zone?.without.count(), 1500);
  assert.equal(zone?.values.count(), 1);
  assert.deepEqual([...driversOf(analysis)], [['path', 2]]);
});

test('neither the order of attributes nor how often a series comes changes anything', () => {
  const analysis = analyse([
    { point: { a: 'x', b: 1 } },
    { point: { b: 1, a: 'x' } },
    { point: { a: 'x' }, raw: [reversedPair('b', 1)] },
    { point: { a: 'x', b: 1 } },
  ]);
  assert.equal(analysis.series.count(), 1);
  assert.equal(analysis.sample.rows, 1);
});

test('more labels that change together than a person could act on are not named, and nothing is named of nothing', () => {
  const wide = analyse(
    times(4000, (i) => ({ point: Object.fromEntries(Array.from({ length: 20 }, (_, j) => [`l${j}`, `${i}`])) })),
  );
  assert.deepEqual([...driversOf(wide).keys()], [], '20 labels that change together are no answer');
  assert.deepEqual(findDrivers(new MetricAnalysis({ labels: 3, samples: 0 }), 10), []);
});

test('samples are some of the different values, as many as wanted, and none where none are wanted', () => {
  const points = [...times(500, (i) => ({ point: { user: `user-${i % 100}`, n: i } }))];
  const shown = analyse(points).labels.find(({ key }) => key === 'user')?.samples.texts ?? [];
  assert.equal(new Set(shown).size, 5);
  for (const text of shown) assert.match(text, /^user-\d+$/);
  const hidden = analyse(points, { labels: 32, samples: 0 });
  for (const { samples } of hidden.labels) assert.deepEqual(samples.texts, []);
});

test('values are shown short and harmless', () => {
  const shown = (value: Parameters<typeof reversedPair>[1]): string | undefined =>
    analyse([{ point: { v: value } }]).labels[1]?.samples.texts[0];
  assert.equal(shown('x'.repeat(100_000)), `${'x'.repeat(64)}…`);
  assert.equal(shown('\u{1f600}'.repeat(65)), `${'\u{1f600}'.repeat(32)}…`);
  assert.equal(shown('a\n\u001b[31m\u202eb\u2028\u0000'), 'a\\u{a}\\u{1b}[31m\\u{202e}b\\u{2028}\\u{0}');
  assert.equal(shown(12.5), '12.5');
  assert.equal(shown(false), 'false');
  assert.equal(shown(['a', 1]), '["a",1]');
  assert.equal(shown(new Uint8Array(5000)), '(5003 bytes)');
});
