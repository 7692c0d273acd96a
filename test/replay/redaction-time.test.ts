import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyedPlaceholders } from '../../src/replay/record/placeholders.ts';
import { Redaction } from '../../src/replay/record/redaction.ts';

/** Of the shorter of two texts; the other is as long as `TIMES` of it. */
const SHORT_LENGTH = Number(process.env['REDACTION_BYTES'] ?? 2 ** 14);
const TIMES = 8;
/** What is linear takes 8 times as long; what is quadratic, 64 times. */
const MOST_TIMES = 3 * TIMES;
/** A pause of the machine, which the shorter one need not have had. */
const NOISE_MS = 4;
const TRIES = 5;

const [BEGIN, END] = ['-----BEGIN RSA PRIVATE KEY-----', '-----END RSA PRIVATE KEY-----'];

/** What secrets have around them, and what nearly is one. */
const PIECES: readonly string[] = [
  ...['"', "'", '`', '\\', '\\"', '\\\\\\"', '=', '="', ':', '-', 'a-', ' ', 'a', '.', '1', '{', '[', '}', ']', '('],
  ...[',', ';', '&', '://', '://a:b?', '://aaaaaaaaaaaaaaaaaaaaaaaa', '@', '/', '<', '>', '\n', '\\n', '%', '$2b$'],
  ...['eyJ', 'eyJaaaaaaaa-', 'eyJaaaaaaaa.', 'sk-', 'sk-a-', 'AKIA', 'xoxb.', ':AA', 'key-', 'SG.a', 'hvs.'],
  ...['Bearer ', 'Basic ', 'auth=', 'key', 'name=', 'value=', 'password', 'password: ', 'password: a ', 'passphrase='],
  ...['token=', 'token=[', 'token=[ ', 'token:(', '--token ', '"token":', '"token":{', '"token":["', 'Key (token)=('],
  ...['cookie: ', 'cookie=a=b; ', 'authorization:', 'authorization:[', 'Digest a="', 'IDENTIFIED BY ', "PASSWORD '"],
  ...['curl -u ', 'mysql -p', ' -p ', ' -u a:b', ' | ', '["--user","', '<a name="token">', '<token ', '<token>'],
  ...['?code=', '&sig=aaaaaaaaaaaaaaaa', '\\x22', '\\x22token\\x22:\\x22', '%3D', 'token%3D', 'login a password '],
  ...['"AUTH" "', 'sqlplus a/', 'jdbc:oracle:thin:a/', 'temporary password is generated for a', BEGIN, END],
];
const STARTS: readonly string[] = ['', 'token=', '"token":"', '"token":{', 'Cookie: ', 'password: ', `${BEGIN}\n`];

/** CPU time, milliseconds. */
function timeOf(text: string): number {
  const before = process.cpuUsage();
  new Redaction(['user.email'], keyedPlaceholders()).text(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function assertLinear(of: (length: number) => string): void {
  const [short, long] = [of(SHORT_LENGTH), of(SHORT_LENGTH * TIMES)];
  let [shortMs, longMs] = [0, Number.POSITIVE_INFINITY];
  for (let tried = 0; tried < TRIES; tried++) {
    // The shorter one at its slowest and the longer one at its fastest: noise is in favour of both.
    shortMs = Math.max(shortMs, timeOf(short));
    longMs = Math.min(longMs, timeOf(long));
    if (longMs <= MOST_TIMES * shortMs + NOISE_MS) return;
  }
  assert.fail(
    `${longMs} ms, and ${shortMs} ms for a text ${TIMES} times shorter: ${JSON.stringify(short.slice(0, 100))}`,
  );
}

function filled(start: string, piece: (at: number) => string): (length: number) => string {
  return (length) => {
    const parts = [start];
    for (let [size, at] = [start.length, 0]; size < length; size += parts.at(-1)?.length ?? 0) parts.push(piece(at++));
    return parts.join('').slice(0, length);
  };
}

test('a text takes its time by its length alone, whatever is repeated in it', () => {
  for (const piece of PIECES) for (const start of ['', 'token="']) assertLinear(filled(start, () => piece));
});

test('a text takes its time by its length alone, whatever is mixed in it', () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const oneOf = (list: readonly string[]): string => list[random(list.length)] ?? '';
  for (let count = 0; count < 100; count++) {
    const some = Array.from({ length: 2 + random(4) }, () => oneOf(PIECES));
    const unit = some.join('');
    const order = Array.from({ length: 1009 }, () => oneOf(some));
    assertLinear(filled(oneOf(STARTS), count % 2 === 0 ? () => unit : (at) => order[at % order.length] ?? ''));
  }
});

test('a text full of secrets takes its time by their number alone', () => {
  assertLinear(filled('', (at) => `a=${at % 10};pwd=x${at} `));
  assertLinear(filled('', (at) => `{"password":"a ${at}","n":${at}}\n`));
  assertLinear(filled('', (at) => `-H 'Authorization: Bearer abc${at}def' curl -u ann:x${at} postgres://a:b${at}@c\n`));
});
