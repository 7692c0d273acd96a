import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adminPage, reportOf } from './page-of.ts';
import { ExplainRig } from './rig.ts';
import { changingMetric, type SeenFrom } from '../../../support/seen-points.ts';

const byUser = (i: number): SeenFrom => ({ point: { method: 'GET', user_id: `user-${i}` }, resource: { zone: 'a' } });

test('a metric with room is not told of; near and over its limit it is, with the label and since when', async () => {
  const rig = new ExplainRig();
  const metric = changingMetric('requests');
  rig.seeMany(metric, 1599, byUser);
  assert.deepEqual(reportOf(rig).metrics, []);
  await rig.clock.advance(1000);
  rig.seeMany(metric, 1, () => byUser(1599));
  assert.equal(reportOf(rig).metrics[0]?.state, 'near');
  rig.seeMany(metric, 500, (i) => byUser(1600 + i));
  const [told] = reportOf(rig).metrics;
  assert.ok(told !== undefined);
  assert.equal(told.state, 'over');
  assert.equal(told.since, '2026-11-26T12:00:01.000Z');
  assert.equal(told.series, 2000);
  assert.deepEqual(told.drivers, [{ labels: ['user_id'], seriesWithout: 1 }]);
  assert.match(
    told.explanation,
    /^user_id drives it: about [\d,]+ values among about [\d,]+ series; without it 1 would be left\.$/,
  );
});

test('the log says once for each window which metric is the worst and what drives it, and nothing when all is well', async () => {
  const rig = new ExplainRig();
  await rig.endWindow();
  assert.equal(rig.lines.length, 0);
  const near = changingMetric('cart_items', { tenant: 'acme' });
  rig.seeMany(near, 1700, byUser);
  await rig.endWindow();
  const over = changingMetric('requests');
  rig.seeMany(over, 9000, byUser);
  await rig.endWindow();
  assert.deepEqual(
    rig.lines.map(({ level, message, fields }) => [level, message, fields['metric'], fields['other_metrics']]),
    [
      ['info', 'A metric is near its limit of series.', 'cart_items', undefined],
      ['warn', 'A metric has more series than its limit.', 'requests', 1],
    ],
  );
  const fields = rig.lines.at(-1)?.fields ?? {};
  assert.equal(fields['labels'], 'user_id');
  assert.equal(fields['limit'], 2000);
  assert.match(String(fields['sample']), /^user-\d+$/);
  assert.match(String(fields['because']), /^user_id drives it/);
});

test('with samples: 0 no value is told anywhere', async () => {
  const rig = new ExplainRig({ settings: { samples: 0 } });
  rig.seeMany(changingMetric('requests'), 5000, (i) => ({ point: { user_id: `canary-${i}` } }));
  const page = adminPage(rig.admin);
  assert.doesNotMatch(JSON.stringify(page.body) + page.html, /canary/);
  assert.match(page.html, /user_id/);
  await rig.endWindow();
  assert.doesNotMatch(JSON.stringify(rig.lines), /canary/);
});

test('a metric that is quiet for three windows is let go, and is told of no more as soon as it has room', async () => {
  const rig = new ExplainRig();
  const metric = changingMetric('requests');
  rig.seeMany(metric, 3000, byUser);
  metric.series = 10;
  await rig.endWindow();
  assert.equal(reportOf(rig).metrics[0]?.state, 'over', 'the window before had some without a place');
  await rig.endWindow();
  assert.deepEqual(reportOf(rig).metrics, []);
  // Not let go yet: what it knows of before is still there.
  rig.seeMany(metric, 1, () => byUser(1));
  metric.series = 1999;
  rig.seeMany(metric, 2, (i) => byUser(9000 + i));
  assert.ok((reportOf(rig).metrics[0]?.seen ?? 0) > 2500);
  metric.series = 0;
  await rig.endWindow(5);
  metric.series = 1999;
  rig.seeMany(metric, 2, (i) => byUser(9000 + i));
  assert.equal(reportOf(rig).metrics[0]?.seen, 2, 'it was let go');
});

test('what drives a metric now is told, not what did long ago', async () => {
  const rig = new ExplainRig();
  const metric = changingMetric('requests');
  rig.seeMany(metric, 20_000, byUser);
  for (let window = 0; window < 6; window++) {
    rig.seeMany(metric, 10, (i) => byUser(i));
    await rig.endWindow();
  }
  assert.deepEqual(reportOf(rig).metrics[0]?.drivers[0]?.labels, ['user_id'], 'a few new series do not replace it');
  rig.seeMany(metric, 20_000, (i) => ({ point: { method: 'GET', request: `r-${i}` } }));
  assert.deepEqual(reportOf(rig).metrics[0]?.drivers[0]?.labels, ['user_id', 'request'].slice(1));
});

test('a metric that stands near its limit without a new series keeps its explanation', async () => {
  const rig = new ExplainRig();
  rig.seeMany(changingMetric('requests'), 1900, byUser);
  await rig.endWindow(20);
  const [told] = reportOf(rig).metrics;
  assert.equal(told?.state, 'near');
  assert.deepEqual(told.drivers[0]?.labels, ['user_id']);
});

test('no more metrics are explained than wanted: those with room make way, and of the others it is told how many', () => {
  const rig = new ExplainRig({ settings: { metrics: 3 } });
  const calm = Array.from({ length: 3 }, (_, n) => changingMetric(`calm_${n}`, { limit: 100 }));
  for (const metric of calm) rig.seeMany(metric, 20, byUser);
  const loud = Array.from({ length: 8 }, (_, n) => changingMetric(`loud_${n}`, { limit: 100 }));
  for (const metric of loud) rig.seeMany(metric, 150, byUser);
  const report = reportOf(rig);
  assert.deepEqual(report.metrics.map(({ metric }) => metric).sort(), ['loud_0', 'loud_1', 'loud_2']);
  assert.equal(report.unexplained, 5);
  assert.equal(rig.context.meter.value('remora_cardinality_metrics', { ...at, state: 'unexplained' }), 5);
  assert.equal(rig.context.meter.value('remora_cardinality_metrics', { ...at, state: 'over' }), 3);
});

const at = { processor: 'cardinality_limit', pipeline: 'metrics' };

test('the metrics name at most twenty metrics, and the sum of the rest', () => {
  const rig = new ExplainRig({ settings: { metrics: 50 } });
  const all = Array.from({ length: 30 }, (_, n) => changingMetric(`m_${n}`, { limit: 100 }));
  for (const [n, metric] of all.entries()) rig.seeMany(metric, 150 + n, byUser);
  const series = rig.context.meter.made('remora_cardinality_series');
  assert.equal(series.length, 21);
  assert.deepEqual(series.find(([labels]) => labels['metric'] === '_other')?.[1], 1000);
  assert.equal(rig.context.meter.made('remora_cardinality_series_limit').length, 20);
  const values = rig.context.meter.made('remora_cardinality_label_values');
  assert.deepEqual(new Set(values.map(([labels]) => labels['label'])), new Set(['user_id']));
});

test('the labels to drop are attributes of points that suffice by themselves, and none where it is another', () => {
  const rig = new ExplainRig();
  const drop = (name: string, make: (i: number) => SeenFrom): readonly string[] => {
    const metric = changingMetric(name);
    rig.seeMany(metric, 2100, make);
    return rig.explanation.labelsToDrop(metric);
  };
  assert.deepEqual(drop('point', byUser), ['user_id']);
  assert.deepEqual([...drop('both', (i) => ({ point: { a: `${i}`, b: `${i}` } }))].sort(), ['a', 'b']);
  assert.deepEqual(
    drop('resource', (i) => ({ resource: { pod: `p-${i}` } })),
    [],
  );
  const product = (i: number): SeenFrom => ({
    point: { path: `/${i % 40}` },
    resource: { pod: `p-${Math.floor(i / 40)}` },
  });
  assert.deepEqual(drop('product', product), ['path']);
  assert.deepEqual(rig.explanation.labelsToDrop(changingMetric('unknown')), []);
});

test('a point that is malformed inside of an attribute explains nothing and harms nothing', () => {
  const rig = new ExplainRig();
  const metric = changingMetric('requests');
  rig.seeMany(metric, 3000, (i) => ({ point: { a: 1 }, raw: [Uint8Array.of(0x0a, 0xff, i & 0x7f)] }));
  rig.seeMany(metric, 3000, byUser);
  assert.deepEqual(reportOf(rig).metrics[0]?.drivers[0]?.labels, ['user_id']);
});
