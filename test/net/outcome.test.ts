import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grpcOutcome, noAnswer, retryAfterMs } from '../../src/net/outcome.ts';

const NOW_MS = Date.UTC(2026, 0, 4, 12);

test('Retry-After is seconds or any of the three forms of an HTTP date, in GMT wherever this runs', (t) => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'America/New_York';
  t.after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
  for (const [header, expected] of [
    ['120', 120_000],
    [' 0 ', 0],
    ['99999999999999', 3_600_000],
    ['Sun, 04 Jan 2026 12:00:30 GMT', 30_000],
    ['Sunday, 04-Jan-26 12:00:30 GMT', 30_000],
    ['Sun Jan  4 12:00:30 2026', 30_000],
    ['Sun, 04 Jan 2026 11:00:00 GMT', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(retryAfterMs(header, NOW_MS), expected, header);
  }
  assert.equal(retryAfterMs(undefined, NOW_MS), undefined);
});

test('why an upstream cannot be reached is said without the parts of the client and the time', () => {
  const inner = 'No connection established. Last error: ';
  for (const [message, reason] of [
    [
      `round_robin: ${inner}${inner}connect ECONNREFUSED 127.0.0.1:4317 (2026-11-26T06:50:22.843Z). Resolution note: `,
      'connect ECONNREFUSED 127.0.0.1:4317',
    ],
    [`${inner}Failed to connect (2026-11-26T06:50:22.843Z)`, 'Failed to connect'],
    ['Name resolution failed for target dns:nowhere:4317', 'Name resolution failed for target dns:nowhere:4317'],
    [
      `${inner}Error: 40C314F8C77F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/x.c:78: (2026-11-26T06:50:22.843Z). Resolution note: `,
      'TLS failed: wrong version number',
    ],
    [
      `${inner}Error: self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca`,
      'self-signed certificate; if it is right, name its authority in tls.ca_file',
    ],
    ['No connection established', 'No connection established'],
  ] as const) {
    const outcome = grpcOutcome('logs', { code: 14, message, details: undefined, body: undefined });
    assert.equal(
      outcome.status === 'retry' ? outcome.reason.message : '',
      `The upstream cannot be reached: ${reason}.`,
    );
    assert.ok(outcome.status === 'retry' && outcome.unsent, 'and that nothing was sent');
  }
});

test('only without a connection is it certain that nothing was sent', () => {
  const failure = (code: string) => Object.assign(new Error(code), { code });
  const unsent = (error: unknown) => 'unsent' in noAnswer(error);
  assert.ok(unsent(failure('ECONNREFUSED')) && unsent(failure('ENOTFOUND')));
  assert.ok(unsent(new AggregateError([failure('ECONNREFUSED'), failure('ECONNREFUSED')])));
  assert.ok(!unsent(new AggregateError([failure('ECONNREFUSED'), failure('ECONNRESET')])));
  assert.ok(!unsent(new AggregateError([])) && !unsent(failure('ECONNRESET')) && !unsent('aborted'));
  const dropped = { code: 14, message: 'Connection dropped', details: undefined, body: undefined };
  assert.ok(!('unsent' in grpcOutcome('logs', dropped)));
});
