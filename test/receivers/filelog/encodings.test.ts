import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { Utf8View } from '../../../src/receivers/filelog/reading/text-view.ts';
import { splitAll, splitRig, type SplitOptions } from './split-support.ts';

type Test = Parameters<typeof splitAll>[0];

async function read(t: Test, content: Uint8Array, encoding: string, options: SplitOptions = {}): Promise<string[]> {
  return (await splitAll(t, content, { ...options, encoding })).map(([body]) => body);
}

function utf16be(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

test('UTF-16 in both orders is read, without its byte order mark, with both line ends', async (t) => {
  const text = 'one\r\n  zwölf \n\n😀 Ā ਊ\nlast';
  const expected = ['one', 'zwölf', '😀 Ā ਊ', 'last'];
  for (const mark of ['', '\ufeff']) {
    assert.deepEqual(await read(t, Buffer.from(mark + text, 'utf16le'), 'utf-16le'), expected);
    assert.deepEqual(await read(t, utf16be(mark + text), 'UTF-16BE'), expected);
  }
  assert.deepEqual(await read(t, Buffer.from(text, 'utf16le'), 'utf-16'), expected);
  assert.deepEqual(await read(t, Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16'), expected);
  assert.deepEqual(await read(t, utf16be(`\ufeff${text}`), 'utf-16'), expected);
});

test('half a unit of UTF-16 at the end waits for its other half', async (t) => {
  const rig = splitRig(t, { encoding: 'utf-16le' });
  const bytes = Buffer.from('ab\nc\n', 'utf16le');
  for (const byte of bytes) {
    await rig.append(Uint8Array.of(byte));
    await rig.restart();
  }
  assert.deepEqual(rig.found, [
    ['ab', false],
    ['c', false],
  ]);
});

test('a lone surrogate becomes U+FFFD, and its line is kept', async (t) => {
  const bytes = Buffer.from('a?b\nc\n', 'utf16le');
  bytes.writeUInt16LE(0xd800, 2);
  assert.deepEqual(await read(t, bytes, 'utf-16le'), ['a\ufffdb', 'c']);
});

test('NUL bytes are text in UTF-16, and whole units of NUL at the start of a line are a hole', async (t) => {
  const rig = splitRig(t, { encoding: 'utf-16be' });
  await rig.append(Buffer.concat([Buffer.alloc(64), utf16be('a\0b\n')]));
  assert.deepEqual(rig.found, [['a\0b', false]]);
  assert.equal(rig.skippedNuls, 64);
});

test('UTF-8 loses its byte order mark at the start of the file only', async (t) => {
  assert.deepEqual(await read(t, Buffer.from('\ufeffone\n\ufefftwo\n'), 'utf-8'), ['one', '\ufefftwo']);
  const multiline = { line_start_pattern: '^o' };
  assert.deepEqual(await read(t, Buffer.from('\ufeffone\noh\n'), '', { multiline }), ['one', 'oh']);
});

test('each invalid sequence of UTF-8 is one U+FFFD, also in utf-8-raw', async (t) => {
  const bytes = Buffer.from([0x61, 0xe2, 0x82, 0x62, 0xff, 0xf0, 0x9f, 0x98, 0x0a, 0x6f, 0x6b, 0x0a]);
  for (const encoding of ['utf-8', 'utf-8-raw', 'ascii']) {
    assert.deepEqual(await read(t, bytes, encoding), ['a\ufffdb\ufffd\ufffd', 'ok']);
  }
});

test('encodings with one byte a character are read', async (t) => {
  const bytes = Buffer.from([0x67, 0x72, 0xfc, 0x6e, 0x20, 0x80, 0xa4, 0x0a, 0x6f, 0x6b, 0x0a]);
  assert.deepEqual(await read(t, bytes, 'latin1'), ['grün \u0080¤', 'ok']);
  assert.deepEqual(await read(t, bytes, 'ISO-8859-1'), ['grün \u0080¤', 'ok']);
  assert.deepEqual(await read(t, bytes, 'iso-8859-15'), ['grün \u0080€', 'ok']);
  assert.deepEqual(await read(t, bytes, 'windows-1252'), ['grün €¤', 'ok']);
  const multiline = { line_start_pattern: '^ü|ok' };
  assert.deepEqual(await read(t, bytes, 'latin1', { multiline }), ['grün \u0080¤', 'ok']);
});

test('the text of any bytes and its places agree with the decoder of the platform', () => {
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.constantFrom('é', '€', '😀', 'a', '\n').map((text) => Buffer.from(text)),
    fc
      .constantFrom([0xf0, 0x9f, 0x98], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90], [0xc0, 0x80])
      .map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
      const bytes = Buffer.concat(parts);
      const view = new Utf8View(bytes, 0, bytes.length);
      for (let index = 0; index <= view.text.length; index++) {
        const isInside = /^[\udc00-\udfff]/.test(view.text.slice(index, index + 1));
        if (isInside) continue;
        assert.equal(bytes.toString('utf8', 0, view.byteAt(index)), view.text.slice(0, index));
        assert.equal(view.indexAt(view.byteAt(index)), index);
      }
    }),
  );
});

test('other encodings are refused, with the list of those that are read', () => {
  for (const [encoding, message] of [
    ['big5', /"big5" cannot be read; there are utf-8, .*utf-16le/],
    ['nop', /nop makes one record of a whole file/],
  ] as const) {
    const parsed = filelogReceiver.parse({ include: ['/tmp/x'], encoding });
    assert.ok(!parsed.ok);
    assert.match(parsed.issues[0]?.message ?? '', message);
  }
});
