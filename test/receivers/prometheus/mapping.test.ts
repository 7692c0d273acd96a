import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Counter, Gauge, Histogram, Registry, Summary, type RegistryContentType } from 'prom-client';
import { only, PagedTarget, type Scraped } from './scraped.ts';

const scrape = (page: string): Scraped[] => new PagedTarget().scrape(page);
const openMetrics = (page: string): Scraped[] => new PagedTarget().openMetrics(page);

suite('Prometheus samples become OTLP', () => {
  test('a counter is a monotonic cumulative sum with its name, help and type unaltered', () => {
    const point = only(
      scrape(
        '# HELP http_requests_total Requests \\\\ served\\nsince start.\n# TYPE http_requests_total counter\nhttp_requests_total{code="200",method="get"} 1027\n',
      ),
      'http_requests_total',
    );
    assert.equal(point.kind, 'sum');
    assert.equal(point.isMonotonic, true);
    assert.equal(point.value, 1027);
    assert.equal(point.description, 'Requests \\ served\nsince start.');
    assert.equal(point.type, 'counter');
    assert.deepEqual(point.attributes, { code: '200', method: 'get' });
    assert.equal(point.startMs, 1000);
    assert.equal(point.timeMs, 1000);
  });

  test('gauges and untyped samples are gauges without a start time', () => {
    const points = scrape('# TYPE temp gauge\ntemp -3.5e-2\nplain{x="\\"q\\" \\\\ \\n"} +Inf 1395066363000\n');
    assert.equal(only(points, 'temp').kind, 'gauge');
    assert.equal(only(points, 'temp').value, -0.035);
    assert.equal(only(points, 'temp').startMs, 0);
    const plain = only(points, 'plain');
    assert.deepEqual([plain.type, plain.value, plain.timeMs], ['unknown', Infinity, 1395066363000]);
    assert.deepEqual(plain.attributes, { x: '"q" \\ \n' });
  });

  test('a histogram is made non-cumulative and loses its +Inf bound', () => {
    const point = only(
      scrape(`# TYPE lat histogram
lat_bucket{p="/",le="0.1"} 3
lat_bucket{p="/",le="1"} 5
lat_bucket{p="/",le="+Inf"} 6
lat_sum{p="/"} 7.25
lat_count{p="/"} 6
`),
      'lat',
    );
    assert.deepEqual(
      [point.bounds, point.bucketCounts],
      [
        [0.1, 1],
        [3, 2, 1],
      ],
    );
    assert.deepEqual([point.count, point.sum, point.attributes], [6, 7.25, { p: '/' }]);
  });

  test('a histogram without a count is dropped, one without a sum has none', () => {
    const target = new PagedTarget();
    target.read(
      '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\n# TYPE b histogram\nb_bucket{le="1"} 1\nb_bucket{le="+Inf"} 1\nb_count 1\n',
    );
    const { batch, errored } = target.series.batch(1000, []);
    assert.equal(errored, 1);
    assert.equal(batch.items, 1);
    target.series.accepted();
    assert.equal(only(target.scrape('# TYPE b histogram\nb_bucket{le="+Inf"} 1\nb_count 1\n'), 'b').sum, undefined);
  });

  test('a histogram whose buckets decrease or are fractions is no histogram', () => {
    const target = new PagedTarget();
    target.read(
      '# TYPE a histogram\na_bucket{le="1"} 5\na_bucket{le="+Inf"} 4\na_count 4\n# TYPE b histogram\nb_bucket{le="+Inf"} 1.5\nb_count 1.5\n',
    );
    assert.deepEqual([target.series.batch(1, []).errored, target.series.batch(1, []).batch.items], [2, 0]);
  });

  test('a summary keeps its quantiles in order; a missing sum is 0', () => {
    const point = only(scrape('# TYPE s summary\ns{quantile="0.9"} 2\ns{quantile="0.5"} NaN\ns_count 4\n'), 's');
    assert.deepEqual([point.kind, point.count, point.sum], ['summary', 4, 0]);
    assert.deepEqual(point.quantiles, [
      [0.5, NaN],
      [0.9, 2],
    ]);
  });

  test('OpenMetrics: units, created times, info and state sets', () => {
    const points = openMetrics(`# TYPE up_seconds counter
# UNIT up_seconds seconds
# HELP up_seconds How "long".
up_seconds_total 5.0 2.5
up_seconds_created 1.25
# TYPE build info
build_info{v="1"} 1
# TYPE state stateset
state{state="a"} 1
state{state="b"} 0
# TYPE gh gaugehistogram
gh_bucket{le="+Inf"} 1
gh_gcount 1
gh_gsum 1
# EOF
`);
    const counter = only(points, 'up_seconds_total');
    assert.deepEqual([counter.unit, counter.startMs, counter.timeMs], ['s', 1250, 2500]);
    assert.equal(counter.description, 'How "long".');
    assert.deepEqual([only(points, 'build_info').kind, only(points, 'build_info').isMonotonic], ['sum', false]);
    assert.equal(points.filter(({ name, type }) => name === 'state' && type === 'stateset').length, 2);
    assert.equal(
      points.some(({ name }) => name.startsWith('gh')),
      false,
    );
  });

  test('OpenMetrics: exemplars carry trace ids, their other labels and their time', () => {
    const points = openMetrics(`# TYPE c counter
c_total 3 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331",user="x"} 0.5 1.5
# TYPE h histogram
h_bucket{le="1"} 1 # {} 0.25
h_bucket{le="+Inf"} 1
h_count 1
h_sum 0.25
# EOF`);
    const [exemplar] = only(points, 'c_total').exemplars;
    assert.equal(exemplar?.['asDouble'], 0.5);
    assert.equal(exemplar['timeUnixNano'], '1500000000');
    const traceId = Buffer.from(String(exemplar['traceId']), 'base64').toString('hex');
    assert.equal(traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.deepEqual(exemplar['filteredAttributes'], [{ key: 'user', value: { stringValue: 'x' } }]);
    assert.equal(only(points, 'h').exemplars[0]?.['timeUnixNano'], '1000000000');
  });

  test('the target names the resource; target_info adds to it and is dropped', () => {
    const points = scrape('target_info{region="eu",service_name="x",job="no"} 1\nup_now 1\n');
    assert.equal(points.length, 1);
    assert.deepEqual(points[0]?.resource, {
      'service.name': 'shop',
      'service.instance.id': '127.0.0.1:9100',
      'server.address': '127.0.0.1',
      'server.port': '9100',
      'url.scheme': 'http',
      region: 'eu',
      service_name: 'x',
    });
  });

  test('otel_scope labels become the scope; other samples have the scraper as theirs', () => {
    const points = scrape('a{otel_scope_name="lib",otel_scope_version="2",otel_scope_k="v",x="1"} 1\nb 2\n');
    assert.deepEqual(only(points, 'a').scope, { name: 'lib', version: '2', attributes: { k: 'v' } });
    assert.deepEqual(only(points, 'a').attributes, { x: '1' });
    assert.deepEqual(only(points, 'b').scope, { name: 'scraper', version: '1', attributes: {} });
  });

  test('UTF-8 names are read in braces and in metadata', () => {
    const points = scrape('# TYPE "my.requests" counter\n{"my.requests","l.x"="v"} 1\n{"my.requests"} 2\n');
    assert.deepEqual(
      points.map(({ kind, attributes, value }) => [kind, attributes, value]),
      [
        ['sum', { 'l.x': 'v' }, 1],
        ['sum', {}, 2],
      ],
    );
  });

  test('target labels are attached, conflicts are renamed, empty labels are absent', () => {
    const target = new PagedTarget({}, { labels: [['env', 'prod']], externalLabels: [['zone', 'z1']] });
    const points = target.scrape('a{env="dev",job="j",instance="i",empty="",exported_job="e"} 1\nb{zone="own"} 1\n');
    assert.deepEqual(only(points, 'a').attributes, {
      env: 'prod',
      exported_env: 'dev',
      exported_exported_job: 'j',
      exported_instance: 'i',
      exported_job: 'e',
      zone: 'z1',
    });
    assert.deepEqual(only(points, 'b').attributes, { env: 'prod', zone: 'own' });
  });

  test('honor_labels keeps what the sample says, job and instance become its resource', () => {
    const target = new PagedTarget({ honorLabels: true }, { labels: [['env', 'prod']] });
    const points = target.scrape('a{env="dev",job="j",instance="h:1"} 1\nb 1\n');
    assert.deepEqual(only(points, 'a').attributes, { env: 'dev' });
    assert.equal(only(points, 'a').resource['service.name'], 'j');
    assert.equal(only(points, 'a').resource['server.port'], '1');
    assert.equal(only(points, 'b').resource['service.name'], 'shop');
  });

  test('what prom-client writes is read, in both of its formats', async () => {
    const registry = new Registry<RegistryContentType>();
    const registers: Registry<RegistryContentType>[] = [registry];
    new Counter({ name: 'orders_total', help: 'Orders', labelNames: ['pay'], registers }).inc({ pay: 'card' }, 3);
    new Gauge({ name: 'carts', help: 'Carts', registers }).set(7.5);
    const histogram = new Histogram({ name: 'lat_seconds', help: 'Latency', buckets: [0.1, 1], registers });
    for (const seconds of [0.05, 0.5, 5]) histogram.observe(seconds);
    const summary = new Summary({ name: 'size', help: 'Size', percentiles: [0.5], registers });
    summary.observe(4);
    const text = await registry.metrics();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const open = await registry.metrics();
    for (const points of [scrape(text), openMetrics(open)]) {
      const orders = points.find(({ name }) => name.startsWith('orders'));
      assert.deepEqual([orders?.kind, orders?.value, orders?.attributes], ['sum', 3, { pay: 'card' }]);
      assert.equal(only(points, 'carts').value, 7.5);
      assert.deepEqual(only(points, 'lat_seconds').bucketCounts, [1, 1, 1]);
      assert.deepEqual(only(points, 'size').quantiles, [[0.5, 4]]);
    }
  });
});
