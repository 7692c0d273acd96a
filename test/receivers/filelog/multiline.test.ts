import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { LeapingClock } from '../../support/leaping-clock.ts';
import { until } from '../../support/until.ts';
import { bodiesOf, splitAll } from './split-support.ts';
import { bodies, startRig, tempDirectory } from './support.ts';

test('a start pattern begins records, and text before the first one is a record of its own', async (t) => {
  const multiline = { line_start_pattern: 'LOGSTART \\d+ ' };
  assert.deepEqual(await bodiesOf(t, 'LOGSTART 123 log1 LOGSTART 234 log2\n more \nLOGSTART 345 foo', { multiline }), [
    'LOGSTART 123 log1',
    'LOGSTART 234 log2\n more',
    'LOGSTART 345 foo',
  ]);
  assert.deepEqual(await bodiesOf(t, 'no match here\n LOGSTART 1 a\nLOGSTART 2 b', { multiline }), [
    'no match here',
    'LOGSTART 1 a',
    'LOGSTART 2 b',
  ]);
  assert.deepEqual(await bodiesOf(t, 'nothing\nmatches', { multiline }), ['nothing\nmatches']);
});

test('an end pattern ends records, and may stand at the end of lines with either line end', async (t) => {
  const multiline = { line_end_pattern: '^LOGEND.*$' };
  const text = 'a\t \nb\nLOGEND 1\t \nc\r\nLOGEND 2\r\nd';
  assert.deepEqual(await bodiesOf(t, text, { multiline }), ['a\t \nb\nLOGEND 1', 'c\r\nLOGEND 2', 'd']);
  assert.deepEqual(await bodiesOf(t, 'a;b;c', { multiline: { line_end_pattern: ';' } }), ['a;', 'b;', 'c']);
});

test('the pattern is left out of the records when asked', async (t) => {
  const start = { line_start_pattern: '^--+\\n', omit_pattern: true };
  assert.deepEqual(await bodiesOf(t, '--\na\nb\n---\nc\n--\nd', { multiline: start }), ['a\nb', 'c', 'd']);
  const end = { line_end_pattern: '<end>', omit_pattern: true };
  assert.deepEqual(await bodiesOf(t, 'a<end>b\n<end>', { multiline: end }), ['a', 'b']);
});

test('^ matches behind newlines only: a progress bar with returns stays in its record', async (t) => {
  const multiline = { line_start_pattern: '^S' };
  assert.deepEqual(await bodiesOf(t, 'S one\rS still\nS two', { multiline }), ['S one\rS still', 'S two']);
});

test('blanks around a record are kept when asked', async (t) => {
  const multiline = { line_start_pattern: '^S' };
  const options = { multiline, keepLeading: true, keepTrailing: true };
  assert.deepEqual(await bodiesOf(t, ' x\nS a \r\n\nS b', options), [' x\n', 'S a \r\n\n', 'S b']);
});

test('patterns see characters beyond ASCII, also behind invalid bytes', async (t) => {
  const content = Buffer.concat([Buffer.from('→ ü\n'), Buffer.from([0xff, 0xe2, 0x82]), Buffer.from('\n→ 😀\nx\n→ z')]);
  const found = await splitAll(t, content, { multiline: { line_start_pattern: '^→' } });
  assert.deepEqual(
    found.map(([body]) => body),
    ['→ ü\n\ufffd\ufffd', '→ 😀\nx', '→ z'],
  );
});

test('a record of several lines that is too long is cut, marked, and the next one is not touched', async (t) => {
  const content = `S ${'x\n'.repeat(1000)}S next\nS last`;
  const options = { multiline: { line_start_pattern: '^S' }, maxLogSize: 900, chunkBytes: 64 };
  const split = await splitAll(t, Buffer.from(content), options);
  assert.deepEqual(
    split.map(([body, cut]) => [body.length, cut]),
    [
      [900, true],
      [900, true],
      [201, true],
      [6, false],
      [6, false],
    ],
  );
  const truncated = await splitAll(t, Buffer.from(content), { ...options, truncate: true });
  assert.deepEqual(
    truncated.map(([body, cut]) => [body.length, cut]),
    [
      [900, true],
      [6, false],
      [6, false],
    ],
  );
});

test('the last record is sent when the next one begins, or when the file did not grow for the flush period', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'app.log');
  const clock = new LeapingClock();
  const multiline = { line_start_pattern: '^\\[' };
  const config = { include: [path], poll_interval: '5ms', force_flush_period: '1h', multiline };
  const rig = await startRig(t, config, { clock });
  writeFileSync(path, '[1] a\n  b\n');
  appendFileSync(path, '  c\n[2] d\n');
  await until(() => rig.consumer.items === 1, 'the first record arrived');
  assert.deepEqual(bodies(rig.consumer), ['[1] a\n  b\n  c']);
  clock.leap(3_600_000);
  await until(() => rig.consumer.items === 2, 'the last record was flushed');
  assert.deepEqual(bodies(rig.consumer), ['[1] a\n  b\n  c', '[2] d']);
});

test('both patterns, or one that is none, are refused', () => {
  const issues = (multiline: object): string => {
    const parsed = filelogReceiver.parse({ include: ['/tmp/*.log'], multiline });
    return parsed.ok ? '' : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  };
  assert.equal(issues({}), '');
  assert.equal(issues({ line_start_pattern: '(?i)^\\d{4}', line_end_pattern: '' }), '');
  assert.match(issues({ line_start_pattern: 'a', line_end_pattern: 'b' }), /^multiline: only one of/);
  assert.match(issues({ line_start_pattern: '(a' }), /^multiline\.line_start_pattern: .*not a usable pattern/);
});
