import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseTargetLists } from '../../../src/receivers/prometheus/discovery/target-lists.ts';

const META = ['__meta_filepath', 'targets'] as const;

it('refuses a YAML list that would stop the process for seconds, and takes it as JSON', () => {
  const targets = Array.from({ length: 40_000 }, (_, i) => `10.0.0.1:${i}`);
  const yaml = `- targets:\n${targets.map((target) => `    - ${target}\n`).join('')}`;
  assert.throws(() => parseTargetLists(yaml, 'yaml', META), /write large lists as JSON/);
  assert.equal(parseTargetLists(JSON.stringify([{ targets }]), 'json', META)[0]?.targets.length, 40_000);
});
