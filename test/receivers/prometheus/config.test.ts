import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { suite, test } from 'node:test';
import { z } from 'zod';
import { prometheusSettings } from '../../../src/receivers/prometheus/config.ts';
import { resolveJobs, type Job } from '../../../src/receivers/prometheus/job.ts';

const parse = (config: object, own: object = {}) => prometheusSettings().safeParse({ config, ...own });
const job = (keys: object, global: object = {}): Job => {
  const scrape_configs = [{ job_name: 'j', static_configs: [{ targets: ['h:1'] }], ...keys }];
  const [resolved] = resolveJobs(prometheusSettings().parse({ config: { global, scrape_configs } }));
  assert.ok(resolved);
  return resolved;
};
const problems = (config: object, own: object = {}): string[] =>
  parse(config, own).error?.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`) ?? [];

suite('prometheus configuration', () => {
  test('defaults are those of Prometheus, but for the bound on pages', () => {
    const { intervalMs, timeoutMs, bodyLimitBytes, targets } = job({});
    assert.deepEqual([intervalMs, timeoutMs, bodyLimitBytes], [60_000, 10_000, 64 * 2 ** 20]);
    assert.deepEqual([targets[0]?.url.href, targets[0]?.job, targets[0]?.instance], ['http://h:1/metrics', 'j', 'h:1']);
  });

  test('a job takes from global what it does not say, and a timeout never exceeds its interval', () => {
    const global = { scrape_interval: '30s', sample_limit: 7, body_size_limit: '1MB' };
    const taken = job({}, global);
    assert.deepEqual([taken.intervalMs, taken.rules.sampleLimit, taken.bodyLimitBytes], [30_000, 7, 2 ** 20]);
    assert.deepEqual(
      [job({ sample_limit: 0 }, global).rules.sampleLimit, job({ scrape_interval: '5s' }).timeoutMs],
      [0, 5000],
    );
  });

  test('labels of a target may set its request and its identity', () => {
    const labels = { env: 'prod', job: 'other', __metrics_path__: '/m', __param_q: 'x', __scheme__: 'https', n: 5 };
    const [target] = job({ static_configs: [{ targets: ['h:1'], labels }] }).targets;
    assert.equal(target?.url.href, 'https://h:1/m?q=x');
    assert.deepEqual(
      [target.job, target.labels],
      [
        'other',
        [
          ['env', 'prod'],
          ['n', '5'],
        ],
      ],
    );
  });

  test('an address that is listed twice is scraped once', () => {
    assert.equal(job({ static_configs: [{ targets: ['h:1', 'h:1', 'h:2'] }] }).targets.length, 2);
  });

  test('what Prometheus has and Remora has not is named, with what to use instead', () => {
    const scrape_configs = [{ job_name: 'j', relabel_configs: [], kubernetes_sd_configs: [{}], proxy_url: 'x' }];
    const found = problems({ scrape_configs, remote_write: [] }, { trim_metric_suffixes: true });
    assert.equal(found.length, 5, found.join('\n'));
    for (const key of ['relabel_configs', 'kubernetes_sd_configs', 'proxy_url', 'remote_write']) {
      assert.ok(
        found.some((line) => line.includes(`${key}: is not available here: `)),
        key,
      );
    }
  });

  test('mistakes are found before anything starts', () => {
    assert.match(problems({ scrape_configs: [] }).join(), /scrape_configs/);
    const twice = [{ job_name: 'j' }, { job_name: 'j', scrape_interval: '5s', scrape_timeout: '6s' }];
    assert.deepEqual(problems({ scrape_configs: twice }), [
      'scrape_configs.1.job_name: two jobs are called "j"',
      'scrape_configs.1.scrape_timeout: must not be longer than scrape_interval',
    ]);
    const bad = [{ job_name: 'j', scrape_interval: '1.5s', static_configs: [{ targets: ['http://h:1/x'] }] }];
    assert.equal(problems({ scrape_configs: bad }).length, 2);
    const auth = [{ job_name: 'j', bearer_token: 'x', basic_auth: { username: 'u' } }];
    assert.match(problems({ scrape_configs: auth }).join(), /at most one of basic_auth/);
  });

  test('targets must be addresses, wherever they are written, and labels that are not read are refused', () => {
    const one = (keys: object): string =>
      problems({ scrape_configs: [{ job_name: 'j', static_configs: [keys] }] }).join();
    for (const target of ['user:secret@h:1', 'h:99999', 'h:1?x=y', 'h:1#x', ''])
      assert.notEqual(one({ targets: [target] }), '');
    const targets = ['h:1'];
    assert.match(one({ targets, labels: { __address__: 'h:99999' } }), /__address__: is not an address/);
    assert.match(one({ targets, labels: { __scheme__: 'ftp' } }), /__scheme__/);
    for (const name of ['__scrape_interval__', '__scrape_timeout__']) {
      assert.match(one({ targets, labels: { [name]: '5s' } }), /is not read from labels here/);
    }
    assert.equal(
      one({ targets: ['[::1]:9090', 'h', 'h:1'], labels: { __address__: 'other:1', __scheme__: 'https' } }),
      '',
    );
  });

  test('credentials are not printed', () => {
    const { config } = job({ basic_auth: { username: 'u', password: 'hunter2' } });
    assert.doesNotMatch(JSON.stringify(config) + inspect(config, { depth: 9 }), /hunter2/);
  });

  test('the schema can be given to editors', () => {
    assert.doesNotThrow(() => z.toJSONSchema(prometheusSettings(), { io: 'input', unrepresentable: 'any' }));
  });
});
