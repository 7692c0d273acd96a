import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisionCacheBytes } from '../../../src/processors/tail-sampling/decision-cache.ts';
import { tailSamplingProcessor } from '../../../src/processors/tail-sampling/index.ts';

const policies = [{ name: 'all', type: 'always_sample' }];

function parsed(settings: object) {
  const result = tailSamplingProcessor.parse({ policies, ...settings });
  assert.ok(result.ok, JSON.stringify(result));
  return result.prepared;
}

function complaint(settings: object): string {
  const result = tailSamplingProcessor.parse({ policies, ...settings });
  assert.ok(!result.ok);
  return result.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

test('memory is claimed for spans, and for as many decisions of each kind as there may be traces', () => {
  assert.deepEqual(parsed({}).memory, [
    { share: 'buffers', bytes: 64 * 2 ** 20, path: ['max_bytes'] },
    { share: 'caches', bytes: decisionCacheBytes(100_000), path: ['decision_cache'] },
  ]);
  const written = parsed({ max_bytes: '8MiB', num_traces: 500, decision_cache: { sampled_cache_size: 0 } });
  assert.deepEqual(
    written.memory?.map(({ bytes }) => bytes),
    [8 * 2 ** 20, decisionCacheBytes(500)],
  );
});

test('every key of the Collector is taken', () => {
  parsed({
    decision_wait: '10s',
    num_traces: 100,
    expected_new_traces_per_sec: 10,
    decision_cache: { sampled_cache_size: 100_000, non_sampled_cache_size: 100_000 },
    decision_wait_after_root_received: '2s',
    maximum_trace_size_bytes: 1_000_000,
    sample_on_first_match: true,
    drop_pending_traces_on_shutdown: true,
    block_on_overflow: true,
    sampling_strategy: 'trace-complete',
    num_shards: 4,
  });
});

test('what contradicts itself is said with its key', () => {
  assert.equal(complaint({ max_bytes: 1000 }), 'max_bytes: must be 4MiB to 4GiB');
  assert.match(
    complaint({ decision_wait: '1s', decision_wait_after_root_received: '2s' }),
    /^decision_wait_after_root/,
  );
  assert.match(complaint({ maximum_trace_size_bytes: '65MiB' }), /^maximum_trace_size_bytes: is more than max_bytes/);
  assert.match(complaint({ num_traces: 0 }), /^num_traces/);
  assert.match(complaint({ policies: [] }), /^policies/);
});
