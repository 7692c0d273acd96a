import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ACCEPTED, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { ByteAdmission } from '../../../src/net/admission.ts';
import { prometheusReceiver } from '../../../src/receivers/prometheus/index.ts';
import { bufferCollector } from '../../../src/service/buffer-reclaim.ts';
import { openAdmission } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import { OPENMETRICS, page, pageTarget, TEXT } from './page-target.ts';
import { PROTOBUF, protoPage } from './proto-pages.ts';
import { only, pointsOf, type Scraped } from './scraped.ts';
import { INTERVAL_MS, Scraping } from './scraping.ts';

/** Stopping takes no time here, however long the machine stands still. */
const NEVER = new AbortController().signal;

/** up, samples scraped, left after relabelling, and series added. */
function reported(points: readonly Scraped[]): (number | undefined)[] {
  return ['up', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added'].map(
    (name) => only(points, name).value,
  );
}

const MIB = 2 ** 20;

/** In a call of its own, so that nothing of it is alive when memory is measured. */
function compressedNewlines(bytes: number): Buffer {
  return gzipSync(Buffer.alloc(bytes, 0x0a));
}

/** Looks whenever it is asked for room at what is alive then: how much is dead is up to V8. */
class PeakAdmission extends ByteAdmission {
  asked = 0;
  peakBytes = 0;
  readonly #collect = bufferCollector();

  override tryTake(bytes: number, by: object | undefined): boolean {
    this.asked += 1;
    this.peakBytes = Math.max(this.peakBytes, this.aliveBytes());
    return super.tryTake(bytes, by);
  }

  aliveBytes(): number {
    this.#collect();
    return process.memoryUsage().arrayBuffers;
  }
}

suite('prometheus receiver', () => {
  test('a scrape brings the samples of the page and the five series about itself', async () => {
    await using target = await pageTarget(page('# TYPE c counter\nc{a="1"} 2\n'));
    await using scraping = await Scraping.on(target);
    const points = await scraping.scrape();
    assert.equal(only(points, 'c').value, 2);
    assert.equal(only(points, 'up').value, 1);
    assert.equal(only(points, 'scrape_samples_scraped').value, 1);
    assert.equal(only(points, 'scrape_samples_post_metric_relabeling').value, 1);
    assert.equal(only(points, 'scrape_series_added').value, 1);
    assert.equal(only(points, 'scrape_duration_seconds').unit, 's');
    assert.equal(points.length, 6);
    assert.equal(only(points, 'up').resource['service.instance.id'], target.address);
    assert.equal(only(points, 'up').timeMs, scraping.clock.now());
    assert.equal(
      scraping.context.meter.value('otelcol_scraper_scraped_metric_points', {
        receiver: 'prometheus',
        scraper: 'shop',
      }),
      6,
    );
  });

  test('the request is what Prometheus 3 sends, over one connection', async () => {
    await using target = await pageTarget(page(''));
    await using scraping = await Scraping.on(target, {
      params: { m: ['a', 'b'] },
      metrics_path: '/probe',
      scrape_timeout: '1500ms',
    });
    await scraping.scrape();
    await scraping.scrape();
    const [request] = target.requests;
    assert.equal(request?.url, '/probe?m=a&m=b');
    assert.equal(
      request.headers.accept,
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    );
    assert.equal(request.headers['x-prometheus-scrape-timeout-seconds'], '1.5');
    assert.equal(request.headers['accept-encoding'], 'gzip');
    assert.match(request.headers['user-agent'] ?? '', /^Remora\/\d/);
    assert.deepEqual([target.requests.length, target.connections], [2, 1]);
  });

  test('OpenMetrics is read by its Content-Type; version 2.0 is refused', async () => {
    const body = '# TYPE c counter\nc_total 2 # {} 1\n# EOF\n';
    await using target = await pageTarget(page(body, { 'content-type': OPENMETRICS }));
    await using scraping = await Scraping.on(target);
    assert.equal(only(await scraping.scrape(), 'c_total').value, 2);
    target.answer = page(body, { 'content-type': 'application/openmetrics-text; version=2.0.0' });
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'content_type' }), 1);
    assert.match(scraping.context.health.get('metrics') ?? '', /job "shop", target 127.*OpenMetrics 2\.0\.0/);
  });

  test('a failed scrape is up 0, ends the series, and the target may come back', async () => {
    await using target = await pageTarget(page('a 1\n'));
    await using scraping = await Scraping.on(target);
    await scraping.scrape();
    target.answer = (_, response) => void response.writeHead(500).end('a 1\n');
    const failed = await scraping.scrape();
    assert.deepEqual([only(failed, 'up').value, only(failed, 'a').stale, failed.length], [0, true, 6]);
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'status' }), 1);
    target.answer = page('a 1\nbad line\n');
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.match(scraping.context.health.get('metrics') ?? '', /Line 2/);
    target.answer = page('a 1\n');
    assert.equal(only(await scraping.scrape(), 'a').value, 1);
    assert.equal(scraping.context.health.get('metrics'), undefined);
  });

  test('a target that is not there is up 0', async () => {
    // Nobody but root may listen there, and nobody does.
    await using scraping = await Scraping.on({ address: '127.0.0.1:1' });
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'connect' }), 1);
  });

  test('a target that never answers is given up after scrape_timeout', async () => {
    await using target = await pageTarget(() => undefined);
    await using scraping = await Scraping.on(target, { scrape_timeout: '3s' });
    await scraping.clock.advance(INTERVAL_MS);
    await until(() => target.requests.length === 1, 'the request arrives');
    await scraping.clock.advance(3000);
    await until(() => scraping.consumer.batches.length === 1, 'the scrape is given up');
    const points = pointsOf(scraping.consumer.batches[0]!);
    assert.equal(only(points, 'up').value, 0);
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'timeout' }), 1);
  });

  test('gzip is read, and body_size_limit counts what comes out of it', async () => {
    const body = gzipSync(`a 1\n${'# filler\n'.repeat(2000)}`);
    await using target = await pageTarget(page(body, { 'content-encoding': 'gzip' }));
    await using wide = await Scraping.on(target, { body_size_limit: '20KiB' });
    assert.equal(only(await wide.scrape(), 'a').value, 1);
    await using narrow = await Scraping.on(target, { body_size_limit: '10KB' });
    assert.equal(only(await narrow.scrape(), 'up').value, 0);
    assert.equal(narrow.value('remora_scrape_failures', { reason: 'body_size_limit' }), 1);
    target.answer = page(body.subarray(0, 30), { 'content-encoding': 'gzip' });
    assert.equal(only(await wide.scrape(), 'up').value, 0);
    assert.equal(wide.value('remora_scrape_failures', { reason: 'encoding' }), 1);
    assert.deepEqual([wide.context.admission.usedBytes, narrow.context.admission.usedBytes], [0, 0]);
  });

  test('a body over its limit or over the memory budget fails without being read to its end', async () => {
    await using target = await pageTarget((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const more = (): void => {
        if (!response.destroyed) response.write('a 1\n'.repeat(1000), () => setImmediate(more));
      };
      more();
    });
    await using limited = await Scraping.on(target, { body_size_limit: '100KB' });
    assert.equal(only(await limited.scrape(), 'up').value, 0);
    await using poor = await Scraping.on(target, {}, {}, openAdmission(100_000));
    assert.equal(only(await poor.scrape(), 'up').value, 0);
    assert.equal(poor.value('remora_scrape_failures', { reason: 'memory' }), 1);
    assert.equal(poor.context.admission.usedBytes, 0);
    assert.equal(limited.value('remora_scrape_failures', { reason: 'body_size_limit' }), 1);
  });

  test('a gzip bomb is stopped by the memory budget before it is in memory', async () => {
    const bomb = compressedNewlines(60 * MIB);
    await using target = await pageTarget(page(bomb, { 'content-encoding': 'gzip' }));
    const admission = new PeakAdmission(4 * MIB);
    await using scraping = await Scraping.on(target, {}, {}, admission);
    const before = admission.aliveBytes();
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'memory' }), 1);
    assert.ok(admission.asked > 1 && admission.peakBytes - before < 8 * MIB, `${admission.peakBytes - before} bytes`);
  });

  test('a job with more targets than target_limit has them all fail', async () => {
    await using target = await pageTarget(page('a 1\n'));
    const static_configs = [{ targets: [target.address], labels: { n: '1' } }, { targets: [target.address] }];
    await using scraping = await Scraping.on(target, { target_limit: 1, static_configs });
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
    assert.equal(target.requests.length, 0);
    assert.ok((scraping.value('remora_scrape_failures', { reason: 'target_limit' }) ?? 0) >= 2);
    await using enough = await Scraping.on(target, { target_limit: 2, static_configs });
    assert.equal(only(await enough.scrape(), 'up').value, 1);
  });

  test('relabelling decides which targets are scraped, where, and under which labels', async () => {
    await using target = await pageTarget(page('a 1\n'));
    const relabel_configs = [
      { source_labels: ['env'], regex: 'test', action: 'drop' },
      { source_labels: ['__address__'], target_label: '__param_target' },
      { source_labels: ['__param_target'], target_label: 'instance' },
      { regex: '__meta_(.*)', action: 'labelmap', replacement: '$1' },
      { target_label: '__tmp_path', replacement: 'probe' },
      { source_labels: ['__tmp_path'], target_label: '__metrics_path__', replacement: '/$1' },
      { target_label: '__address__', replacement: target.address },
    ];
    const static_configs = [
      { targets: ['https://shop.example/health'], labels: { env: 'prod', __meta_team: 'cart' } },
      { targets: ['10.0.0.1:80'], labels: { env: 'test' } },
    ];
    await using scraping = await Scraping.on(target, {
      static_configs,
      relabel_configs,
      params: { target: ['x', 'y'] },
    });
    const point = only(await scraping.scrape(), 'a');
    assert.deepEqual(point.attributes, { env: 'prod', team: 'cart' });
    assert.equal(point.resource['service.instance.id'], 'https://shop.example/health');
    assert.equal(scraping.clock.pending, 1);
    const query = 'target=https%3A%2F%2Fshop.example%2Fhealth&target=y';
    assert.deepEqual(
      target.requests.map(({ url }) => url),
      [`/probe?${query}`],
    );
  });

  test('what metric relabelling leaves is reported', async () => {
    await using target = await pageTarget(page('a 1\nb 1\nc 1\n'));
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'a|b', action: 'drop' }];
    await using scraping = await Scraping.on(target, { metric_relabel_configs });
    for (let twice = 0; twice < 2; twice++) {
      const points = await scraping.scrape();
      assert.equal(only(points, 'scrape_samples_scraped').value, 3);
      assert.equal(only(points, 'scrape_samples_post_metric_relabeling').value, 1);
      assert.equal(points.length, 6);
    }
    assert.equal(scraping.value('remora_scrape_relabel_dropped_samples'), 4);
  });

  test('a page over sample_limit is counted to its end, after relabelling as before', async () => {
    const text = 'drop_a 1\na 1\ndrop_b 2\nb 2\nc 3\n drop_c{x="}"} 4\n# TYPE d gauge\nd 5\n';
    const proto = protoPage(
      ...['drop_a', 'a', 'drop_b', 'b', 'c', 'drop_c', 'd'].map((name) => ({
        name,
        type: 'GAUGE',
        metric: [{ gauge: { value: 1 } }],
      })),
    );
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'drop_.*', action: 'drop' }];
    for (const [body, type] of [[text, TEXT] as const, [proto, PROTOBUF] as const]) {
      await using target = await pageTarget(page(body, { 'content-type': type }));
      await using scraping = await Scraping.on(target, { metric_relabel_configs, sample_limit: 2 });
      for (let twice = 0; twice < 2; twice++) {
        const points = await scraping.scrape();
        assert.deepEqual(reported(points), [0, 7, 4, 2]);
        assert.equal(points.length, 5);
      }
      assert.match(scraping.context.health.get('metrics') ?? '', /has 4 samples, sample_limit is 2/);
    }
  });

  test('what a failed scrape reports is what Prometheus reports: zeros without a page, else as far as it was read', async () => {
    await using target = await pageTarget(page('a 1\nb 2\n'));
    await using scraping = await Scraping.on(target, {}, { report_extra_scrape_metrics: true });
    assert.deepEqual(reported(await scraping.scrape()), [1, 2, 2, 2]);
    target.answer = page('a 1\nc 1\nd{ 2\n');
    const broken = await scraping.scrape();
    assert.deepEqual(reported(broken), [0, 2, 2, 1]);
    assert.equal(only(broken, 'scrape_body_size_bytes').value, 13);
    target.answer = (_, response) => void response.writeHead(404).end('a 1\n');
    const missing = await scraping.scrape();
    assert.deepEqual(reported(missing), [0, 0, 0, 0]);
    assert.equal(only(missing, 'scrape_body_size_bytes').value, 0);
    assert.equal(only(missing, 'scrape_duration_seconds').stale, false);
    target.answer = page('a 1\nb 2\nc 1\n');
    assert.deepEqual(reported(await scraping.scrape()), [1, 3, 3, 1]);
  });

  test('a target may be scraped at its own interval', async () => {
    await using target = await pageTarget(page('a 1\n'));
    const relabel_configs = [{ target_label: '__scrape_interval__', replacement: '30s' }];
    await using scraping = await Scraping.on(target, { relabel_configs });
    await scraping.scrape();
    assert.equal((scraping.clock.nextMs ?? 0) - scraping.clock.now(), 30_000);
    assert.equal(target.requests[0]?.headers['x-prometheus-scrape-timeout-seconds'], '10');
  });

  test('what is logged of a failed scrape leaves out the query', async (t) => {
    await using target = await pageTarget((_, response) => void response.writeHead(500).end());
    await using scraping = await Scraping.on(target, { params: { token: ['canary'] } });
    const { log } = scraping.context;
    const warn = t.mock.method(log, 'warn');
    await scraping.scrape();
    assert.ok(warn.mock.callCount() > 0);
    assert.doesNotMatch(JSON.stringify(warn.mock.calls.map((call) => call.arguments)), /canary/);
  });

  test('samples that are one series after relabelling are told of once for each scrape', async (t) => {
    await using target = await pageTarget(page('a{user="1"} 1\na{user="2"} 2\na{user="3"} 3\nb{user="1"} 1\n'));
    const metric_relabel_configs = [{ action: 'labeldrop', regex: 'user' }];
    await using scraping = await Scraping.on(target, { metric_relabel_configs, params: { token: ['canary'] } });
    const warn = t.mock.method(scraping.context.log, 'warn');
    assert.equal(only(await scraping.scrape(), 'a').value, 1);
    await scraping.scrape();
    const told = ['Samples of a page are of the same series; the first of each was taken, the others were dropped.'];
    const fields = { job: 'shop', target: `http://${target.address}/metrics`, num_dropped: 2 };
    assert.deepEqual(
      warn.mock.calls.map((call) => call.arguments),
      [
        [...told, fields],
        [...told, fields],
      ],
    );
    assert.equal(scraping.value('remora_scrape_duplicate_samples'), 4);
  });

  test('a page that ends before its announced length is up 0', async () => {
    await using target = await pageTarget((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '1000' });
      response.write('a 12', () => response.destroy());
    });
    await using scraping = await Scraping.on(target);
    assert.equal(only(await scraping.scrape(), 'up').value, 0);
  });

  test('redirects are followed or not, and credentials stay with their origin', async () => {
    await using other = await pageTarget(page('a 1\n'));
    await using target = await pageTarget((_, response) => {
      response.writeHead(302, { location: `http://${other.address}/there` }).end();
    });
    await using following = await Scraping.on(target, { basic_auth: { username: 'u', password: 'p' } });
    assert.equal(only(await following.scrape(), 'a').value, 1);
    assert.equal(target.requests[0]?.headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`);
    assert.deepEqual([other.requests[0]?.url, other.requests[0]?.headers.authorization], ['/there', undefined]);
    await using strict = await Scraping.on(target, { follow_redirects: false });
    assert.equal(only(await strict.scrape(), 'up').value, 0);
  });

  test('credentials from files are read at each scrape', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'remora-scrape-'));
    const file = join(folder, 'token');
    try {
      writeFileSync(file, 'one\n');
      await using target = await pageTarget(page(''));
      await using scraping = await Scraping.on(target, {
        bearer_token_file: file,
        http_headers: { 'X-Key': { secrets: ['s'] } },
      });
      await scraping.scrape();
      writeFileSync(file, 'two\n');
      await scraping.scrape();
      assert.deepEqual(
        target.requests.map(({ headers }) => headers.authorization),
        ['Bearer one', 'Bearer two'],
      );
      assert.equal(target.requests[0]?.headers['x-key'], 's');
      rmSync(file);
      assert.equal(only(await scraping.scrape(), 'up').value, 0);
      assert.equal(scraping.value('remora_scrape_failures', { reason: 'credentials' }), 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a scrape that is not taken is counted, and its vanished series are still ended by the next', async () => {
    await using target = await pageTarget(page('a 1\nb 1\n'));
    await using scraping = await Scraping.on(target);
    await scraping.scrape();
    target.answer = page('b 1\n');
    scraping.consumer.answer = () => retry(new Error('full'));
    await scraping.scrape();
    scraping.consumer.answer = () => rejected(new Error('no'));
    await scraping.scrape();
    assert.deepEqual(
      [
        scraping.value('remora_scrape_skipped', { reason: 'retry' }),
        scraping.value('remora_scrape_skipped', { reason: 'rejected' }),
      ],
      [1, 1],
    );
    assert.equal(scraping.value('remora_scrape_lost_points', { reason: 'retry' }), 7);
    scraping.consumer.answer = () => ({ status: 'accepted', rejectedItems: 0 });
    assert.equal(only(await scraping.scrape(), 'a').stale, true);
  });

  test('a pipeline that holds a scrape is told to let go when the next is due; scrapes never overlap', async () => {
    await using target = await pageTarget(page('a 1\n'));
    await using scraping = await Scraping.on(target);
    let open = 0;
    let most = 0;
    scraping.consumer.answer = async (_, abort) => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => abort.addEventListener('abort', resolve));
      open -= 1;
      return retry(new Error('held'));
    };
    await scraping.clock.advance(INTERVAL_MS);
    await until(() => open === 1, 'the first scrape is offered');
    await scraping.clock.advance(INTERVAL_MS);
    await until(() => target.requests.length === 2 && open === 1, 'the second scrape is offered');
    assert.deepEqual([most, scraping.value('remora_scrape_skipped', { reason: 'retry' })], [1, 1]);
  });

  test('a scrape that falls due behind one that will not let go is skipped', async () => {
    await using target = await pageTarget(page('a 1\n'));
    await using scraping = await Scraping.on(target);
    let letGo: () => void = () => undefined;
    scraping.consumer.answer = async () => {
      await new Promise<void>((resolve) => (letGo = resolve));
      return { status: 'accepted', rejectedItems: 0 };
    };
    await scraping.clock.advance(INTERVAL_MS);
    await until(() => target.requests.length === 1, 'the first request');
    await until(
      async () => (await scraping.clock.advance(0), String(letGo).includes('native')),
      'the pipeline holds it',
    );
    await scraping.clock.advance(3 * INTERVAL_MS);
    assert.equal(scraping.value('remora_scrape_skipped', { reason: 'overlap' }), 2);
    scraping.consumer.answer = () => ({ status: 'accepted', rejectedItems: 0 });
    letGo();
    await until(() => target.requests.length === 2, 'the waiting scrape');
  });

  test('stopping scrapes a last time, ends every series once, and nothing is scraped afterwards', async () => {
    let counted = 1;
    await using target = await pageTarget((...call) => page(`a ${counted}\n`)(...call));
    const scraping = await Scraping.on(target);
    await scraping.scrape();
    counted = 2;
    await scraping.receiver.stop?.(NEVER);
    const [, last, end] = scraping.consumer.batches.map(pointsOf);
    assert.equal(only(last!, 'a').value, 2);
    assert.equal(end!.length, 6);
    assert.ok(end!.every(({ stale }) => stale));
    await scraping.receiver.stop?.(NEVER);
    await scraping.clock.advance(5 * INTERVAL_MS);
    assert.deepEqual([scraping.consumer.batches.length, target.requests.length, scraping.clock.pending], [3, 2, 0]);
  });

  test('a target that has ended before the receiver stops is not reported as down', async () => {
    const target = await pageTarget(page('a 1\n'));
    const scraping = await Scraping.on(target);
    await scraping.scrape();
    await target[Symbol.asyncDispose]();
    await scraping.receiver.stop?.(NEVER);
    const batches = scraping.consumer.batches.map(pointsOf);
    assert.equal(batches.length, 2);
    assert.ok(batches[1]!.every(({ stale }) => stale));
    assert.equal(scraping.context.health.get('metrics'), undefined);
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'connect' }) ?? 0, 0);
  });

  test('a last page that does not come is waited for until the deadline, or two seconds', async () => {
    await using target = await pageTarget(page('a 1\n'));
    for (const ends of ['deadline', 'time'] as const) {
      const scraping = await Scraping.on(target);
      target.answer = page('a 1\n');
      await scraping.scrape();
      target.answer = () => undefined;
      const before = target.requests.length;
      const deadline = new AbortController();
      const stopped = scraping.receiver.stop?.(deadline.signal);
      await until(() => target.requests.length > before, 'the last page is asked for');
      if (ends === 'deadline') deadline.abort();
      else await scraping.clock.advance(2000);
      await stopped;
      assert.ok(pointsOf(scraping.consumer.batches.at(-1)!).every(({ stale }) => stale || ends === 'deadline'));
      assert.equal(scraping.clock.pending, 0);
    }
  });

  test('draining scrapes at once and then only when stopped', async () => {
    await using target = await pageTarget(page('a 1\n'));
    const scraping = await Scraping.on(target);
    await scraping.scrape();
    scraping.receiver.drain?.();
    scraping.receiver.drain?.();
    await until(() => scraping.consumer.batches.length === 2, 'the scrape of the drain');
    await scraping.clock.advance(5 * INTERVAL_MS);
    assert.deepEqual([target.requests.length, scraping.clock.pending], [2, 0]);
    assert.ok(pointsOf(scraping.consumer.batches.at(-1)!).every(({ stale }) => !stale));
    await scraping.receiver.stop?.(NEVER);
    assert.equal(target.requests.length, 3);
    assert.equal(scraping.consumer.batches.length, 4);
  });

  test('stopping waits for the verdict on a batch that the pipeline holds, until the deadline', async () => {
    await using target = await pageTarget(page('a 1\n'));
    for (const isLate of [false, true]) {
      const scraping = await Scraping.on(target);
      const verdict = Promise.withResolvers<Verdict>();
      scraping.consumer.answer = (_batch, abort) => {
        abort.addEventListener('abort', () => verdict.resolve(retry(new Error('Aborted.'))));
        return verdict.promise;
      };
      await scraping.offer();
      const deadline = new AbortController();
      const stopped = scraping.receiver.stop?.(deadline.signal);
      if (isLate) deadline.abort();
      else verdict.resolve(ACCEPTED);
      await stopped;
      // The scrape itself, the last one, and the end of their series.
      assert.equal(scraping.consumer.batches.length, isLate ? 0 : 3);
    }
  });

  test('stopping breaks off a scrape under way, and is safe before start', async () => {
    await using target = await pageTarget(() => undefined);
    const scraping = await Scraping.on(target);
    await scraping.clock.advance(INTERVAL_MS);
    await until(() => target.requests.length === 1, 'the request arrives');
    const deadline = new AbortController();
    const stopped = scraping.receiver.stop?.(deadline.signal);
    deadline.abort();
    await stopped;
    assert.deepEqual([scraping.consumer.batches.length, scraping.clock.pending], [0, 0]);
    const parsed = prometheusReceiver.parse({ config: { scrape_configs: [{ job_name: 'x' }] } });
    assert.ok(parsed.ok);
    const inert = await parsed.prepared.create(scraping.context);
    await inert.stop?.(NEVER);
  });

  test('the first scrapes of a fleet are spread over the interval, the same after a restart', async () => {
    const addresses = Array.from({ length: 200 }, (_, at) => `10.0.0.${at}:9100`);
    const firstDueMs = async (address: string): Promise<number> => {
      await using scraping = await Scraping.on({ address });
      return (scraping.clock.nextMs ?? 0) - scraping.clock.now();
    };
    const due: number[] = [];
    for (const address of addresses) due.push(await firstDueMs(address));
    assert.equal(await firstDueMs(addresses[7]!), due[7]);
    for (let slice = 0; slice < 5; slice++) {
      const inside = due.filter((ms) => ms >= slice * 2000 && ms < (slice + 1) * 2000).length;
      assert.ok(inside > 15 && inside < 75, `${inside} of 200 in slice ${slice}`);
    }
  });

  test('the extra series are reported on demand', async () => {
    await using target = await pageTarget(page('a 1\n'));
    await using scraping = await Scraping.on(target, { sample_limit: 5 }, { report_extra_scrape_metrics: true });
    const points = await scraping.scrape();
    assert.equal(only(points, 'scrape_body_size_bytes').value, 4);
    assert.equal(only(points, 'scrape_sample_limit').value, 5);
    assert.equal(only(points, 'scrape_timeout_seconds').value, 10);
  });
});
