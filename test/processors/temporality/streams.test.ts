import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { Streams } from '../../../src/processors/temporality/streams.ts';

const MIB = 1024 * 1024;

/** Streams by number whose states are texts. */
class Texts {
  readonly clock = new VirtualClock();
  readonly streams: Streams;
  readonly #writer = new Writer(16);

  constructor(options: { maxStreams?: number; maxBytes?: number; maxStaleMs?: number } = {}) {
    this.streams = new Streams({ maxStreams: 1000, maxBytes: MIB, maxStaleMs: 0, ...options, clock: this.clock });
  }

  find(stream: number): string | undefined {
    const { streams } = this;
    streams.find(Math.imul(stream, 0x9e3779b1), stream, ~stream);
    return streams.isKnown ? Buffer.from(streams.bytes).toString('latin1', streams.start, streams.end) : undefined;
  }

  keep(stream: number, text: string): boolean {
    this.find(stream);
    this.#writer.pos = 0;
    this.#writer.raw(Buffer.from(text, 'latin1'));
    return this.streams.keep(this.#writer);
  }
}

const change = fc.record({ stream: fc.nat(30), text: fc.string({ unit: 'binary-ascii', maxLength: 200 }) });
const batch = fc.record({ changes: fc.array(change, { maxLength: 20 }), isAccepted: fc.boolean() });

test('states are those of the last batch that was accepted', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 30 }), (batches) => {
      const texts = new Texts();
      let model = new Map<number, string>();
      for (const { changes, isAccepted } of batches) {
        const within = new Map(model);
        texts.streams.begin();
        for (const { stream, text } of changes) {
          assert.equal(texts.find(stream), within.get(stream));
          assert.ok(texts.keep(stream, text));
          within.set(stream, text);
          assert.equal(texts.find(stream), text);
        }
        if (isAccepted) {
          texts.streams.accept();
          model = within;
        } else texts.streams.undo();
        assert.equal(texts.streams.size, model.size);
        for (let stream = 0; stream <= 30; stream++) assert.equal(texts.find(stream), model.get(stream));
      }
    }),
    { numRuns: 200 },
  );
});

test('a flood of streams stays within the bounds, and gives its memory back once it is over', async () => {
  const texts = new Texts({ maxStreams: 1e9, maxBytes: 2 * MIB, maxStaleMs: 60_000 });
  const { streams, clock } = texts;
  let refused = 0;
  for (let stream = 0; stream < 50_000; stream++) {
    streams.begin();
    if (!texts.keep(stream, 'x'.repeat(27))) refused += 1;
    streams.accept();
    assert.ok(streams.bytesUsed <= 2 * MIB);
  }
  assert.equal(streams.size, 50_000 - refused);
  assert.ok(streams.size > 15_000, String(streams.size));
  await clock.advance(40_000);
  streams.begin();
  assert.ok(texts.keep(3, 'still here'));
  assert.equal(texts.keep(1_000_000, 'new'), false);
  streams.accept();
  await clock.advance(40_000);
  streams.begin();
  assert.equal(streams.size, 1);
  assert.equal(texts.find(3), 'still here');
  assert.ok(texts.keep(1_000_000, 'new'));
  streams.accept();
  assert.ok(streams.bytesUsed < 100_000, String(streams.bytesUsed));
});

test('what was forgotten is known by when it was seen last', async () => {
  const texts = new Texts({ maxStaleMs: 10_000 });
  const { streams, clock } = texts;
  const seenMs = clock.now();
  streams.begin();
  texts.keep(1, 'a');
  streams.accept();
  await clock.advance(60_000);
  streams.begin();
  assert.equal(streams.size, 0);
  assert.ok(streams.forgottenUntilMs >= seenMs && streams.forgottenUntilMs <= seenMs + 1000);
});

test('a stream that is offered again and again without being accepted leaves nothing', () => {
  const texts = new Texts();
  for (let time = 0; time < 10_000; time++) {
    texts.streams.begin();
    texts.keep(time, 'x'.repeat(100));
    texts.streams.undo();
  }
  assert.equal(texts.streams.size, 0);
  assert.ok(texts.streams.bytesUsed < 50_000, String(texts.streams.bytesUsed));
});
