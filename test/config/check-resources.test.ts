import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { z } from 'zod';
import { defineProcessor } from '../../src/core/component.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';
import { catalog } from './catalog.ts';
import { loadGood, problemsOf } from './load.ts';

const config = (parts: { extensions?: string; grpc?: string; sending?: string; service?: string }) => ({
  'a.yaml': `extensions: {${parts.extensions ?? ''}}
receivers: {otlp: {protocols: {grpc: {endpoint: "${parts.grpc ?? 'localhost:4317'}"}}}}
exporters: {debug: {sending_queue: {${parts.sending ?? ''}}}}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
  ${parts.service ?? ''}
`,
});

async function directory(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'remora-config-'));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

test('two that would listen on one port are named, whatever the host is called', async () => {
  for (const grpc of ['localhost:13133', '127.0.0.1:13133', '0.0.0.0:13133', ':13133', '[::]:13133']) {
    const files = config({ extensions: 'health_check: ', grpc, service: 'extensions: [health_check]' });
    assert.deepEqual(await problemsOf(files), [
      `a.yaml:2:49 receivers.otlp.protocols.grpc.endpoint: "${grpc}" is already taken by extensions.health_check.endpoint ("localhost:13133"); give each its own port`,
    ]);
  }
});

test('the own metrics take a port too, unless they are off', async () => {
  const service = 'telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 4317}}}}]}}';
  assert.deepEqual(await problemsOf(config({ service })), [
    'a.yaml:6:24 service.telemetry.metrics: "0.0.0.0:4317" is already taken by receivers.otlp.protocols.grpc.endpoint ("localhost:4317"); give each its own port',
  ]);
  await loadGood(config({ service: service.replace('{metrics: {', '{metrics: {level: none, ') }));
});

test('different addresses, free ports and what is not started do not clash', async () => {
  await loadGood(config({ grpc: '10.0.0.1:8888' }));
  await loadGood(config({ grpc: 'localhost:0', service: 'telemetry: {metrics: {address: "localhost:0"}}' }));
  await loadGood(config({ extensions: 'health_check: ', grpc: 'localhost:13133' }));
});

test('a storage that is not started or not configured is named', async () => {
  const queue = (extensions: string) =>
    problemsOf({
      'a.yaml': `extensions: {${extensions}}
receivers: {filelog: {include: [a], storage: file_storage}}
exporters: {debug: }
service: {pipelines: {logs: {receivers: [filelog], exporters: [debug]}}}
`,
    });
  assert.deepEqual(await queue('file_storage: '), [
    'a.yaml:2:46 receivers.filelog.storage: extension "file_storage" is not started; add it to service.extensions',
  ]);
  assert.deepEqual(await queue('file_storage/x: '), [
    'a.yaml:2:46 receivers.filelog.storage: extension "file_storage" is not configured, did you mean "file_storage/x"?',
  ]);
  assert.deepEqual(await queue(''), [
    'a.yaml:2:46 receivers.filelog.storage: extension "file_storage" is not configured; add it under extensions and to service.extensions',
  ]);
});

test('an extension that keeps no data is no storage', async () => {
  const yaml = `extensions: {health_check: }
receivers: {filelog: {include: [a], storage: health_check}}
exporters: {otlp: {endpoint: 'x:1', sending_queue: {storage: health_check}}}
service: {extensions: [health_check], pipelines: {logs: {receivers: [filelog], exporters: [otlp]}}}
`;
  assert.deepEqual(await problemsOf({ 'a.yaml': yaml }), [
    'a.yaml:2:46 receivers.filelog.storage: extension "health_check" is no storage; name one, such as file_storage',
    'a.yaml:3:62 exporters.otlp.sending_queue.storage: extension "health_check" is no storage; name one, such as file_storage',
  ]);
});

test('a directory that can be made is fine, one below a file is not', async (t) => {
  const parent = await directory(t);
  await writeFile(join(parent, 'file'), '');
  const at = (path: string, more = ', create_directory: true') =>
    config({ extensions: `file_storage: {directory: ${path}${more}}`, service: 'extensions: [file_storage]' });
  await loadGood(at(parent));
  await loadGood(at(parent, ''));
  await loadGood(at(join(parent, 'not', 'yet')));
  const [missing] = await problemsOf(at(join(parent, 'not', 'yet'), ''));
  assert.match(missing ?? '', /: it does not exist; make it, or set create_directory: true$/);
  const [below] = await problemsOf(at(join(parent, 'file', 'x')));
  assert.match(
    below ?? '',
    /^a\.yaml:1:40 extensions\.file_storage\.directory: directory ".*" cannot be used: .*ENOTDIR/,
  );
  const [file] = await problemsOf(at(join(parent, 'file')));
  assert.match(file ?? '', /is not a directory; check its owner and mode$/);
  await loadGood(at(join(parent, 'file')), { checkDirectories: false });
});

const idle = () => ({ consume: () => Promise.resolve(ACCEPTED) });
const sampler = defineProcessor({
  type: 'sampler',
  summary: 'Thins.',
  signals: ['traces', 'logs'],
  config: () => z.strictObject({ percentage: z.number().default(100).describe('How much.') }),
  decidesTraces: true,
  create: idle,
});
const follower = defineProcessor({
  type: 'follower',
  summary: 'Follows.',
  signals: ['logs'],
  config: () => z.strictObject({ follow: z.string().describe('A sampler.') }),
  resources: ({ follow }) => [{ kind: 'trace sampler', id: follow, path: ['follow'] }],
  create: idle,
});

test('a sampler of traces that is followed is there, is one, and is in a pipeline of traces', async () => {
  const withSamplers = { catalog: { ...catalog, processors: [...catalog.processors, sampler, follower] } };
  const following = (follow: string, traces = 'batch, sampler/head', percentage = '10') => ({
    'a.yaml': `receivers: {otlp: {protocols: {grpc: {}}}}
processors: {batch: , sampler/head: {percentage: ${percentage}}, follower: {follow: ${follow}}}
exporters: {debug: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [${traces}], exporters: [debug]}
    logs: {receivers: [otlp], processors: [sampler/head, follower], exporters: [debug]}
`,
  });
  await loadGood(following('sampler/head'), withSamplers);
  const at = 'a.yaml:2:74 processors.follower.follow: ';
  assert.deepEqual(await problemsOf(following('sampler/haed'), withSamplers), [
    `${at}processor "sampler/haed" is not configured, did you mean "sampler/head"?`,
  ]);
  assert.deepEqual(await problemsOf(following('batch'), withSamplers), [
    `${at}processor "batch" samples no traces here; the samplers in pipelines of traces are sampler/head`,
  ]);
  assert.deepEqual(await problemsOf(following('sampler/head', 'batch'), withSamplers), [
    `${at}processor "sampler/head" samples no traces here; put a sampler, such as tail_sampling, into a pipeline of traces`,
  ]);
  const broken = await problemsOf(following('sampler/head', 'sampler/head', 'no'), withSamplers);
  assert.equal(broken.length, 1, broken.join());
});
