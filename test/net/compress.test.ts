import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { batchBytes } from '../../src/core/batch.ts';
import { compress } from '../../src/net/compress.ts';
import { traceBatch } from '../support/otlp-requests.ts';

const SMALL = batchBytes(traceBatch(5));
const LARGE = batchBytes(traceBatch(3000));
const INFLATE = { gzip: gunzipSync, zstd: zstdDecompressSync };

for (const compression of ['gzip', 'zstd'] as const) {
  for (const [name, body] of Object.entries({ small: SMALL, large: LARGE, empty: new Uint8Array(0) })) {
    test(`a ${name} body compressed with ${compression} inflates to the same bytes`, async () => {
      const compressed = await compress(body, compression);
      assert.ok(Buffer.from(body).equals(INFLATE[compression](compressed)));
      if (name !== 'empty') assert.ok(compressed.length < body.length / 2);
    });
  }

  test(`a higher ${compression} level makes fewer bytes`, async () => {
    const fast = await compress(SMALL, compression, 1);
    const dense = await compress(SMALL, compression, 9);
    assert.ok(dense.length < fast.length);
  });

  test(`a large body does not hold up the event loop with ${compression}`, () => {
    assert.ok(compress(LARGE, compression) instanceof Promise);
    assert.ok(!(compress(SMALL, compression) instanceof Promise));
  });
}
