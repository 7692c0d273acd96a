import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { suite, test } from 'node:test';
import { z } from 'zod';
import { prometheusSettings } from '../../../src/receivers/prometheus/config.ts';
import { relabelledTargets, resolveJobs, type Job } from '../../../src/receivers/prometheus/job.ts';
import type { Target } from '../../../src/receivers/prometheus/target.ts';

const parse = (config: object, own: object = {}) => prometheusSettings().safeParse({ config, ...own });
const job = (keys: object, global: object = {}): Job => {
  const scrape_configs = [{ job_name: 'j', static_configs: [{ targets: ['h:1'] }], ...keys }];
  const [resolved] = resolveJobs(prometheusSettings().parse({ config: { global, scrape_configs } }));
  assert.ok(resolved);
  return resolved;
};
const targetsOf = ({ config, defaults }: Job): Target[] => [
  ...relabelledTargets(config.static_configs, defaults, (problem) => assert.fail(problem)).values(),
];
const problems = (config: object, own: object = {}): string[] =>
  parse(config, own).error?.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`) ?? [];

suite('prometheus configuration', () => {
  test('defaults are those of Prometheus, but for the bound on pages', () => {
    const resolved = job({});
    const { bodyLimitBytes, defaults } = resolved;
    const { intervalMs, timeoutMs } = defaults;
    const targets = targetsOf(resolved);
    assert.deepEqual([intervalMs, timeoutMs, bodyLimitBytes], [60_000, 10_000, 64 * 2 ** 20]);
    assert.deepEqual([targets[0]?.url.href, targets[0]?.job, targets[0]?.instance], ['http://h:1/metrics', 'j', 'h:1']);
  });

  test('a job takes from global what it does not say, and a timeout never exceeds its interval', () => {
    const global = { scrape_interval: '30s', sample_limit: 7, body_size_limit: '1MB' };
    const taken = job({}, global);
    assert.deepEqual([taken.defaults.intervalMs, taken.rules.sampleLimit, taken.bodyLimitBytes], [30_000, 7, 2 ** 20]);
    assert.deepEqual(
      [job({ sample_limit: 0 }, global).rules.sampleLimit, job({ scrape_interval: '5s' }).defaults.timeoutMs],
      [0, 5000],
    );
  });

  test('labels of a target may set its request and its identity', () => {
    const labels = { env: 'prod', job: 'other', __metrics_path__: '/m', __param_q: 'x', __scheme__: 'https', n: 5 };
    const [target] = targetsOf(job({ static_configs: [{ targets: ['h:1'], labels }] }));
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
    assert.equal(targetsOf(job({ static_configs: [{ targets: ['h:1', 'h:1', 'h:2'] }] })).length, 2);
  });

  test('what Prometheus has and Remora has not is named, with what to use instead', () => {
    const scrape_configs = [{ job_name: 'j', sigv4: {}, kubernetes_sd_configs: [{}], proxy_url: 'x' }];
    const found = problems({ scrape_configs, remote_write: [] }, { trim_metric_suffixes: true });
    assert.equal(found.length, 5, found.join('\n'));
    for (const key of ['sigv4', 'kubernetes_sd_configs', 'proxy_url', 'remote_write']) {
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
    assert.equal(problems({ scrape_configs: [{ job_name: 'j', scrape_interval: '1.5s' }] }).length, 1);
    const bad = [{ job_name: 'j', static_configs: [{ targets: ['http://h:1/x'] }] }];
    assert.match(problems({ scrape_configs: bad }).join(), /not an address.*keys of their own/);
    const auth = [{ job_name: 'j', bearer_token: 'x', basic_auth: { username: 'u' } }];
    assert.match(problems({ scrape_configs: auth }).join(), /at most one of basic_auth/);
  });

  test('credentials that contradict each other, and headers that are not for the taking, are refused', () => {
    const one = (keys: object): string => problems({ scrape_configs: [{ job_name: 'j', ...keys }] }).join();
    assert.match(one({ basic_auth: { username: 'u', username_file: 'f' } }), /username or username_file/);
    assert.match(one({ basic_auth: { password: 'u', password_file: 'f' } }), /password or password_file/);
    assert.match(
      one({ authorization: { credentials: 'c', credentials_file: 'f' } }),
      /credentials or credentials_file/,
    );
    assert.match(one({ authorization: { type: 'basic', credentials: 'c' } }), /write basic_auth/);
    for (const name of ['Authorization', 'Host', 'accept-encoding', 'X-Prometheus-Scrape-Timeout-Seconds']) {
      assert.match(one({ http_headers: { [name]: { values: ['x'] } } }), new RegExp(`cannot set ${name}`));
    }
    assert.equal(one({ http_headers: { 'X-Scope-OrgID': { values: ['x'] } }, basic_auth: { username: 'u' } }), '');
  });

  test('targets must be addresses', () => {
    const one = (keys: object): string =>
      problems({ scrape_configs: [{ job_name: 'j', static_configs: [keys] }] }).join();
    for (const target of ['user:secret@h:1', 'h:99999', 'h:1?x=y', 'h:1#x', ''])
      assert.notEqual(one({ targets: [target] }), '', target);
    assert.match(one({ targets: ['h:1'], labels: { __scheme__: 'ftp' } }), /"ftp" in __scheme__/);
    assert.equal(one({ targets: ['[::1]:9090', 'h', 'h:1'], labels: { __scheme__: 'https' } }), '');
  });

  test('a target may have its own interval and timeout, which are checked', () => {
    const labels = { __scrape_interval__: '2m', __scrape_timeout__: '1m30s' };
    const [target] = targetsOf(job({ static_configs: [{ targets: ['h:1'], labels }] }));
    assert.deepEqual([target?.intervalMs, target?.timeoutMs, target?.labels], [120_000, 90_000, []]);
    const refused = (labels: object): string =>
      problems({ scrape_configs: [{ job_name: 'j', static_configs: [{ targets: ['h:1'], labels }] }] }).join();
    assert.match(refused({ __scrape_interval__: 'soon' }), /"soon" in __scrape_interval__ is not a duration/);
    assert.match(refused({ __scrape_interval__: '5s' }), /__scrape_timeout__ longer than its __scrape_interval__/);
  });

  test('credentials are not printed', () => {
    const { config } = job({ basic_auth: { username: 'u', password: 'hunter2' } });
    assert.doesNotMatch(JSON.stringify(config) + inspect(config, { depth: 9 }), /hunter2/);
  });

  test('the schema can be given to editors', () => {
    assert.doesNotThrow(() => z.toJSONSchema(prometheusSettings(), { io: 'input', unrepresentable: 'any' }));
  });
});
