import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';
import { inPieces } from '../../src/exporters/pieces.ts';
import { encodeRequest } from '../support/otlp-proto.ts';
import { NEVER, reasonOf } from '../support/exporters.ts';

const RESOURCE_BYTES = 200_000;
const SPANS = 4000;

/** Many tiny spans below one huge resource. */
function heavyBatch(): Batch {
  const attributes = [{ key: 'huge', value: { stringValue: 'x'.repeat(RESOURCE_BYTES) } }];
  const spans = Array.from({ length: SPANS }, (_, n) => ({ name: String(n).padStart(5, '0') }));
  const request = encodeRequest('traces', { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] });
  return makeBatch('traces', [request], SPANS);
}

test('pieces that one cut left over the limit are cut again, and every item is sent once', async () => {
  const limitBytes = RESOURCE_BYTES + 300;
  const sent: Batch[] = [];
  const send = inPieces(limitBytes, (piece) => {
    sent.push(piece);
    return Promise.resolve(ACCEPTED);
  });
  assert.deepEqual(await send(heavyBatch(), NEVER), ACCEPTED);
  assert.ok(sent.every(({ bytes }) => bytes <= limitBytes));
  const text = sent.flatMap(({ chunks }) => chunks.map((chunk) => Buffer.from(chunk).toString('latin1'))).join('');
  const names = text.match(/\d{5}/g) ?? [];
  assert.deepEqual(
    names.map(Number),
    Array.from({ length: SPANS }, (_, n) => n),
  );
});

test('where the resource alone is over the limit nothing is sent, and the reason says so', async () => {
  const send = inPieces(RESOURCE_BYTES, () => assert.fail('it was sent'));
  const verdict = await send(heavyBatch(), NEVER);
  assert.equal(verdict.status, 'rejected');
  assert.match(reasonOf(verdict), /larger than max_request_bytes \(200000\)/);
});
