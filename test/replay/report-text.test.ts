import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Difference } from '../../src/replay/output/compare.ts';
import { githubAnnotations } from '../../src/replay/report/github.ts';
import { junitXml } from '../../src/replay/report/junit.ts';
import { ALL, countsText, differencesText, resultText } from '../../src/replay/report/text.ts';
import { invalidResult, type JobResult } from '../../src/replay/run-job.ts';

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
  assert.equal(lines.at(-2), '        and 5 more missing');
});

test('of each kind something is shown, however many others there are, and all of it when that is asked for', () => {
  const where = 'exporter otlp traces';
  const missing = Array.from({ length: 2000 }, (_, n): Difference => {
    return { where, kind: 'missing', what: `span ${n}`, details: [] };
  });
  const kept = Array.from({ length: 203 }, (_, n) =>
    changed(where, `span k${n}`, 'traceState: absent -> "ot=th:e666"'),
  );
  const odd = Array.from({ length: 9 }, (_, n) => changed(where, `span o${n}`, `name: "a" -> "b${n}"`));
  const added: Difference = { where, kind: 'unexpected', what: 'span new', details: [] };
  const rows = Array.from({ length: 7 }, (_, n) => changed('ledger', `processor ${n}`, 'passed: 2 -> 1'));
  const more: Difference = { where: 'exporter otlp/b traces', kind: 'missing', what: 'span 1', details: [] };
  const all = [...missing, ...kept, ...odd, added, more, ...rows];
  const text = differencesText(all);
  const found = text.match(/- span|\+ span new|the same of \d+ more|and \d+ more \w+/g);
  assert.deepEqual(found, [
    'the same of 202 more',
    'and 8 more changed',
    '- span',
    '- span',
    'and 1998 more missing',
    '+ span new',
    '- span',
    'and 1 more changed',
  ]);
  assert.match(text, /traceState: absent -> "ot=th:e666"/);
  assert.doesNotMatch(differencesText(all, ALL), / more \w+$/m);
  assert.equal(differencesText(all, ALL).match(/^ {6}[-~+] /gm)?.length, 2000 + 1 + 9 + 1 + 1 + 7);
  assert.equal(countsText(all), 'traces: 2001 missing, 1 unexpected, 212 changed; ledger: 7 changed');
});

const HOSTILE = 'a\n::stop-commands::x\r::error::y ##[add-mask]z \u001b[2J\u009b\u202e\u2028<b a="&">]]>\u0000\ufffe';
const JOB = { name: `shop/${HOSTILE}`, folder: `fixtures/${HOSTILE}`, replay: HOSTILE };

function hostileResults(): JobResult[] {
  const difference: Difference = { where: HOSTILE, kind: 'changed', what: HOSTILE, details: [HOSTILE] };
  const invalid = invalidResult(JOB, `manifest.yaml:1: is not JSON: "${HOSTILE}\n  ::debug::b"`);
  const { error, ...rest } = invalid;
  assert.ok(error);
  return [invalid, { ...rest, status: 'failed', differences: [difference] }];
}

test('what telemetry says begins no line of a report, steers no terminal and is no command of a CI system', () => {
  const text = hostileResults()
    .map((result) => resultText(result))
    .join('');
  assert.doesNotMatch(text, /^\s*::/m);
  assert.doesNotMatch(text, /##\[/);
  assert.doesNotMatch(text, /(?!\n)\p{Cc}|[\u2028\u202e]/u);
  assert.match(text, /a\\n::stop-commands::x\\r::error::y/);
  assert.match(text, /^ {4}\\::stop-commands::x/m);
});

test('an annotation is one command, whatever the differences say', () => {
  const lines = githubAnnotations(hostileResults()).split('\n');
  assert.equal(lines.length, 3);
  for (const line of lines.slice(0, 2)) {
    assert.match(line, /^::error file=[^,\r]*,title=[^,:\r]*::[^\r]*$/);
    assert.match(line, /%0A/);
  }
});

test('XML has no characters that it cannot have, and no markup of the telemetry', () => {
  const xml = junitXml(hostileResults());
  assert.doesNotMatch(xml, /<b|&(?!(?:amp|lt|gt|quot);)|\]\]>/);
  assert.doesNotMatch(xml, /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/u);
  assert.match(xml, /tests="2" failures="1" errors="1"/);
});

test('XML names the first check that failed', () => {
  const failed = ['a: 1 item is late', 'b: nothing came'].map((what): Difference => {
    return { where: 'checks', kind: 'failed', what, details: [] };
  });
  const { error, ...rest } = invalidResult({ name: 'shop/a', folder: 'fixtures/shop', replay: 'a' }, '');
  assert.equal(error, '');
  const result: JobResult = { ...rest, status: 'failed', differences: [...failed, changed('ledger', 'batch', 'x')] };
  assert.match(junitXml([result]), /<failure message="a: 1 item is late; 1 more failed; ledger: 1 changed">/);
});
