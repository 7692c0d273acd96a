import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Difference } from '../../src/replay/output/compare.ts';
import { differencesText } from '../../src/replay/report/text.ts';

const changed = (where: string, what: string, detail: string): Difference => ({
  where,
  kind: 'changed',
  what,
  details: [detail],
});

test('items that change in the same way are shown once, and the ledger is not hidden behind them', () => {
  const spans = Array.from({ length: 60 }, (_, n) =>
    changed('exporter otlp traces', `span ${n}`, 'route: "/" -> absent'),
  );
  const other = changed('exporter otlp traces', 'span x', 'name: "a" -> "b"');
  const text = differencesText([...spans, other, changed('ledger', 'processor batch', 'passed: 61 -> 60')]);
  assert.equal(
    text,
    [
      '    exporter otlp traces',
      '      ~ span 0',
      '          route: "/" -> absent',
      '          the same of 59 more',
      '      ~ span x',
      '          name: "a" -> "b"',
      '    ledger',
      '      ~ processor batch',
      '          passed: 61 -> 60',
      '',
    ].join('\n'),
  );
});

test('of many differences of one place the rest is counted', () => {
  const missing = Array.from({ length: 25 }, (_, n): Difference => {
    return { where: 'exporter otlp traces', kind: 'missing', what: `span ${n}`, details: [] };
  });
  const lines = differencesText(missing).split('\n');
  assert.equal(lines.length, 1 + 20 + 1 + 1);
  assert.equal(lines.at(-2), '      and 5 more differences');
});
