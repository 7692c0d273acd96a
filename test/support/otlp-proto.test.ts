import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonical, encodeRequest, decodeRequest } from './otlp-proto.ts';

test('the canonical form does not depend on how items are grouped, and tells different items apart', () => {
  const scope = (...names: string[]) => ({
    spans: names.map((name) => ({ name, startTimeUnixNano: '18446744073709551615' })),
  });
  const together = encodeRequest('traces', { resourceSpans: [{ scopeSpans: [scope('a', 'b')] }] });
  const apart = [
    encodeRequest('traces', { resourceSpans: [{ scopeSpans: [scope('b')] }] }),
    encodeRequest('traces', { resourceSpans: [{ scopeSpans: [scope(), scope('a')] }] }),
  ];
  assert.deepEqual(canonical('traces', together), canonical('traces', apart));
  assert.notDeepEqual(canonical('traces', together), canonical('traces', apart.slice(1)));
  assert.match(JSON.stringify(decodeRequest('traces', together)), /18446744073709551615/);
});

test('the canonical form tells NaN, infinities and negative zero apart', () => {
  const gauge = (asDouble: number) =>
    canonical(
      'metrics',
      encodeRequest('metrics', {
        resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asDouble }] } }] }] }],
      }),
    )[0];
  assert.equal(new Set([NaN, Infinity, -Infinity, 0, -0, 1].map(gauge)).size, 6);
});
