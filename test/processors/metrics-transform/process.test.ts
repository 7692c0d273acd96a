import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../../support/ports.ts';
import { ledgerOf, metricsOn, startRemora, temporaryDirectory } from '../../support/remora.ts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const POINTS = ['a', 'b', 'c', 'd'].map((pod) => ({
  asInt: '7',
  timeUnixNano: '2',
  attributes: [{ key: 'pod', value: { stringValue: pod } }],
}));

test('a process that is configured as a Collector adds metrics up, and its ledger says what became of every point', async (t) => {
  const directory = await temporaryDirectory(t);
  const [port, metricsPort] = [await freePort(), await freePort()];
  const config = join(directory, 'remora.yaml');
  await writeFile(
    config,
    `
receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } } }
processors:
  metricstransform:
    transforms:
      - { include: ^(requests)$$, match_type: regexp, action: insert, new_name: 'copy.of.$\${1}' }
      - include: requests
        action: update
        operations: [{ action: aggregate_labels, label_set: [], aggregation_type: sum }]
exporters: { file: { path: '${join(directory, 'out.jsonl')}' } }
service: { pipelines: { metrics: { receivers: [otlp], processors: [metricstransform], exporters: [file] } } }
`,
  );
  const remora = await startRemora(t, { configs: [config], sets: [metricsOn(metricsPort)] });
  const metric = { name: 'requests', sum: { dataPoints: POINTS, aggregationTemporality: 2, isMonotonic: true } };
  const answer = await fetch(`http://127.0.0.1:${port}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] }),
  });
  assert.equal(answer.status, 200, await answer.text());
  const ended = await remora.stop();
  const { closed, lines } = ledgerOf(ended);
  assert.ok(closed, ended.stderr);
  assert.match(ended.stderr, /processor +metrics\/metricstransform +metrics +4 \+ 4 made +5 +3 aggregated/);
  const line = lines.find(({ stage }) => stage === 'processor');
  assert.deepEqual([line?.received, line?.passed, line?.dropped], [4, 5, { aggregated: 3 }]);
});
