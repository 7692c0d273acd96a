import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { process } from './operating.ts';

test('attributes and resource of the receiver take expressions over the line', async (t) => {
  const { all } = await process(t, 'GET /a\nPOST /b\n', [], {
    include_file_name: true,
    attributes: { method: 'EXPR(split(body, " ")[0])', text: 'verb-EXPR(split(body, " ")[0])', plain: 'x', n: 7 },
    resource: { file: 'EXPR(attributes["log.file.name"])', env: 'prod' },
  });
  const attributes = all.map((record) => Object.fromEntries(record.attributes));
  assert.deepEqual(attributes, [
    { plain: 'x', n: '7', 'log.file.name': 'app.log', method: 'GET', text: 'verb-GET' },
    { plain: 'x', n: '7', 'log.file.name': 'app.log', method: 'POST', text: 'verb-POST' },
  ]);
  assert.deepEqual(Object.fromEntries(all[0]?.resource ?? []), { env: 'prod', file: 'app.log' });
  assert.equal(new Set(all.map(({ resource }) => resource)).size, 1);
});

test('an expression that reads nothing of the line is a constant of every record', async (t) => {
  const { all } = await process(t, '{"a":1}\n{"a":2}\n', [{ type: 'json_parser' }], {
    resource: { home: 'EXPR(env("HOME") ?? "none")' },
  });
  assert.deepEqual(
    all.map(({ resource }) => resource.get('home')),
    Array.from({ length: 2 }, () => globalThis.process.env['HOME'] ?? 'none'),
  );
});

test('an expression that fails on a line leaves its key out, counted; the others are there', async (t) => {
  const { all, rig } = await process(t, 'a\nb c\n', [], {
    attributes: { second: 'EXPR(split(body, " ")[1])', whole: 'EXPR(body)' },
  });
  assert.deepEqual(
    all.map(({ attributes }) => Object.fromEntries(attributes)),
    [{ whole: 'a' }, { second: 'c', whole: 'b c' }],
  );
  assert.equal(rig.context.meter.total('remora_filelog_parse_errors'), 1);
});

test('operators and the container work on the line after the expressions', async (t) => {
  const { all } = await process(
    t,
    '2026-01-02T03:04:05Z stdout F hello\n',
    [{ type: 'container', add_metadata_from_filepath: false }],
    {
      attributes: { raw: 'EXPR(body)' },
    },
  );
  assert.equal(all[0]?.body, 'hello');
  assert.equal(all[0].attributes.get('raw'), '2026-01-02T03:04:05Z stdout F hello');
});

test('a broken expression is an error of the configuration', () => {
  const parsed = filelogReceiver.parse({ include: ['/x'], attributes: { a: 'EXPR(1 +)' } });
  assert.ok(!parsed.ok && parsed.issues[0]?.path.join('.') === 'attributes.a');
});
