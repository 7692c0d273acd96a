import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { page, pageTarget } from '../page-target.ts';
import { PROTOBUF, protoPage } from '../proto-pages.ts';
import { only } from '../scraped.ts';
import { Scraping } from '../scraping.ts';

type Keys = Record<string, unknown>;

const OM1 = 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8';
const PROTO = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

/** What a job says, and the Accept header that Prometheus 3 sends for it. */
const ACCEPT: readonly (readonly [job: Keys, accept: string])[] = [
  [
    {},
    `${OM1};q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
  ],
  [
    { scrape_native_histograms: true },
    `${PROTO};q=0.6,${OM1};q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
  ],
  [{ scrape_protocols: ['PrometheusText0.0.4'] }, 'text/plain;version=0.0.4;q=0.6,*/*;q=0.5'],
  [
    { scrape_protocols: ['PrometheusText1.0.0', 'PrometheusProto'] },
    `text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,${PROTO};q=0.5,*/*;q=0.4`,
  ],
  [
    { scrape_protocols: ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1'], metric_name_escaping_scheme: 'dots' },
    'application/openmetrics-text;version=1.0.0;escaping=dots;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,*/*;q=0.4',
  ],
  [
    { scrape_protocols: ['PrometheusText1.0.0'], metric_name_validation_scheme: 'legacy' },
    'text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5',
  ],
];

const TEXT_PAGE = '# TYPE a gauge\na 1 5000\n';
const OPENMETRICS_PAGE = '# TYPE a gauge\na 1 5\n# EOF\n';
const PROTO_PAGE = protoPage({ name: 'a', type: 'GAUGE', metric: [{ gauge: { value: 1 }, timestampMs: 5000 }] });

/** Each page is read as one format alone; in the two others it is no page, or has another time. */
const CONTENT_TYPES: readonly (readonly [type: string | undefined, fallback: string, body: string | Buffer])[] = [
  ['text/plain; version=0.0.4; charset=utf-8', 'OpenMetricsText1.0.0', TEXT_PAGE],
  ['text/plain;version=1.0.0;escaping=allow-utf-8', 'PrometheusProto', TEXT_PAGE],
  ['TEXT/Plain', 'PrometheusProto', TEXT_PAGE],
  ['text/plain; charset=us-ascii', 'PrometheusProto', TEXT_PAGE],
  [
    'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores',
    'PrometheusText0.0.4',
    OPENMETRICS_PAGE,
  ],
  ['application/openmetrics-text;version="0.0.1"', 'PrometheusText0.0.4', OPENMETRICS_PAGE],
  ['application/openmetrics-text', 'PrometheusText0.0.4', OPENMETRICS_PAGE],
  [PROTOBUF, 'PrometheusText0.0.4', PROTO_PAGE],
  [undefined, 'PrometheusText0.0.4', TEXT_PAGE],
  [undefined, 'PrometheusText1.0.0', TEXT_PAGE],
  [undefined, 'OpenMetricsText1.0.0', OPENMETRICS_PAGE],
  [undefined, 'PrometheusProto', PROTO_PAGE],
  ['', 'OpenMetricsText0.0.1', OPENMETRICS_PAGE],
  ['text/html', 'PrometheusText0.0.4', TEXT_PAGE],
  ['application/json; version=0.0.4', 'PrometheusProto', PROTO_PAGE],
  ['application/octet-stream', 'OpenMetricsText1.0.0', OPENMETRICS_PAGE],
  [';;;', 'PrometheusText0.0.4', TEXT_PAGE],
];

const REFUSED: readonly (readonly [type: string, error: RegExp])[] = [
  ['application/openmetrics-text; version=2.0.0', /OpenMetrics 2\.0\.0, although 1\.0\.0 was asked for/],
  ['application/openmetrics-text; version=2.0.0-rc0; charset=utf-8', /OpenMetrics 2\.0\.0-rc0/],
  ['application/openmetrics-text; version="2.0.0"', /OpenMetrics 2\.0\.0/],
  ['application/openmetrics-text; version=latest', /OpenMetrics latest/],
  ['application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text', /encoding "text"/],
  ['application/vnd.google.protobuf; proto=other.Message; encoding=delimited', /proto "other\.message"/],
];

suite('content negotiation', () => {
  for (const [job, accept] of ACCEPT) {
    test(`${JSON.stringify(job)} asks as Prometheus 3 does`, async () => {
      await using target = await pageTarget(page(''));
      await using scraping = await Scraping.on(target, { scrape_timeout: '1500ms', ...job });
      await scraping.scrape();
      const { headers } = target.requests[0]!;
      assert.equal(headers.accept, accept);
      assert.doesNotMatch(accept, /version=2/);
      assert.equal(headers['x-prometheus-scrape-timeout-seconds'], '1.5');
      assert.equal(headers['accept-encoding'], 'gzip');
    });
  }

  test('a page is what its Content-Type says, else what fallback_scrape_protocol says', async () => {
    for (const [type, fallback, body] of CONTENT_TYPES) {
      const what = `${type} with ${fallback}`;
      await using target = await pageTarget((_, response) => {
        response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(body);
      });
      await using scraping = await Scraping.on(target, { fallback_scrape_protocol: fallback });
      const points = await scraping.scrape();
      assert.equal(only(points, 'up').value, 1, `${what}: ${scraping.context.health.get('metrics')}`);
      assert.deepEqual([only(points, 'a').value, only(points, 'a').timeMs], [1, 5000], what);
    }
  });

  test('without fallback_scrape_protocol a page that says nothing is text, as in the Collector', async () => {
    await using target = await pageTarget((_, response) => void response.writeHead(200).end(TEXT_PAGE));
    await using scraping = await Scraping.on(target);
    assert.equal(only(await scraping.scrape(), 'a').timeMs, 5000);
  });

  test('formats that exist and are not read are up 0, whatever is on the page and whatever the fallback', async () => {
    for (const [type, error] of REFUSED) {
      await using target = await pageTarget(page(OPENMETRICS_PAGE, { 'content-type': type }));
      await using scraping = await Scraping.on(target, { fallback_scrape_protocol: 'OpenMetricsText1.0.0' });
      const points = await scraping.scrape();
      assert.deepEqual([only(points, 'up').value, points.length], [0, 5], type);
      assert.match(scraping.context.health.get('metrics') ?? '', error);
      assert.equal(scraping.value('remora_scrape_failures', { reason: 'content_type' }), 1);
    }
  });

  test('legacy names are demanded where they are wanted', async () => {
    const body = '{"a.b"} 1\n';
    await using target = await pageTarget(page(body));
    await using scraping = await Scraping.on(target, { metric_name_validation_scheme: 'legacy' });
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.match(scraping.context.health.get('metrics') ?? '', /"a\.b" is no name/);
    target.answer = page('a{"x.y"="1"} 1\n');
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    target.answer = page('a:b{x_y="1"} 1\n');
    assert.equal(only(await scraping.scrape(), 'a:b').value, 1);
  });

  test('protocols that cannot be asked for are refused before anything starts', async () => {
    await using target = await pageTarget(page(''));
    for (const [job, expected] of [
      [{ scrape_protocols: ['OpenMetricsText2.0.0'] }, /OpenMetrics 2\.0 is not read/],
      [{ scrape_protocols: ['text'] }, /must be one of PrometheusProto, OpenMetricsText1\.0\.0/],
      [{ scrape_protocols: [] }, /scrape_protocols/],
      [{ scrape_protocols: ['PrometheusProto', 'PrometheusProto'] }, /names a protocol twice/],
      [{ fallback_scrape_protocol: 'OpenMetricsText2.0.0' }, /OpenMetrics 2\.0 is not read/],
      [
        { metric_name_validation_scheme: 'legacy', metric_name_escaping_scheme: 'allow-utf-8' },
        /contradicts metric_name_validation_scheme legacy/,
      ],
    ] as const) {
      await assert.rejects(Scraping.on(target, job), expected);
    }
  });
});
