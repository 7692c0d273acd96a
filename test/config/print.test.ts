import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printComponents, printConfig } from '../../src/config/print.ts';
import { catalog } from './catalog.ts';
import { loadGood } from './load.ts';

const CONFIG = `receivers: {otlp: {protocols: {grpc: }}}
processors: {attributes: {actions: [{action: insert, key: price, value: "$$5 \${UNIT}"}]}}
exporters: {debug: {timeout: 3s}}
service: {pipelines: {traces: {receivers: [otlp], processors: [attributes], exporters: [debug]}}}
`;

test('a printed configuration holds the defaults in the words of the YAML', async () => {
  const plan = await loadGood({ 'a.yaml': CONFIG }, { env: { UNIT: 'EUR' } });
  const printed: unknown = JSON.parse(printConfig(plan, { format: 'json' }));
  assert.partialDeepStrictEqual(printed, {
    receivers: { otlp: { protocols: { grpc: null } } },
    processors: { attributes: { actions: [{ action: 'insert', key: 'price', value: '$$5 EUR' }] } },
    exporters: { debug: { timeout: '3s', sending_queue: { queue_size: 1000, max_bytes: '32MiB' } } },
    service: { shutdown_timeout: '25s', telemetry: { metrics: { level: 'normal' } } },
  });
});

test('a printed configuration loads again and prints the same', async () => {
  const plan = await loadGood({ 'a.yaml': CONFIG }, { env: { UNIT: 'EUR' } });
  const printed = printConfig(plan, { format: 'yaml' });
  const again = await loadGood({ 'b.yaml': printed });
  assert.equal(printConfig(again, { format: 'yaml' }), printed);
  assert.deepEqual(again.pipelines, plan.pipelines);
});

test('components are listed with their other names, signals and purpose', () => {
  const printed = printComponents(catalog);
  assert.match(printed, /^receivers:\n {2}otlp {16}traces, metrics, logs {2}Takes OTLP\.$/m);
  assert.match(printed, /^ {2}filelog \(file_log\) {2}logs {19}Tails files\.$/m);
  assert.match(printed, /^ {2}health_check {2}Answers probes\.$/m);
});
