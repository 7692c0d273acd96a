import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { components } from '../../src/components.ts';
import { referenceMarkdown } from '../../src/config/reference.ts';

const FILE = new URL('../../docs/reference.md', import.meta.url);

/** `UPDATE_REFERENCE=1 node --test test/config/reference-file.test.ts` writes the file anew. */
test('docs/reference.md is what the schemas say', async () => {
  const generated = referenceMarkdown(components);
  if (process.env['UPDATE_REFERENCE'] === '1') await writeFile(FILE, generated);
  assert.ok((await readFile(FILE, 'utf8')) === generated, 'Run this test with UPDATE_REFERENCE=1 and commit the file.');
});
