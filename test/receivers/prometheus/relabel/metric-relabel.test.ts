import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { relabelRules, type RelabelRule } from '../../../../src/receivers/prometheus/relabel/rules.ts';
import { relabelConfigs } from '../../../../src/receivers/prometheus/relabel/settings.ts';
import { only, PagedTarget } from '../scraped.ts';

const rules = (...configs: object[]): RelabelRule[] => relabelRules(relabelConfigs().parse(configs));
const paged = (...configs: object[]): PagedTarget => new PagedTarget({ relabel: rules(...configs) });

const HISTOGRAM = `# HELP h Sizes.
# TYPE h histogram
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 3
h_count 3
h_sum 4
`;

suite('metric relabelling', () => {
  test('series are dropped and labels changed, and what was dropped is told', () => {
    const target = paged(
      { source_labels: ['__name__'], regex: 'go_.*', action: 'drop' },
      { source_labels: ['path'], regex: '/users/\\d+', target_label: 'path', replacement: '/users/{id}' },
      { regex: 'pod', action: 'labeldrop' },
    );
    const page = 'go_a 1\ngo_b{x="1"} 2\nhits{path="/users/5",pod="p"} 3\nhits{path="/"} 4\n';
    for (const timeMs of [1000, 2000]) {
      const points = target.scrape(page, timeMs);
      assert.deepEqual(
        points.map(({ name, attributes, value }) => [name, attributes, value]),
        [
          ['hits', { path: '/users/{id}' }, 3],
          ['hits', { path: '/' }, 4],
        ],
      );
      assert.deepEqual([target.series.summary.samples, target.series.summary.dropped], [4, 2]);
    }
    assert.equal(target.series.summary.added, 0);
  });

  test('a known series is not relabelled again', () => {
    let runs = 0;
    const target = new PagedTarget({ relabel: [() => ((runs += 1), true)] });
    target.scrape('a 1\nb{x="1"} 1\n', 1000);
    target.scrape('b{x="1"} 2\na 2\n', 2000);
    assert.equal(runs, 2);
    const dropping = new PagedTarget({ relabel: [() => ((runs += 1), false)] });
    for (const timeMs of [1000, 2000, 3000]) assert.deepEqual(dropping.scrape('a 1\n', timeMs), []);
    assert.equal(runs, 3);
  });

  test('rules see name, job and instance, and the labels of the target', () => {
    const target = new PagedTarget(
      {
        relabel: rules(
          { source_labels: ['__name__', 'job', 'instance', 'env'], target_label: 'all' },
          { source_labels: ['env'], target_label: 'job', replacement: 'shop-$1' },
          { regex: 'env', action: 'labeldrop' },
        ),
      },
      { labels: [['env', 'prod']], externalLabels: [['region', 'eu']] },
    );
    const point = only(target.scrape('a 1\n'), 'a');
    assert.deepEqual(point.attributes, { all: 'a;shop;127.0.0.1:9100;prod', region: 'eu' });
    assert.equal(point.resource['service.name'], 'shop-prod');
  });

  test('without job and instance a sample still belongs to its target', () => {
    const point = only(paged({ regex: 'job|instance', action: 'labeldrop' }).scrape('a 1\n'), 'a');
    assert.deepEqual(
      [point.resource['service.name'], point.resource['service.instance.id']],
      ['shop', '127.0.0.1:9100'],
    );
  });

  test('a renamed counter keeps its type, its help and its start time', () => {
    const target = paged({
      source_labels: ['__name__'],
      regex: 'old_(.*)',
      target_label: '__name__',
      replacement: 'new_$1',
    });
    const page = '# HELP old_total Things.\n# TYPE old_total counter\nold_total 5\n';
    target.scrape(page, 1000);
    const point = only(target.scrape(page, 2000), 'new_total');
    assert.deepEqual([point.kind, point.isMonotonic, point.description, point.startMs], ['sum', true, 'Things.', 1000]);
  });

  test('a histogram renamed as a whole stays one; a part renamed alone is a number of its own', () => {
    const whole = paged({
      source_labels: ['__name__'],
      regex: 'h(_.*)',
      target_label: '__name__',
      replacement: 'size$1',
    });
    const histogram = only(whole.scrape(HISTOGRAM), 'size');
    assert.deepEqual(
      [histogram.kind, histogram.count, histogram.sum, histogram.bucketCounts],
      ['histogram', 3, 4, [2, 1]],
    );
    const alone = paged({
      source_labels: ['__name__'],
      regex: 'h_count',
      target_label: '__name__',
      replacement: 'requests',
    });
    const points = alone.scrape(HISTOGRAM);
    assert.deepEqual([only(points, 'requests').kind, only(points, 'requests').value, points.length], ['gauge', 3, 1]);
  });

  test('buckets may be thinned out', () => {
    const page = HISTOGRAM.replace('h_bucket{le="1"}', 'h_bucket{le="0.5"} 1\nh_bucket{le="1"}');
    const target = paged({ source_labels: ['__name__', 'le'], regex: 'h_bucket;0\\.5', action: 'drop' });
    const histogram = only(target.scrape(page), 'h');
    assert.deepEqual([histogram.bounds, histogram.bucketCounts], [[1], [2, 1]]);
  });

  test('series that become one are one: the first is taken', () => {
    const target = paged({ regex: 'pod', action: 'labeldrop' });
    assert.equal(only(target.scrape('a{pod="1"} 1\na{pod="2"} 2\n'), 'a').value, 1);
    assert.equal(target.series.summary.duplicates, 1);
  });

  test('target_info may be relabelled, dropped, or made', () => {
    const page = 'target_info{region="eu"} 1\nbuild{version="3"} 1\na 1\n';
    assert.equal(only(paged({ regex: 'region', action: 'labeldrop' }).scrape(page), 'a').resource['region'], undefined);
    const made = paged({
      source_labels: ['__name__'],
      regex: 'build',
      target_label: '__name__',
      replacement: 'target_info',
    });
    assert.equal(only(made.scrape(page), 'a').resource['version'], '3');
    assert.equal(made.scrape(page).length, 1);
  });

  test('limits count what relabelling left', () => {
    const drop = rules(
      { regex: 'long.*', action: 'labeldrop' },
      { source_labels: ['__name__'], regex: 'b', action: 'drop' },
    );
    const page = `a{x="1",long="${'v'.repeat(100)}"} 1\n${'b 1\n'.replace('b', 'b{y="2",z="3",w="4"}')}`;
    const kept = new PagedTarget({ relabel: drop, labelLimit: 4, labelValueLengthLimit: 50, sampleLimit: 1 });
    for (const timeMs of [1000, 2000]) assert.equal(kept.scrape(page, timeMs).length, 1);
    const added = rules({ target_label: 'more', replacement: 'x' });
    const over = new PagedTarget({ relabel: added, labelLimit: 4 });
    assert.throws(() => over.read('a{x="1"} 1\n'), { reason: 'label_limit' });
    assert.throws(() => new PagedTarget({ sampleLimit: 1 }).read('a 1\nb 1\n'), { reason: 'sample_limit' });
  });

  test('a series without a name fails the scrape', () => {
    const target = paged({ regex: '__name__', action: 'labeldrop' });
    assert.throws(() => target.read('a 1\n'), { reason: 'relabel', message: /left "a" without a name/ });
  });

  test('a dropped series takes its exemplar along, and is checked all the same', () => {
    const target = paged({ source_labels: ['__name__'], regex: 'c_total', action: 'drop' });
    const page = '# TYPE c counter\nc_total 1 # {trace_id="x"} 1\n# TYPE g gauge\ng 2\n# EOF\n';
    for (const timeMs of [1000, 2000])
      assert.deepEqual(
        target.openMetrics(page, timeMs).map(({ name }) => name),
        ['g'],
      );
    assert.throws(() => target.read(page.replace('c_total 1', 'c_total -1'), 'openmetrics'), { reason: 'parse' });
    assert.deepEqual(
      target.write(3000).map(({ stale }) => stale),
      [true],
    );
  });

  test('a series dropped since its labels changed is ended', () => {
    const target = paged({ source_labels: ['state'], regex: 'gone', action: 'drop' });
    target.scrape('a{state="here"} 1\n', 1000);
    const points = target.scrape('a{state="gone"} 1\n', 2000);
    assert.deepEqual(
      points.map(({ stale }) => stale),
      [true],
    );
  });
});
