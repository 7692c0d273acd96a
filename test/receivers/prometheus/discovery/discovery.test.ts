import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { until } from '../../../support/until.ts';
import { page, pageTarget, type PageTarget } from '../page-target.ts';
import { pointsOf, type Scraped } from '../scraped.ts';
import { Scraping } from '../scraping.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'remora-discovery-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Replaces a file in one step, so that no reading meets half of it. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const targets = (scraping: Scraping): number | undefined => scraping.value('remora_scrape_targets');
const failures = (scraping: Scraping, mechanism: string): number =>
  scraping.value('remora_scrape_discovery_failures', { mechanism }) ?? 0;
const points = (scraping: Scraping): Scraped[] => scraping.consumer.batches.flatMap((batch) => pointsOf(batch));

/** Lets time pass until what was changed shows. */
async function noticed(scraping: Scraping, condition: () => boolean, what: string): Promise<void> {
  await until(async () => (await scraping.clock.advance(200), condition()), what);
}

const withFiles = (target: PageTarget, files: string[], job: object = {}): Promise<Scraping> =>
  Scraping.on(target, { static_configs: [], file_sd_configs: [{ files }], ...job });

suite('file_sd_configs', () => {
  test('targets of JSON and YAML files are scraped under their labels', async (t) => {
    const folder = folderOf(t);
    await using target = await pageTarget(page('a 1\n'));
    writeFileSync(
      join(folder, 'b.json'),
      JSON.stringify([{ targets: [target.address], labels: { from: 'json', n: 1 } }]),
    );
    writeFileSync(join(folder, 'a.yml'), `- targets: ['${target.address}']\n  labels: { from: yaml }\n- targets: []\n`);
    writeFileSync(join(folder, 'a.txt'), 'not a list');
    writeFileSync(join(folder, 'c.json'), '[]');
    const relabel_configs = [{ source_labels: ['__meta_filepath'], regex: '.*/([^/]*)', target_label: 'file' }];
    const patterns = [join(folder, '*.json'), join(folder, '[^b].yml')];
    await using scraping = await withFiles(target, patterns, { relabel_configs });
    assert.equal(targets(scraping), 2);
    await scraping.scrape();
    await scraping.scrape();
    await scraping.scrape();
    const found = points(scraping).filter(({ name }) => name === 'a');
    assert.deepEqual(
      [...new Set(found.map(({ attributes }) => JSON.stringify(Object.entries(attributes).sort())))].sort(),
      ['[["file","a.yml"],["from","yaml"]]', '[["file","b.json"],["from","json"],["n","1"]]'],
    );
  });

  test('a change is noticed: targets are added, and removed ones end with stale markers and no further request', async (t) => {
    const file = join(folderOf(t), 'targets.json');
    await using one = await pageTarget(page('a 1\n'));
    await using two = await pageTarget(page('b 1\n'));
    const write = (...list: PageTarget[]): void =>
      replaceFile(file, JSON.stringify([{ targets: list.map(({ address }) => address) }]));
    write(one);
    await using scraping = await withFiles(one, [file]);
    await scraping.scrape();
    write(one, two);
    await noticed(scraping, () => targets(scraping) === 2, 'the second target');
    await noticed(scraping, () => points(scraping).some(({ name }) => name === 'b'), 'a scrape of the second target');
    write(two);
    await noticed(scraping, () => targets(scraping) === 1, 'the end of the first target');
    // On a busy machine a scrape may be given up meanwhile, which ends the samples but never what it reports.
    const ends = (): Scraped[][] =>
      scraping.consumer.batches
        .map((batch) => pointsOf(batch))
        .filter((batch) => batch.some(({ name, stale }) => name === 'up' && stale));
    await noticed(scraping, () => ends().length > 0, 'markers');
    const requests = one.requests.length;
    const [ended = []] = ends();
    assert.ok(ended.every(({ resource, stale }) => stale && resource['service.instance.id'] === one.address));
    assert.ok(ended.length >= 5);
    assert.ok(points(scraping).some(({ name, stale }) => name === 'a' && stale));
    await scraping.scrape();
    await scraping.scrape();
    assert.equal(one.requests.length, requests);
  });

  test('a broken file keeps its last good targets and says so once', async (t) => {
    const file = join(folderOf(t), 'targets.yaml');
    await using target = await pageTarget(page('a 1\n'));
    const good = `- targets: ['${target.address}']\n`;
    writeFileSync(file, good);
    await using scraping = await withFiles(target, [file]);
    const error = t.mock.method(scraping.context.log, 'error');
    for (const broken of [
      '',
      '- targets: [',
      'targets: []',
      '- target: [x]',
      '- targets: [{}]',
      '- labels: { a: [] }',
    ]) {
      const before = error.mock.callCount();
      replaceFile(file, broken);
      await noticed(scraping, () => error.mock.callCount() > before, `that "${broken}" is no list`);
      assert.equal(targets(scraping), 1, broken);
    }
    assert.match(scraping.context.health.get('metrics') ?? '', /targets\.yaml/);
    const told = error.mock.callCount();
    const before = failures(scraping, 'file');
    await scraping.clock.advance(300_000);
    await until(() => failures(scraping, 'file') > before, 'another reading');
    assert.equal(error.mock.callCount(), told);
    replaceFile(file, good);
    await noticed(scraping, () => scraping.context.health.get('metrics') === undefined, 'that it is well again');
    assert.equal(targets(scraping), 1);
  });

  test('a broken file counts once, whatever else happens in its directory, and again when it breaks in another way', async (t) => {
    const folder = folderOf(t);
    await using target = await pageTarget(page('a 1\n'));
    writeFileSync(join(folder, 'broken.json'), '[');
    writeFileSync(join(folder, 'good.json'), '[]');
    await using scraping = await withFiles(target, [join(folder, '*.json')]);
    assert.equal(failures(scraping, 'file'), 1);
    for (let port = 1; port <= 3; port++) {
      replaceFile(
        join(folder, 'good.json'),
        JSON.stringify([
          {
            targets: Array(port)
              .fill(0)
              .map((_, at) => `127.0.0.1:${at + 1}`),
          },
        ]),
      );
      await noticed(scraping, () => targets(scraping) === port, 'the other file');
    }
    assert.equal(failures(scraping, 'file'), 1);
    replaceFile(join(folder, 'broken.json'), '[[');
    await noticed(scraping, () => failures(scraping, 'file') > 1, 'that it is broken in another way');
    assert.equal(failures(scraping, 'file'), 2);
  });

  test('a pipe, a directory and a device are no lists, and nothing waits for them', async (t) => {
    const folder = folderOf(t);
    await using target = await pageTarget(page('a 1\n'));
    execFileSync('mkfifo', [join(folder, 'pipe.json')]);
    mkdirSync(join(folder, 'directory.json'));
    symlinkSync('/dev/zero', join(folder, 'device.json'));
    writeFileSync(join(folder, 'list.json'), JSON.stringify([{ targets: [target.address] }]));
    await using scraping = await withFiles(target, [join(folder, '*.json')]);
    assert.deepEqual([targets(scraping), failures(scraping, 'file')], [1, 3]);
    assert.match(scraping.context.health.get('metrics') ?? '', /not a regular file/);
  });

  test('labels that change at every reading replace the loops, and none is left behind', async (t) => {
    const file = join(folderOf(t), 'targets.json');
    await using target = await pageTarget(page('a 1\n'));
    const write = (round: number): void =>
      replaceFile(
        file,
        JSON.stringify([{ targets: [target.address, 'localhost:1'], labels: { __meta_round: `${round}` } }]),
      );
    write(0);
    const relabel_configs = [{ source_labels: ['__meta_round'], target_label: 'round' }];
    await using scraping = await withFiles(target, [file], {
      relabel_configs,
      scrape_interval: '1s',
      scrape_timeout: '500ms',
    });
    await scraping.scrape();
    const rounds = new Set<string>();
    const seen = (): number => {
      for (const { name, stale, attributes } of points(scraping)) {
        if (name === 'up' && !stale) rounds.add(attributes['round'] ?? '');
      }
      return rounds.size;
    };
    const timers = scraping.clock.pending;
    for (let round = 1; round <= 20; round++) {
      write(round);
      await noticed(scraping, () => seen() > round, `a scrape under the labels of round ${round}`);
      assert.equal(targets(scraping), 2);
    }
    await noticed(scraping, () => scraping.clock.pending <= timers + 2, 'that the timers of former loops are gone');
    const ups = points(scraping).filter(({ name }) => name === 'up');
    const open = new Set<string>();
    for (const { stale, attributes, resource } of ups) {
      const key = `${attributes['round']} ${resource['service.instance.id']}`;
      if (stale) open.delete(key);
      else open.add(key);
    }
    assert.deepEqual(
      [...open].filter((key) => !key.startsWith('20 ')),
      [],
    );
  });

  test('a file that goes takes its targets along; one that comes later is found', async (t) => {
    const folder = join(folderOf(t), 'later');
    await using target = await pageTarget(page('a 1\n'));
    await using scraping = await withFiles(target, [join(folder, '*.yml')]);
    assert.equal(targets(scraping), 0);
    mkdirSync(folder);
    writeFileSync(join(folder, 'one.yml'), `- targets: ['${target.address}']\n`);
    await scraping.clock.advance(300_000);
    await until(() => targets(scraping) === 1, 'the file, by reading again');
    rmSync(join(folder, 'one.yml'));
    await noticed(scraping, () => targets(scraping) === 0, 'that the file is gone');
  });

  test('a swapped link, as Kubernetes changes mounted files, is noticed', async (t) => {
    const folder = folderOf(t);
    await using target = await pageTarget(page('a 1\n'));
    const version = (name: string, text: string): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'targets.yml'), text);
      symlinkSync(name, join(folder, '..tmp'));
      renameSync(join(folder, '..tmp'), join(folder, '..data'));
    };
    version('..1', '[]');
    symlinkSync(join('..data', 'targets.yml'), join(folder, 'targets.yml'));
    await using scraping = await withFiles(target, [join(folder, 'targets.yml')]);
    assert.equal(targets(scraping), 0);
    version('..2', `- targets: ['${target.address}']\n`);
    await noticed(scraping, () => targets(scraping) === 1, 'the new version');
  });

  test('a target listed in several places is one, and one that cannot be scraped is left out', async (t) => {
    const folder = folderOf(t);
    await using target = await pageTarget(page('a 1\n'));
    const list = [{ targets: [target.address, 'http://x/y', target.address] }];
    for (const name of ['a.json', 'b.json']) writeFileSync(join(folder, name), JSON.stringify(list));
    await using scraping = await withFiles(target, [join(folder, '*.json')]);
    // The label with the path of the file is not there after relabelling.
    assert.equal(targets(scraping), 1);
    rmSync(join(folder, 'a.json'));
    await scraping.clock.advance(300_000);
    assert.equal(targets(scraping), 1);
  });
});

const list = (body: unknown, headers: Record<string, string> = {}) =>
  page(JSON.stringify(body), { 'content-type': 'application/json; charset=utf-8', ...headers });

suite('http_sd_configs', () => {
  const withUrl = (server: PageTarget, keys: object = {}, job: object = {}): Promise<Scraping> =>
    Scraping.on(server, {
      static_configs: [],
      http_sd_configs: [{ url: `http://${server.address}/targets?token=canary`, refresh_interval: '20s', ...keys }],
      ...job,
    });

  test('targets of a URL are scraped, and what it lists later replaces them', async () => {
    await using target = await pageTarget(page('a 1\n'));
    await using server = await pageTarget(list([{ targets: [target.address], labels: { team: 'cart' } }]));
    const relabel_configs = [{ source_labels: ['__meta_url'], target_label: 'url' }];
    const basic_auth = { username: 'u', password: 'p' };
    await using scraping = await withUrl(server, { basic_auth }, { relabel_configs });
    await until(() => targets(scraping) === 1, 'the first list');
    const [request] = server.requests;
    assert.equal(request?.url, '/targets?token=canary');
    assert.equal(request.headers.accept, 'application/json');
    assert.equal(request.headers['x-prometheus-refresh-interval-seconds'], '20');
    assert.equal(request.headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`);
    await noticed(scraping, () => points(scraping).some(({ name }) => name === 'a'), 'a scrape');
    const point = points(scraping).find(({ name }) => name === 'a');
    assert.deepEqual(point?.attributes, { team: 'cart', url: `http://${server.address}/targets?token=canary` });
    server.answer = list([]);
    await noticed(scraping, () => targets(scraping) === 0, 'the empty list');
    await noticed(scraping, () => points(scraping).some(({ stale }) => stale), 'markers');
  });

  test('answers that cannot be used keep the last good targets, and secrets of the URL are not told', async (t) => {
    await using server = await pageTarget(list([{ targets: ['127.0.0.1:1'] }]));
    await using scraping = await withUrl(server);
    await until(() => targets(scraping) === 1, 'the first list');
    const error = t.mock.method(scraping.context.log, 'error');
    const answers: PageTarget['answer'][] = [
      (_, response) => void response.writeHead(500).end(),
      list([], { 'content-type': 'text/html' }),
      page('[{', { 'content-type': 'application/json' }),
      list([null]),
      list([{ targets: ['x'], lables: {} }]),
      (_, response) => void response.destroy(),
    ];
    for (const answer of answers) {
      const before = failures(scraping, 'http');
      server.answer = answer;
      await noticed(scraping, () => failures(scraping, 'http') > before, 'a failure');
      assert.equal(targets(scraping), 1);
    }
    assert.ok(error.mock.callCount() >= answers.length);
    const told = JSON.stringify(error.mock.calls.map((call) => call.arguments));
    assert.doesNotMatch(told + String(scraping.context.health.get('metrics')), /canary/);
    assert.match(String(scraping.context.health.get('metrics')), /job "shop"/);
  });

  test('an answer that never comes is given up, and stopping does not wait for one', async () => {
    await using server = await pageTarget(() => undefined);
    const scraping = await withUrl(server);
    await until(() => server.requests.length === 1, 'the request');
    await scraping.clock.advance(25_000);
    await noticed(scraping, () => failures(scraping, 'http') > 0, 'the end of waiting');
    await noticed(scraping, () => server.requests.length > 1, 'another request');
    await scraping[Symbol.asyncDispose]();
  });

  test('redirects are followed, and credentials are for the first server alone, also on the way back', async () => {
    await using target = await pageTarget(page('a 1\n'));
    const json = { 'content-type': 'application/json' };
    await using other = await pageTarget((_, response) => {
      response.writeHead(307, { location: `http://${server.address}/list` }).end();
    });
    await using server = await pageTarget((request, response) => {
      if (request.url === '/list') page(JSON.stringify([{ targets: [target.address] }]), json)(request, response);
      else response.writeHead(302, { location: `http://${other.address}/elsewhere` }).end();
    });
    const http_headers = { 'X-Key': { secrets: ['canary'] } };
    const url = `http://${server.address}/`;
    const config = { url, basic_auth: { username: 'u', password: 'p' }, http_headers };
    await using scraping = await Scraping.on(target, { static_configs: [], http_sd_configs: [config] });
    await noticed(scraping, () => targets(scraping) === 1, 'the list behind two redirects');
    const secrets = [...server.requests, ...other.requests].map(({ url: path, headers }) => [
      path,
      headers.authorization !== undefined,
      headers['x-key'],
    ]);
    assert.deepEqual(secrets, [
      ['/', true, 'canary'],
      ['/list', false, undefined],
      ['/elsewhere', false, undefined],
    ]);
    const never = { ...config, follow_redirects: false };
    await using strict = await Scraping.on(target, { static_configs: [], http_sd_configs: [never] });
    await noticed(strict, () => failures(strict, 'http') > 0, 'the refusal');
    assert.match(strict.context.health.get('metrics') ?? '', /status 302/);
  });

  test('a URL or a path that cannot work is refused', async () => {
    await using target = await pageTarget(page(''));
    for (const [keys, expected] of [
      [{ http_sd_configs: [{ url: 'targets.json' }] }, /is not a URL/],
      [{ http_sd_configs: [{ url: 'ftp://x/' }] }, /is not a URL/],
      [{ http_sd_configs: [{ url: 'http://x/', bearer_token: 'a', basic_auth: {} }] }, /at most one of/],
      [{ file_sd_configs: [{ files: ['targets.txt'] }] }, /ends in \.json/],
      [{ file_sd_configs: [{ files: ['*/targets.json'] }] }, /only its last part/],
      [{ file_sd_configs: [{ files: ['[ab]/targets.json'] }] }, /only its last part/],
      [{ file_sd_configs: [{ files: ['[z-a].json'] }] }, /the range z-a goes backwards/],
      [{ file_sd_configs: [{ files: ['[ab.json'] }] }, /a \[ is not closed/],
      [{ file_sd_configs: [{ files: ['[a-].json'] }] }, /a - in the wrong place/],
      [{ http_sd_configs: [{ url: 'http://u:p@x/' }] }, /write them into basic_auth/],
      [{ file_sd_configs: [{ files: [] }] }, /file/],
    ] as const) {
      await assert.rejects(Scraping.on(target, keys), expected);
    }
  });
});
