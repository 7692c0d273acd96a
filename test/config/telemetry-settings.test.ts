import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadGood, problemsOf, warningsOf } from './load.ts';

const config = (telemetry: string) => ({
  'a.yaml': `receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
service:
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
  telemetry: ${telemetry}
`,
});

const settings = async (telemetry: string) => (await loadGood(config(telemetry))).telemetry;

test('nothing said gives the defaults of the Collector', async () => {
  assert.deepEqual(await settings(''), {
    logs: {
      level: 'info',
      encoding: 'text',
      sampling: { enabled: true, tickMs: 10_000, initial: 10, thereafter: 100 },
    },
    metrics: { level: 'normal', host: 'localhost', port: 8888, withTypeSuffix: true },
    resource: {},
  });
});

test('a pull reader says where metrics are served and how counters are named', async () => {
  const prometheus = '{host: 0.0.0.0, port: 9999, without_type_suffix: true, without_units: true}';
  const { metrics } = await settings(
    `{metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: ${prometheus}}}}]}}`,
  );
  assert.deepEqual(metrics, { level: 'detailed', host: '0.0.0.0', port: 9999, withTypeSuffix: false });
});

test('the older address is understood', async () => {
  const served = async (address: string) => {
    const { host, port } = (await settings(`{metrics: {address: "${address}"}}`)).metrics;
    return { host, port };
  };
  assert.deepEqual(await served('127.0.0.1:9000'), { host: '127.0.0.1', port: 9000 });
  assert.deepEqual(await served(':9000'), { host: '0.0.0.0', port: 9000 });
  assert.deepEqual(await served('[::1]:9000'), { host: '::1', port: 9000 });
});

test('levels are taken in capitals, resource values become text and null takes one away', async () => {
  const { logs, resource } = await settings(
    '{logs: {level: DEBUG, encoding: json}, resource: {a: x, n: 1, gone: null}}',
  );
  assert.deepEqual([logs.level, logs.encoding], ['debug', 'json']);
  assert.deepEqual(resource, { a: 'x', n: '1' });
});

test('settings of the Collector that change nothing here are a warning', async () => {
  const telemetry =
    '{logs: {development: true, output_paths: [stdout]}, metrics: {readers: [{periodic: {}}]}, traces: {}}';
  assert.deepEqual(await warningsOf(config(telemetry)), [
    'a.yaml:5:22 service.telemetry.logs.development: this key has no effect in Remora',
    'a.yaml:5:41 service.telemetry.logs.output_paths: this key has no effect in Remora',
    'a.yaml:5:87 service.telemetry.metrics.readers[0].periodic: this key has no effect in Remora',
    'a.yaml:5:104 service.telemetry.traces: this key has no effect in Remora',
  ]);
});

test('mistakes are named as anywhere else', async () => {
  const telemetry = '{logs: {level: verbose}, metrics: {adress: x}, resource: {a: [1]}}';
  assert.deepEqual(await problemsOf(config(telemetry)), [
    'a.yaml:5:29 service.telemetry.logs.level: expected one of "debug", "info", "warn", "error", "DEBUG", "INFO", "WARN", "ERROR", found the text "verbose"',
    'a.yaml:5:49 service.telemetry.metrics.adress: unknown key, did you mean "address"?',
    'a.yaml:5:75 service.telemetry.resource.a: expected text or a number or true or false or nothing, found a list',
  ]);
});

test('an address that cannot be listened on is refused instead of served somewhere else', async () => {
  for (const address of ['localhost', 'localhost:http', '127.0.0.1:99999', '::1:8888']) {
    const [problem, ...others] = await problemsOf(config(`{metrics: {address: "${address}"}}`));
    assert.equal(problem, 'a.yaml:5:34 service.telemetry.metrics.address: expected host:port, such as localhost:8888');
    assert.deepEqual(others, []);
  }
});
