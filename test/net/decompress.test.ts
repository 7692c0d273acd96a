import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Admitted } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { ByteAdmission } from '../../src/net/admission.ts';
import { inflate, type Coding } from '../../src/net/decompress.ts';

const CODERS: [Coding, (body: Buffer) => Buffer][] = [
  ['gzip', (body) => gzipSync(body)],
  ['deflate', (body) => deflateSync(body)],
  ['deflate', (body) => deflateRawSync(body)],
  ['zstd', (body) => zstdCompressSync(body)],
];

function admitted(limitBytes = 1e9): Admitted {
  const held = new ByteAdmission(limitBytes, 0).tryAdmit(0);
  assert.ok(held);
  return held;
}

function coded(code: string) {
  return (error: unknown) => error instanceof RemoraError && error.code === code;
}

test('every coding is undone, small and large, repetitive and random', async () => {
  const bodies = [Buffer.alloc(0), Buffer.from('x'), randomBytes(3000), Buffer.alloc(900_000, 'ab'), randomBytes(3e6)];
  for (const [coding, encode] of CODERS) {
    for (const body of bodies) {
      const result = await inflate(coding, encode(body), { limitBytes: 1e7, admitted: admitted() });
      assert.ok(body.equals(result), `${coding} ${body.length}`);
    }
  }
});

test('the limit holds to the byte, below and above what is inflated at once', async () => {
  for (const size of [1000, 1024 * 1024, 3_000_000]) {
    const body = Buffer.alloc(size, 'ab');
    for (const [coding, encode] of CODERS) {
      const exact = await inflate(coding, encode(body), { limitBytes: size, admitted: admitted() });
      assert.equal(exact.length, size);
      const over = inflate(coding, encode(body), { limitBytes: size - 1, admitted: admitted() });
      await assert.rejects(over, coded('payload_too_large'), `${coding} ${size}`);
    }
  }
});

test('truncated and broken bodies are malformed', async () => {
  for (const [coding, encode] of CODERS) {
    for (const size of [5000, 3_000_000]) {
      const whole = encode(randomBytes(size));
      const limits = { limitBytes: 1e7, admitted: admitted() };
      await assert.rejects(inflate(coding, whole.subarray(0, whole.length - 9), limits), coded('payload_malformed'));
    }
    const limits = { limitBytes: 1e7, admitted: admitted() };
    await assert.rejects(inflate(coding, Buffer.from('not compressed'), limits), coded('payload_malformed'), coding);
  }
});

test('inflating stops where the admission ends', async () => {
  for (const size of [50_000, 5_000_000]) {
    const limits = { limitBytes: 1e7, admitted: admitted(size - 1) };
    await assert.rejects(inflate('gzip', gzipSync(Buffer.alloc(size)), limits), coded('admission_full'));
  }
});

test('many large bodies at once all come through', async () => {
  const body = Buffer.alloc(2_000_000, 'telemetry');
  const zipped = gzipSync(body);
  const all = Array.from({ length: 20 }, () => inflate('gzip', zipped, { limitBytes: 1e7, admitted: admitted() }));
  for (const result of await Promise.all(all)) assert.ok(body.equals(result));
});
