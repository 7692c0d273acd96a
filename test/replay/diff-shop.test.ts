import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EffectMeasure } from '../../src/replay/effect/effect.ts';
import { totalsOf, type Totals } from '../../src/replay/effect/totals.ts';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { ROOT } from '../docs/documents.ts';
import { plansFor } from './diff-fixture.ts';

const SIDECAR = join(ROOT, 'pipelines/sidecar.yaml');

/** With the variables that the manifest of the shop gives the sidecar. */
async function totals(changed: string): Promise<Totals> {
  const fixture = await openFixture(join(ROOT, 'fixtures/shop'));
  const measure = new EffectMeasure();
  const plans = await plansFor(fixture, SIDECAR, changed);
  await measure.add({ fixture, plans, exporters: undefined, limitMs: fixture.manifest.limit });
  return totalsOf(measure.effect);
}

test('a tenth of the traces of the shop at their head loses errors', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'remora-diff-'));
  t.after(() => rm(folder, { recursive: true }));
  const sidecar = await readFile(SIDECAR, 'utf8');
  const tenth = sidecar
    .replace(
      '\nprocessors:\n',
      '\nprocessors:\n  probabilistic_sampler: { sampling_percentage: 10, mode: proportional }\n',
    )
    .replace(/(\n {4}traces:\n.*\n {6}processors: \[[^\]]*)\]/, '$1, probabilistic_sampler]');
  assert.match(tenth, /resource, probabilistic_sampler\]/);
  const path = join(folder, 'tenth.yaml');
  await writeFile(path, tenth);
  const head = await totals(path);
  assert.ok(head.traces > 100 && head.old.whole === head.traces);
  assert.ok(head.new.whole > head.traces * 0.03 && head.new.whole < head.traces * 0.2, String(head.new.whole));
  assert.ok(head.errorsLost > 0 && head.errorsLost === head.old.errorSpans - head.new.errorSpans);
  assert.equal(head.tracesBroken, 0);
});

test('tail sampling of the shop lets go of as much and keeps every error', async () => {
  const tail = await totals(join(ROOT, 'pipelines/tail-sampling.yaml'));
  assert.ok(tail.new.whole < tail.traces * 0.3, String(tail.new.whole));
  assert.ok(tail.old.errorSpans > 0 && tail.new.errorSpans === tail.old.errorSpans);
  assert.equal(tail.errorsLost, 0);
  assert.equal(tail.tracesBroken, 0);
});
