import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteHash } from '../../../src/processors/adaptive-sampler/byte-hash.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { walkShape } from '../../../src/processors/adaptive-sampler/message-shape.ts';
import { cpuMsOf } from '../../support/cpu-time.ts';

const HASH = new ByteHash(seededRandom('shapes'));

function textOf(message: string): string {
  const bytes = Buffer.from(message);
  let text = '';
  walkShape(bytes, 0, bytes.length, {
    add: (from, start, end) => (text += Buffer.from(from).toString('utf8', start, end)),
    word: (byte) => (text += String.fromCharCode(byte)),
  });
  return text;
}

function hashOf(message: string): string {
  const bytes = Buffer.from(message);
  const hash = HASH.reset();
  walkShape(bytes, 0, bytes.length, hash);
  return `${hash.a} ${hash.b}`;
}

const SHAPES: readonly (readonly [message: string, shape: string])[] = [
  ['request served in 12 ms', 'request served in # ms'],
  ['GET /api/items/4711 200', 'GET /api/items/# #'],
  ['2026-11-26T10:00:00.123Z started', '#-#-#:#:#.# started'],
  ['user 3f2a, trace 0x7ffeab', 'user #, trace #'],
  ['id 0b1f3c5e-6a7d-4e8f-9a0b-1c2d3e4f5a6b gone', 'id #-#-#-#-# gone'],
  // A part of a UUID without a digit, and a hash that has none.
  ['id 0b1f3c5e-cafe-4e8f-beef-1c2d3e4f5a6b gone', 'id #-#-#-#-# gone'],
  ['commit deadbeefcafe', 'commit #'],
  ['the cafe is a decade old', 'the cafe is a decade old'],
  ['cannot find "the thing" here', 'cannot find # here'],
  ["column 'a b c' does not exist", 'column # does not exist'],
  ["can't open the user's file", "can't open the user's file"],
  ['{"level":"info","took":12}', '{"level":#,"took":#}'],
  ['an "open quote', 'an "open quote'],
  ['two  blanks   or more', 'two blanks or more'],
  ['größer als 5', 'größer als #'],
  ['', ''],
];

test('what changes from one message to the next is masked', () => {
  for (const [message, shape] of SHAPES) assert.equal(textOf(message), shape);
});

test('messages of one shape have one hash, others another one', () => {
  assert.equal(hashOf('user 12 logged in from 10.0.0.1'), hashOf('user 99817 logged in from 192.168.7.254'));
  assert.equal(hashOf('open "a"'), hashOf('open "b c d"'));
  const hashes = new Set(SHAPES.map(([, shape]) => hashOf(shape)));
  assert.equal(hashes.size, new Set(SHAPES.map(([, shape]) => shape)).size);
});

test('only the beginning of a long message says something, and a hostile one costs no more', () => {
  const long = 'x '.repeat(128);
  assert.equal(hashOf(`${long}one`), hashOf(`${long}another`));
  const hostile = ['"', "'", 'a', '0', '-'].map((one) => one.repeat(1_000_000));
  const tookMs = cpuMsOf(() => hostile.forEach(hashOf));
  assert.ok(tookMs < 1000, `${tookMs} ms`);
});
