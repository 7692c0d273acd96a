import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { referenceMarkdown, settingsOf } from '../../src/config/reference.ts';
import { schemaTree } from '../../src/config/schema-tree.ts';
import { defineReceiver } from '../../src/core/component.ts';
import { byteSize, duration } from '../../src/core/settings.ts';
import { catalog } from './catalog.ts';

const rows = (schema: z.ZodType) =>
  settingsOf(schemaTree(schema)).map((each) => [each.key, each.type, each.default].join(' | '));

test('each setting has its path, its type in words and its default as YAML writes it', () => {
  const schema = z.strictObject({
    wait: duration().prefault('5s').describe('a'),
    room: byteSize().prefault('1MiB').describe('b'),
    mode: z.enum(['x', 'y']).default('x').describe('c'),
    tags: z.record(z.string(), z.string()).default({}).describe('d'),
    list: z.array(z.strictObject({ key: z.string().describe('e') })).describe('f'),
    inner: z
      .strictObject({ on: z.boolean().default(true).describe('g') })
      .prefault({})
      .describe('h'),
    any: z.unknown().optional().describe('i'),
  });
  assert.deepEqual(rows(schema), [
    'wait | duration | `5s`',
    'room | size | `1MiB`',
    'mode | `x`, `y` | `x`',
    'tags | map of text | `{}`',
    'list | list of map | required',
    'list[].key | text | required',
    'inner | map | ',
    'inner.on | true or false | `true`',
    'any | anything | ',
  ]);
});

test('alternatives share one row for each key', () => {
  const schema = z.strictObject({
    action: z
      .discriminatedUnion('do', [
        z.strictObject({ do: z.literal('set').describe('a'), value: z.number().describe('b') }),
        z.strictObject({ do: z.literal('drop').describe('a') }),
      ])
      .describe('c'),
  });
  assert.deepEqual(rows(schema), [
    'action | map | required',
    'action.do | `set` or `drop` | required',
    'action.value | number | required',
  ]);
});

test('the kinds of entries of a list have tables of their own, below what most of them share', () => {
  const shared = { id: z.string().optional().describe('A name.') };
  const schema = z.strictObject({
    steps: z.array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('add').describe('Adds.'), ...shared, value: z.number().describe('What.') }),
        z.strictObject({ type: z.literal('drop').describe('Drops.'), ...shared }),
        z.strictObject({ type: z.literal('end').describe('Ends.'), id: z.string().describe('Its own.') }),
      ]),
    ),
  });
  const receiver = defineReceiver({
    type: 'x',
    summary: 'X.',
    signals: ['logs'],
    config: () => schema,
    create: () => ({}),
  });
  const markdown = referenceMarkdown({ ...catalog, receivers: [receiver] });
  const part = markdown.slice(markdown.indexOf('#### `steps`'), markdown.indexOf('## Processors'));
  assert.equal(
    part.trim().replaceAll('| Setting | Type | Default | Description |\n| --- | --- | --- | --- |\n', ''),
    [
      '#### `steps`: `add`, `drop`, `end`',
      'Each has these, except where its own table says otherwise:',
      '| `id` | text |  | A name. |',
      '##### `add`',
      'Adds.',
      '| `value` | number | required | What. |',
      '##### `drop`',
      'Drops.',
      '##### `end`',
      'Ends.',
      '| `id` | text | required | Its own. |',
    ].join('\n\n'),
  );
});

test('a type that contains itself is described and ends', () => {
  type Value = string | Value[];
  const value: z.ZodType<Value, Value> = z.lazy(() => z.union([z.string(), z.array(value)]));
  assert.deepEqual(rows(z.strictObject({ value: value.describe('a') })), [
    'value | text or list of text or list of text or list | required',
  ]);
});

test('the reference names every component, its other names and its settings, and is always the same', () => {
  const markdown = referenceMarkdown(catalog);
  assert.equal(referenceMarkdown(catalog), markdown);
  for (const line of [
    '## Receivers',
    '### `filelog`',
    'Tails files. Also written `file_log`. Signals: logs.',
    '| `poll_interval` | duration | `200ms` | How often to look. |',
    '| `sending_queue.batch.min_size` | whole number | `8192` | Sends as soon as this much has gathered. |',
    '## Service',
  ]) {
    assert.ok(markdown.split('\n').includes(line), line);
  }
});
