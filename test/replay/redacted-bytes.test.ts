import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageReply, textOrBytes } from '../../src/replay/record/recorded-content.ts';
import { RedactedChunks } from '../../src/replay/record/redacted-chunks.ts';
import { Redaction } from '../../src/replay/record/redaction.ts';
import { WholeCharacters } from '../../src/replay/record/whole-characters.ts';
import { labels, PROTOBUF, protoPage } from '../receivers/prometheus/proto-pages.ts';

const CANARY = 'CANARY0123456789';
const redaction = new Redaction(['user.email']);
const redact = (text: string): string => redaction.text(text);

function recordedPage(body: Uint8Array): Buffer {
  const reply = pageReply({ status: 200, contentType: PROTOBUF, body }, redaction);
  assert.ok('base64' in reply && typeof reply.base64 === 'string');
  return Buffer.from(reply.base64, 'base64');
}

/** Of every kind of metric, with secrets wherever there are texts, which grow beyond a length of one byte. */
function page(secret: string, path: string): Buffer {
  const exemplar = { label: labels({ trace_id: 'abc', token: secret }), value: 3 };
  const buckets = [{ cumulativeCount: 1, upperBound: 1, exemplar }, { upperBound: 2 }];
  const pairs = labels({ path, api_key: secret, 'user.email': secret, n: `Bearer ${secret}`, '': '' });
  return protoPage(
    {
      name: 'hits',
      help: `Hits, password=${secret}`,
      type: 0,
      metric: [{ label: pairs, counter: { value: 1, exemplar } }],
    },
    { name: 'size', type: 1, metric: [{ label: pairs, gauge: { value: 5 } }, { gauge: { value: 6 } }], unit: 'bytes' },
    {
      name: 'took',
      type: 4,
      metric: [{ label: pairs, histogram: { bucket: buckets, exemplars: [exemplar], schema: 3 } }],
    },
    { name: 'old', type: 2, metric: [{ label: pairs, summary: { quantile: [{ quantile: 0.5, value: 1 }] } }] },
  );
}

test('pages of protobuf lose credentials in labels, exemplars and explanations, and stay pages', () => {
  for (const path of ['/a', '/€'.repeat(40)]) {
    assert.deepEqual(recordedPage(page(CANARY, path)), page('[REDACTED]', path));
    assert.deepEqual(recordedPage(page('[REDACTED]', path)), page('[REDACTED]', path), 'once is enough');
  }
});

test('a page of protobuf with nothing to take out is recorded byte for byte', () => {
  const plain = protoPage({
    name: 'hits',
    type: 0,
    metric: [{ label: labels({ path: '/a' }), counter: { value: 1 } }],
  });
  assert.deepEqual(recordedPage(plain), plain);
  assert.deepEqual(recordedPage(new Uint8Array(0)), Buffer.alloc(0));
});

test('a page of protobuf that is cut or none loses credentials as far as it has texts', () => {
  const whole = page(CANARY, '/a');
  for (let end = 1; end < whole.length; end += 7) {
    const plain = recordedPage(whole.subarray(0, end)).toString('latin1');
    assert.doesNotMatch(plain.replaceAll('Bearer CANARY', ''), /password=CANARY|Bearer CANARY0123456789/);
  }
  assert.equal(recordedPage(Buffer.from(`\xff\xff token=${CANARY} \x00`, 'latin1')).includes(CANARY), false);
});

const NONE = Buffer.alloc(0);

/** What is recorded of these bytes. */
function recordedBytes(content: Uint8Array, chunk = redact): Buffer {
  const line = textOrBytes(content, 'text', chunk);
  if ('text' in line && typeof line.text === 'string') return Buffer.from(line.text);
  assert.ok('base64' in line && typeof line.base64 === 'string');
  return Buffer.from(line.base64, 'base64');
}

test('lines that are no UTF-8 lose credentials, and the bytes around them stay', () => {
  const bytes = Buffer.from(
    `\xff\xfe\x01 Gr\xf6\xdfe password=${CANARY} \x80\x00\x99 ok {"token":"${CANARY} \xe4"}\n`,
    'latin1',
  );
  const plain = Buffer.from(
    '\xff\xfe\x01 Gr\xf6\xdfe password=[REDACTED] \x80\x00\x99 ok {"token":"[REDACTED]"}\n',
    'latin1',
  );
  assert.deepEqual(recordedBytes(bytes), plain);
  const other = Buffer.from(Array.from({ length: 1024 }, (_, at) => (at * 7) % 256));
  assert.deepEqual(recordedBytes(other), other);
});

test('lines of UTF-16 lose credentials, wherever they are cut', () => {
  const text = `\ufeffstarted\nlogin password=${CANARY} Größe 漢字 ok\n`;
  const plain = text.replace(CANARY, '[REDACTED]');
  const little = (of: string): Buffer => Buffer.from(of, 'utf16le');
  const big = (of: string): Buffer => little(of).swap16();
  for (const encoded of [little, big]) {
    assert.deepEqual(recordedBytes(encoded(text)), encoded(plain));
    // Such as the system reads it, at any byte.
    const bytes = encoded(text);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const chunks = new RedactedChunks(redaction);
      const characters = new WholeCharacters();
      const reads = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((content) =>
        characters.whole('a.log', { op: 'append', content }),
      );
      const parts = reads.map((read) =>
        'content' in read ? recordedBytes(read.content, (part) => chunks.next(part)) : NONE,
      );
      const read = Buffer.concat(parts).toString('latin1').replaceAll('\x00', '');
      assert.doesNotMatch(read, /CANARY01|456789/, String(cut));
    }
  }
  const nearly = Buffer.from('a\x00b\x00 some more, token=x\n');
  assert.deepEqual(recordedBytes(nearly), Buffer.from('a\x00b\x00 some more, token=[REDACTED]\n'));
});
