import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../src/components.ts';
import { warningsOf } from './load.ts';

async function warned(parts: { receiver?: string; processors: string }): Promise<string[]> {
  const yaml = `receivers: {otlp: {protocols: {http: {${parts.receiver ?? ''}}}}}
processors:
  batch:
  rate_limit: {items_per_second: 1, by: {metadata: x-scope-orgid}}
  rate_limit/attribute: {items_per_second: 1, by: {resource_attribute: tenant.id}}
exporters: {debug: }
service:
  pipelines:
    logs: {receivers: [otlp], processors: [${parts.processors}], exporters: [debug]}
`;
  const warnings = await warningsOf({ 'a.yaml': yaml }, { catalog: components });
  return warnings.filter((text) => !text.includes('is not started'));
}

test('a processor that goes by request metadata is warned of where no receiver carries it', async () => {
  assert.deepEqual(await warned({ processors: 'rate_limit' }), [
    'a.yaml:9:44 service.pipelines.logs.processors[0]: "rate_limit" goes by request metadata, which no receiver of this pipeline carries; set include_metadata: true in the protocols of the otlp receiver',
  ]);
});

test('and where something before it joins batches', async () => {
  const receiver = 'include_metadata: true';
  assert.deepEqual(await warned({ receiver, processors: 'batch, rate_limit' }), [
    'a.yaml:9:51 service.pipelines.logs.processors[1]: "rate_limit" goes by request metadata, which is gone after "batch"; put it before "batch"',
  ]);
});

test('but not where it finds what it needs, or needs nothing', async () => {
  const receiver = 'include_metadata: true';
  assert.deepEqual(await warned({ receiver, processors: 'rate_limit, batch' }), []);
  assert.deepEqual(await warned({ processors: 'batch, rate_limit/attribute' }), []);
});
