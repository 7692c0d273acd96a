import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY_VALUE, KEY_VALUE } from '../../src/otlp/fields.ts';
import { WantedAttributes } from '../../src/otlp/wanted-attributes.ts';
import { Writer } from '../../src/otlp/writer.ts';

/** The content of a KeyValue. */
function attribute(key: string): Uint8Array {
  const writer = new Writer(64);
  writer.string(KEY_VALUE.key, key);
  const value = writer.begin(KEY_VALUE.value);
  writer.string(ANY_VALUE.string, 'a value');
  writer.end(value);
  return writer.take();
}

test('a key of any length is found, and no other one that differs in a single byte', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  for (let length = 0; length < letters.length; length++) {
    const key = letters.slice(0, length);
    const wanted = new WantedAttributes(['another', key]);
    const found = attribute(key);
    assert.equal(wanted.offer(found, 0, found.length), 1, `key of ${length} bytes`);
    assert.equal(wanted.starts[1], found.length - 9, 'where its value is');
    for (let at = 0; at < length; at++) {
      const near = attribute(`${key.slice(0, at)}~${key.slice(at + 1)}`);
      assert.equal(wanted.offer(near, 0, near.length), -1, `key of ${length} bytes, another one at ${at}`);
    }
  }
});

test('of attributes with one key the first counts, and a key is looked for in the message that is given', () => {
  const wanted = new WantedAttributes(['http.route']);
  const [first, second] = [attribute('http.route'), attribute('http.route')];
  assert.equal(wanted.offer(first, 0, first.length), 0);
  assert.equal(wanted.offer(second, 0, second.length), -1);
  wanted.reset();
  const third = Buffer.concat([new Uint8Array(7), second]).subarray(7);
  assert.equal(wanted.offer(third, 0, third.length), 0);
});
