import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adaptiveSamplerProcessor } from '../../../src/processors/adaptive-sampler/index.ts';

/** Where the problems are, and what they say. */
function problems(settings: object): string[] {
  const parsed = adaptiveSamplerProcessor.parse(settings);
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('one target is needed, and only one', () => {
  assert.deepEqual(problems({ items_per_second: 100 }), []);
  assert.deepEqual(problems({ bytes_per_second: '1MiB' }), []);
  assert.match(problems({})[0] ?? '', /^items_per_second: set items_per_second or bytes_per_second/);
  assert.match(problems({ items_per_second: 1, bytes_per_second: 1 })[0] ?? '', /^bytes_per_second: .*not both/);
  assert.match(problems({ bytes_per_second: 0 })[0] ?? '', /^bytes_per_second: must be more than 0/);
  assert.match(problems({ items_per_second: -1 })[0] ?? '', /^items_per_second: /);
});

test('shares, keys, windows and names out of their range are errors at their place', () => {
  const target = { items_per_second: 100 };
  for (const [settings, place] of [
    [{ priority_share: 1.5 }, 'priority_share'],
    [{ priority_share: -0.1 }, 'priority_share'],
    [{ keys: [] }, 'keys'],
    [{ keys: [''] }, 'keys.0'],
    [{ keys: ['route', 'route'] }, 'keys'],
    [{ keys: Array.from({ length: 9 }, (_, index) => `k${index}`) }, 'keys'],
    [{ max_keys: 0 }, 'max_keys'],
    [{ max_traces: 1 }, 'max_traces'],
    [{ scope: 'service' }, 'scope'],
    [{ window: '100ms' }, 'window'],
    [{ slow: 'soon' }, 'slow'],
  ] as const) {
    const found = problems({ ...target, ...settings });
    assert.equal(found.length, 1, JSON.stringify(settings));
    assert.ok(found[0]?.startsWith(`${place}: `), JSON.stringify(settings));
  }
  assert.deepEqual(problems({ ...target, keys: ['service.name', 'span.name'], slow: 0, priority_share: 0 }), []);
});

test('its tables are claimed from the memory budget', () => {
  const parsed = adaptiveSamplerProcessor.parse({ items_per_second: 1 });
  assert.ok(parsed.ok);
  const bytes = parsed.prepared.memory?.map((claim) => claim.bytes) ?? [];
  assert.deepEqual(bytes, [1000 * 768, 65_536 * 16]);
});
