import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, loadGood, problemsOf } from './load.ts';

const BASE = `receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:1", max_size: 1MiB}}}
  filelog: {include: [a.log, b.log]}
exporters:
  debug: {verbosity: normal}
service:
  pipelines:
    logs: {receivers: [otlp, filelog], exporters: [debug]}
`;

const settings = async (files: Record<string, string>, options = {}) => {
  const plan = await loadGood(files, { configs: Object.keys(files), ...options });
  return {
    otlp: plan.receivers.get('otlp')?.prepared.config,
    filelog: plan.receivers.get('filelog')?.raw,
    debug: plan.exporters.get('debug')?.raw,
    pipelines: plan.pipelines,
  };
};

test('maps of later files merge into earlier ones, lists and scalars replace them', async () => {
  const later = `receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:2"}}}
  filelog: {include: [c.log]}
exporters: {debug: {verbosity: basic}}
`;
  const merged = await settings({ 'a.yaml': BASE, 'b.yaml': later });
  assert.deepEqual(merged.otlp, { protocols: { grpc: { endpoint: 'localhost:2', max_size: 2 ** 20 } } });
  assert.deepEqual(merged.filelog, { include: ['c.log'] });
  assert.deepEqual(merged.debug, { verbosity: 'basic' });
});

test('a section without a value wipes what earlier files said', async () => {
  const later = 'receivers:\nservice: {pipelines: {logs: {receivers: [otlp]}}}\n';
  assert.deepEqual(await problemsOf({ 'a.yaml': BASE, 'b.yaml': later }, { configs: ['a.yaml', 'b.yaml'] }), [
    'b.yaml:2:42 service.pipelines.logs.receivers[0]: receiver "otlp" is not configured; add it under receivers',
  ]);
});

test('problems after merging stand in the file that wrote the value', async () => {
  const later = 'exporters:\n  debug:\n    verbosity: loud\n    sending_queue: {queue_sise: 1}\n';
  assert.deepEqual(await problemsOf({ 'a.yaml': BASE, 'b.yaml': later }, { configs: ['a.yaml', 'b.yaml'] }), [
    'b.yaml:3:16 exporters.debug.verbosity: expected one of "basic", "normal", "detailed", found the text "loud"',
    'b.yaml:4:21 exporters.debug.sending_queue.queue_sise: unknown key, did you mean "queue_size"?',
  ]);
});

test('--set comes after all files, with dots or double colons, and its values are YAML', async () => {
  const sets = [
    'exporters.debug.verbosity=detailed',
    'receivers::filelog::include=[x.log]',
    'exporters.debug.flush_jitter=0.5',
  ];
  const merged = await settings({ 'a.yaml': BASE }, { sets });
  assert.deepEqual(merged.debug, { verbosity: 'detailed', flush_jitter: 0.5 });
  assert.deepEqual(merged.filelog, { include: ['x.log'] });
});

test('problems of --set name it', async () => {
  assert.deepEqual(await problemsOf({ 'a.yaml': BASE }, { sets: ['exporters.debug.verbosity=1', 'nonsense', '=x'] }), [
    '--set: "nonsense" does not name a key; write --set a.b.c=value',
    '--set: "" does not name a key; write --set a.b.c=value',
    '--set exporters.debug.verbosity: expected one of "basic", "normal", "detailed", found the number 1',
  ]);
});

test('a configuration may come from a file, a variable or the command line itself', async () => {
  const configs = ['file:a.yaml', 'env:MORE', 'yaml:exporters::debug::verbosity: basic'];
  const env = { MORE: 'receivers: {filelog: {include: [env.log]}}' };
  const merged = await settings({ 'a.yaml': BASE }, { configs, env });
  assert.deepEqual(merged.filelog, { include: ['env.log'] });
  assert.deepEqual(merged.debug, { verbosity: 'basic' });
});

test('a source that is not there, or lies on the network, is named', async () => {
  assert.deepEqual(await problemsOf({ 'a.yaml': BASE }, { configs: ['env:NOPE', 'https://example.com/a.yaml'] }), [
    'env:NOPE: the environment variable NOPE is not set',
    'https://example.com/a.yaml: a configuration is not read over the network; download it first and name the file',
  ]);
});

test('a file that is no map is named', async () => {
  assert.deepEqual(await problemsOf({ 'a.yaml': '- a\n- b\n' }), [
    'a.yaml:1:1: a configuration is a map with keys such as receivers, exporters and service',
  ]);
});

test('what was read is kept as text', async () => {
  const result = await load({ 'a.yaml': BASE });
  assert.ok(result.ok);
  assert.deepEqual(result.plan.sources, [{ file: 'a.yaml', text: BASE }]);
});
