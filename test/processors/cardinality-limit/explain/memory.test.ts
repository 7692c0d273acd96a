import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainBytes } from '../../../../src/processors/cardinality-limit/explain/settings.ts';
import { heldBytes } from '../../../support/held-bytes.ts';
import { changingMetric, type SeenFrom } from '../../../support/seen-points.ts';
import { reportOf } from './page-of.ts';
import { ExplainRig } from './rig.ts';

/** Forty labels, each with values of its own that are long and need names for what is hidden. */
function wide(i: number): SeenFrom {
  const point = Array.from({ length: 40 }, (_, j): [string, string] => [`label_${j}`, '\u202e'.repeat(80) + `${i}`]);
  return { point: Object.fromEntries<string>(point) };
}

test('a flood takes no more memory than is claimed, however long it lasts, and gives it back', async () => {
  const settings = { metrics: 8, labels: 32, samples: 5 };
  const metrics = Array.from({ length: 12 }, (_, n) => changingMetric(`m_${n}`, { limit: 50 }));
  const flood = (rig: ExplainRig, count: number, from: number): void => {
    for (const metric of metrics) rig.seeMany(metric, count, (i) => wide(from + i));
    assert.equal(reportOf(rig).metrics.length, 8);
  };
  // What is compiled once is there before it is measured.
  flood(new ExplainRig({ settings }), 200, 0);
  const rig = new ExplainRig({ settings });
  const before = await heldBytes();
  flood(rig, 100, 0);
  const early = (await heldBytes()) - before;
  flood(rig, 800, 1000);
  const late = (await heldBytes()) - before;
  assert.ok(late < explainBytes(settings), `${late} of ${explainBytes(settings)} bytes`);
  assert.ok(late < early * 1.25 + 200_000, `${early} bytes, then ${late}`);
  for (const metric of metrics) metric.series = 0;
  await rig.endWindow(6);
  const quiet = (await heldBytes()) - before;
  assert.ok(quiet < late / 4, `${late} bytes, then ${quiet}`);
  assert.deepEqual(reportOf(rig).metrics, []);
});
