import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import type { ItemView } from '../../src/replay/effect/item-reader.ts';
import { SpanTable } from '../../src/replay/effect/span-table.ts';
import { WordTable } from '../../src/replay/effect/word-table.ts';

test('keys are numbered in the order in which they come, whatever they have in common', () => {
  const random = seededRandom('keys');
  const word = (): number => Math.floor(random() * 2 ** 32) | 0;
  const kinds = [(n: number) => [0, 0, n], (n: number) => [n << 20, n >> 12, 7], () => [word(), word(), word()]];
  for (const kind of kinds) {
    const table = new WordTable(3);
    const known = new Map<string, number>();
    for (let n = 0; n < 20_000; n++) {
      const key = kind(Math.floor(n / 2));
      const text = key.join();
      table.key.set(key);
      assert.equal(table.find(), known.get(text) ?? -1);
      table.key.set(key);
      if (!known.has(text)) known.set(text, known.size);
      assert.equal(table.add(), known.get(text));
    }
    assert.equal(table.size, known.size);
    for (const [text, n] of known) assert.equal([0, 1, 2].map((i) => table.word(n, i)).join(), text);
  }
});

const NONE: ItemView = {
  ...{ signal: 'traces', bytes: 0, service: 'shop', route: '/', severity: 0, metric: '', series: 0 },
  ...{ moment: 0, body: 0, identity: 0, start: 0, end: 0 },
  ...{ isError: false, weight: 1, source: new Uint8Array(0), traceAt: -1, spanAt: -1, parentAt: -1 },
};

function span(trace: number, id: number, parent?: number, isError = false): ItemView {
  const source = Buffer.alloc(40);
  source.writeUInt32BE(trace, 12 + 1);
  source.writeUInt32BE(id, 20 + 1);
  source.writeUInt32BE(parent ?? 0, 28 + 1);
  return { ...NONE, isError, source, traceAt: 1, spanAt: 17, parentAt: parent === undefined ? -1 : 25 };
}

test('spans are told apart by trace and span, and counted once', () => {
  const table = new SpanTable();
  // Ids of spans may be the same in two traces.
  const spans = [span(1, 1), span(1, 2, 1, true), span(2, 1), span(2, 2, 1, true), span(3, 9, 8)];
  for (const one of [...spans, ...spans, NONE]) table.add(one);
  for (const one of [...spans, ...spans, span(4, 1), NONE]) table.arrived('old', one);
  for (const one of [span(1, 2), span(2, 1), span(3, 9), span(1, 77)]) table.arrived('new', one);
  const { traces, errorSpans, old, new: now, newlyBroken, examples, errorsLost } = table.effect();
  assert.deepEqual([traces, errorSpans, newlyBroken], [3, 2, 2]);
  assert.deepEqual(old, { whole: 3, broken: 0, gone: 0, orphans: 0, errorSpans: 2 });
  // The parent of the span of trace 3 was never in the input.
  assert.deepEqual(now, { whole: 1, broken: 2, gone: 0, orphans: 1, errorSpans: 1 });
  assert.deepEqual(examples[0], { traceId: `${'0'.repeat(31)}1`, spans: 2, old: 2, new: 1 });
  assert.deepEqual([...errorsLost], [['shop: /', 1]]);
});
