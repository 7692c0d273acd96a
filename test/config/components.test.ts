import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { components } from '../../src/components.ts';
import { SECTIONS } from '../../src/config/catalog.ts';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { printConfig } from '../../src/config/print.ts';
import { isRecord } from '../../src/config/records.ts';
import { referenceMarkdown } from '../../src/config/reference.ts';
import { loadGood, problemsOf } from './load.ts';

/** A configuration as people have it for the Collector, with the components that exist here. */
const collectorConfig = (directory: string) => `extensions:
  health_check:
    endpoint: 0.0.0.0:13133
  file_storage/state:
    directory: ${directory}
    create_directory: true

receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        max_recv_msg_size_mib: 16
      http:
        endpoint: 0.0.0.0:4318
        cors: { allowed_origins: ["https://*.example.com"] }
  filelog:
    include: [/var/log/app/*.log]
    exclude: [/var/log/app/debug.log]
    start_at: beginning
    storage: file_storage/state
    include_file_path: true
    operators:
      - type: json_parser
        timestamp:
          parse_from: attributes.time
          layout: "%Y-%m-%dT%H:%M:%S.%LZ"
        severity:
          parse_from: attributes.level
  prometheus:
    config:
      global:
        scrape_interval: 15s
      scrape_configs:
        - job_name: app
          scrape_interval: 10s
          static_configs:
            - targets: ["localhost:9100"]
              labels: { env: prod }

processors:
  memory_limiter:
    check_interval: 1s
    limit_mib: 400
    spike_limit_mib: 100
  batch:
    send_batch_size: 1024
    timeout: 1s
  attributes:
    actions:
      - key: environment
        value: \${env:ENVIRONMENT:-production}
        action: insert
      - key: password
        action: delete

exporters:
  otlp:
    endpoint: \${env:GATEWAY}:4317
    tls:
      insecure: true
    headers:
      authorization: Bearer \${env:TOKEN}
      x-scope: "\${env:SCOPE}"
    sending_queue:
      enabled: true
      num_consumers: 4
      queue_size: 500
      storage: file_storage/state
    retry_on_failure:
      enabled: true
      initial_interval: 1s
      max_elapsed_time: 0s
  otlphttp:
    endpoint: https://\${env:GATEWAY}:4318
    compression: gzip

service:
  extensions: [health_check, file_storage/state]
  telemetry:
    logs:
      level: info
    metrics:
      level: detailed
      readers:
        - pull:
            exporter:
              prometheus:
                host: 0.0.0.0
                port: 8888
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [otlp, otlphttp]
    metrics:
      receivers: [otlp, prometheus]
      processors: [memory_limiter, batch]
      exporters: [otlphttp]
    logs:
      receivers: [otlp, filelog]
      processors: [memory_limiter, attributes, batch]
      exporters: [otlp]
`;

const ENV = { GATEWAY: 'gateway', TOKEN: 'canary-7f3a9', SCOPE: '12345678' };
const OPTIONS = { catalog: components, env: ENV };

async function configuration(t: TestContext): Promise<Record<string, string>> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-config-'));
  t.after(() => rm(directory, { recursive: true }));
  return { 'collector.yaml': collectorConfig(directory) };
}

test('a Collector configuration of the usual components loads unmodified', async (t) => {
  const plan = await loadGood(await configuration(t), OPTIONS);
  assert.deepEqual(
    plan.pipelines.map(({ id }) => id),
    ['traces', 'metrics', 'logs'],
  );
  assert.deepEqual(plan.extensions, ['health_check', 'file_storage/state']);
  assert.equal(plan.exporters.get('otlp')?.prepared.sending?.retry_on_failure.max_elapsed_time, 0);
});

test('it is printed without its credentials, and what is printed loads again', async (t) => {
  const plan = await loadGood(await configuration(t), OPTIONS);
  const printed = printConfig(plan, { format: 'yaml' });
  assert.ok(!printed.includes(ENV.TOKEN) && !printed.includes(ENV.SCOPE));
  const again = await loadGood({ 'printed.yaml': printed }, { ...OPTIONS, env: {} });
  assert.equal(printConfig(again, { format: 'yaml' }), printed);
});

test('mistakes in the settings of real components are named at their places', async (t) => {
  const files = await configuration(t);
  const text = (files['collector.yaml'] ?? '')
    .replace('send_batch_size: 1024', 'send_batch_sise: 1024')
    .replace('initial_interval: 1s', 'initial_interval: 1 sec')
    .replace('start_at: beginning', 'start_at: start')
    .replace('- job_name: app', '- job: app');
  const lineOf = (part: string) => text.split('\n').findIndex((line) => line.includes(part)) + 1;
  const problems = await problemsOf({ 'c.yaml': text }, OPTIONS);
  const places = problems.map((problem) => problem.split(' ').slice(0, 2).join(' '));
  assert.deepEqual(places, [
    `c.yaml:${lineOf('start_at')}:15 receivers.filelog.start_at:`,
    `c.yaml:${lineOf('- job:')}:11 receivers.prometheus.config.scrape_configs[0].job:`,
    `c.yaml:${lineOf('send_batch_sise')}:5 processors.batch.send_batch_sise:`,
    `c.yaml:${lineOf('initial_interval')}:25 exporters.otlp.retry_on_failure.initial_interval:`,
  ]);
});

test('the JSON schema of the real components refers only to what it holds', () => {
  const schema = jsonSchema(components);
  const definitions = schema['$defs'];
  assert.ok(isRecord(definitions));
  const references: string[] = [];
  JSON.stringify(schema, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') references.push(value);
    return value;
  });
  for (const reference of new Set(references)) {
    const steps = reference.split('/').slice(1);
    const target = steps.reduce<unknown>((node, step) => (isRecord(node) ? node[step] : undefined), schema);
    assert.ok(isRecord(target), reference);
  }
  const count = SECTIONS.reduce((sum, section) => sum + components[section].length, 1);
  assert.equal(Object.keys(definitions).length, count);
});

test('the reference names every component and every metric', () => {
  const markdown = referenceMarkdown(components);
  for (const section of SECTIONS) {
    for (const { type, metrics } of components[section]) {
      assert.ok(markdown.includes(`### \`${type}\``), type);
      for (const { name } of metrics) assert.ok(markdown.includes(`| \`${name}\` |`), name);
    }
  }
});

test('operators that are not there or misspelt, and their keys, are told what to do instead', async () => {
  const text = `receivers:
  filelog:
    include: [/var/log/app.log]
    operators:
      - {type: syslog_parser, protocol: rfc5424}
      - {type: jsn_parser}
      - {type: csv_parser, header: a, delimeter: ';'}
      - {type: noop, header: a}
      - {type: regex_parser, regex: '(?P<a>.)', preserve_to: body.raw}
`;
  const problems = await problemsOf({ 'a.yaml': text }, OPTIONS);
  const found = problems
    .filter((problem) => problem.includes('operators'))
    .map((problem) => problem.replace(/^.*operators/, ''));
  assert.equal(found[0], '[0].type: "syslog_parser" is not supported; use regex_parser with timestamp and severity');
  assert.match(
    found[1] ?? '',
    /^\[1\]\.type: expected one of .*, found the text "jsn_parser", did you mean "json_parser"\?$/,
  );
  assert.deepEqual(found.slice(2), [
    '[2].delimeter: unknown key, did you mean "delimiter"?',
    '[3].header: unknown key; the keys here are type, id, output, if, on_error',
    '[4].preserve_to: this key is not supported; copy the value before it is parsed, with copy',
  ]);
});
