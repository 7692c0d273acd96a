import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Double } from '../../../src/receivers/filelog/operators/entry.ts';
import { timeOptions } from '../../../src/receivers/filelog/operators/time-options.ts';
import { TimeParser } from '../../../src/receivers/filelog/operators/time-parser.ts';
import { TimeZone } from '../../../src/receivers/filelog/operators/time-zone.ts';
import { issuesOf, mapOf, NOW_MS, run } from './operating.ts';

function read(settings: Partial<Parameters<typeof timeOptions>[0]>, text: string, nowMs = NOW_MS): string | undefined {
  const parser = new TimeParser(timeOptions({ layout_type: 'strptime', layout: '', ...settings }));
  if (!parser.parse(text, nowMs)) return undefined;
  const seconds = new Date(parser.seconds * 1000).toISOString().slice(0, 19);
  return parser.nanos === 0 ? seconds : `${seconds}.${String(parser.nanos).padStart(9, '0')}`;
}

test('times without a zone are those of the location, through summer time and back', () => {
  const layout = '%Y-%m-%d %H:%M:%S';
  const cases: [location: string, text: string, expected: string][] = [
    ['UTC', '2026-06-01 12:00:00', '2026-06-01T12:00:00'],
    ['Europe/Berlin', '2026-01-15 12:00:00', '2026-01-15T11:00:00'],
    ['Europe/Berlin', '2026-07-15 12:00:00', '2026-07-15T10:00:00'],
    ['Europe/Berlin', '2026-03-29 01:59:59', '2026-03-29T00:59:59'],
    ['Europe/Berlin', '2026-03-29 03:00:00', '2026-03-29T01:00:00'],
    ['Europe/Berlin', '2026-10-25 01:59:59', '2026-10-24T23:59:59'],
    ['Europe/Berlin', '2026-10-25 03:00:00', '2026-10-25T02:00:00'],
    ['America/New_York', '2026-03-08 03:00:00', '2026-03-08T07:00:00'],
    ['America/New_York', '2026-11-01 00:59:59', '2026-11-01T04:59:59'],
    ['Asia/Kolkata', '2026-06-01 05:30:00', '2026-06-01T00:00:00'],
    ['Australia/Lord_Howe', '2026-01-01 11:00:00', '2026-01-01T00:00:00'],
    ['Pacific/Kiritimati', '2026-01-01 14:00:00', '2026-01-01T00:00:00'],
  ];
  for (const [location, text, expected] of cases)
    assert.equal(read({ layout, location }, text), expected, `${location} ${text}`);
});

test('a time in any zone, written there, is read back', () => {
  const zones = [
    'Europe/Berlin',
    'America/St_Johns',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'UTC',
  ];
  const instants = fc.integer({ min: 0, max: Date.UTC(2037, 11, 31) / 1000 });
  fc.assert(
    fc.property(fc.constantFrom(...zones), instants, (name, seconds) => {
      const zone = new TimeZone(name);
      const wallMs = seconds * 1000 + zone.offsetAt(seconds * 1000);
      const back = zone.utcOf(wallMs);
      // Of a time that the clock shows twice, either is right.
      assert.equal(back + zone.offsetAt(back), wallMs);
    }),
    { numRuns: 500 },
  );
});

test('a layout that ends in Z means UTC where no location is given, and %Z is an abbreviation', () => {
  assert.equal(timeOptions({ layout_type: 'strptime', layout: '%H:%MZ' }).location, 'UTC');
  assert.equal(timeOptions({ layout_type: 'strptime', layout: '%H:%M %Z' }).location, 'Local');
  assert.equal(
    timeOptions({ layout_type: 'gotime', layout: '15:04Z', location: 'Europe/Berlin' }).location,
    'Europe/Berlin',
  );
});

test('zone abbreviations are those of RFC 5322, of time_zone_locations, or of the location', () => {
  const layout = '%a %b %e %H:%M:%S %Z %Y';
  const utc = { layout, location: 'UTC' };
  assert.equal(read(utc, 'Fri Jun 5 13:50:27 EST 2020'), '2020-06-05T18:50:27');
  assert.equal(read(utc, 'Fri Jun 5 13:50:27 GMT 2020'), '2020-06-05T13:50:27');
  assert.equal(read(utc, 'Fri Jun 5 13:50:27 +0200 2020'), '2020-06-05T11:50:27');
  assert.equal(read(utc, 'Fri Jun 5 13:50:27 NZST 2020'), undefined);
  const many = {
    layout,
    location: 'Asia/Kolkata',
    time_zone_locations: { PDT: 'America/Los_Angeles', NZST: 'Pacific/Auckland' },
  };
  assert.equal(read(many, 'Wed Aug 27 15:08:58 IST 2025'), '2025-08-27T09:38:58');
  assert.equal(read(many, 'Wed Aug 20 14:08:48 PDT 2025'), '2025-08-20T21:08:48');
  assert.equal(read(many, 'Wed Jul 16 10:00:00 NZST 2025'), '2025-07-15T22:00:00');
});

test('a date without a year is one of the last year when it would be more than a week ahead', () => {
  const layout = { layout: '%b %d %H:%M:%S', location: 'UTC' };
  const now = Date.UTC(2026, 0, 3);
  assert.equal(read(layout, 'Jan 09 23:00:00', now), '2026-01-09T23:00:00');
  assert.equal(read(layout, 'Jan 11 00:00:00', now), '2025-01-11T00:00:00');
  assert.equal(read(layout, 'Dec 31 23:59:59', now), '2025-12-31T23:59:59');
  assert.equal(read(layout, 'Feb 29 00:00:00', Date.UTC(2028, 5, 1)), '2028-02-29T00:00:00');
});

test('a time without a date is one of today in the location', () => {
  const now = Date.UTC(2026, 5, 1, 22, 30);
  assert.equal(read({ layout: '%H:%M:%S,%L', location: 'UTC' }, '10:11:12,5', now), '2026-06-01T10:11:12.500000000');
  assert.equal(read({ layout: '%H:%M', location: 'Europe/Berlin' }, '00:31', now), '2026-06-01T22:31:00');
});

test('days that a month does not have are refused', () => {
  const layout = { layout: '%Y-%m-%d', location: 'UTC' };
  assert.equal(read(layout, '2024-02-29'), '2024-02-29T00:00:00');
  for (const text of [
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-01-00',
    '2026-01-32',
    '0050-01-01',
    '1969-12-31',
  ]) {
    assert.equal(read(layout, text), undefined, text);
  }
});

test('what JavaScript writes as ISO 8601 is read back by both languages of layouts', () => {
  const strptime = { layout: '%Y-%m-%dT%H:%M:%S.%LZ' };
  const gotime = { layout_type: 'gotime' as const, layout: '2006-01-02T15:04:05.000Z07:00' };
  const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(dates, (date) => {
      const text = date.toISOString();
      for (const settings of [strptime, gotime]) {
        const parser = new TimeParser(timeOptions({ layout_type: 'strptime', ...settings }));
        assert.ok(parser.parse(text, NOW_MS), text);
        assert.equal(parser.seconds * 1000 + parser.nanos / 1e6, date.getTime());
      }
    }),
    { numRuns: 500 },
  );
});

test('epoch takes texts, integers and doubles', () => {
  const at = (value: string | number | bigint | Double, layout: string) => {
    const operators = [{ type: 'time_parser', parse_from: 'attributes.t', layout_type: 'epoch', layout }];
    return run(operators, { attributes: new Map([['t', value]]) }).entries[0]?.time;
  };
  assert.deepEqual(at(1136214245, 's'), { seconds: 1136214245, nanos: 0 });
  assert.deepEqual(at(new Double(1136214245.5), 's.ms'), { seconds: 1136214245, nanos: 500_000_000 });
  assert.deepEqual(at('1136214245123', 'ms'), { seconds: 1136214245, nanos: 123_000_000 });
  assert.deepEqual(at(1136214245123456789n, 'ns'), { seconds: 1136214245, nanos: 123_456_789 });
  assert.equal(at('soon', 's'), undefined);
  assert.equal(at(-1, 's'), undefined);
});

test('layouts, zones and layout types that are not known are refused when the configuration is read', () => {
  const issue = (settings: object): string =>
    issuesOf([{ type: 'time_parser', parse_from: 'body', layout: '%Y', ...settings }]).join();
  assert.equal(issue({ location: 'America/New_York' }), '');
  assert.match(issue({ location: 'Mars/Base' }), /"Mars\/Base" is not a time zone/);
  assert.match(issue({ time_zone_locations: { X: 'nowhere' } }), /"nowhere" is not a time zone/);
  assert.match(issue({ layout_type: 'native' }), /only strptime, gotime and epoch/);
  assert.match(issue({ layout: '%Q' }), /directive "%Q"/);
  assert.match(issue({ layout_type: 'epoch', layout: 'minutes' }), /not an epoch layout/);
});

test('severity_parser follows preset and mapping, and overwrites the text when told', () => {
  const severity = (value: string | number | boolean | null, settings: object = {}): unknown[] => {
    const operators = [{ type: 'severity_parser', parse_from: 'attributes.s', ...settings }];
    const { entries, logged } = run(operators, { attributes: new Map([['s', value]]) });
    return logged.length > 0 ? logged : [entries[0]?.severityNumber, entries[0]?.severityText];
  };
  assert.deepEqual(severity('Warning'), [13, 'Warning']);
  assert.deepEqual(severity('err3', { overwrite_text: true }), [19, 'ERROR3']);
  assert.deepEqual(severity('warning', { preset: 'otel' }), [0, 'warning']);
  assert.deepEqual(severity('info', { preset: 'none' }), [0, 'info']);
  assert.deepEqual(severity('21', { preset: 'aliases' }), [21, '21']);
  const mapping = { error: ['nooo!', { min: 1, max: 5 }], info3: '3xx', fatal: 9001, default: 'trace', 13: 'YSK' };
  assert.deepEqual(severity('NOOO!', { mapping }), [17, 'NOOO!']);
  assert.deepEqual(severity(3, { mapping }), [17, '3']);
  assert.deepEqual(severity('304', { mapping, overwrite_text: true }), [11, 'INFO3']);
  assert.deepEqual(severity(9001, { mapping }), [21, '9001']);
  assert.deepEqual(severity('trace', { mapping }), [0, 'trace']);
  assert.deepEqual(severity('ysk', { mapping }), [13, 'ysk']);
  assert.deepEqual(severity('constructor'), [0, 'constructor']);
  assert.deepEqual(severity(null), ['warn: there is no severity to parse']);
  assert.match(
    issuesOf([{ type: 'severity_parser', parse_from: 'body', mapping: { loud: 1 } }]).join(),
    /"loud" is not a severity/,
  );
});

test('trace_parser reads ids where it is told or in the body, and says what is no id', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319C';
  const ids = (body: object, settings: object = {}): unknown[] => {
    const { entries, logged } = run([{ type: 'trace_parser', ...settings }], { body: mapOf(body) });
    const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
    return [hex(entries[0]?.traceId), hex(entries[0]?.spanId), entries[0]?.flags, ...logged];
  };
  assert.deepEqual(ids({ trace_id: traceId, span_id: 'b7ad6b7169203331', trace_flags: '01' }), [
    traceId.toLowerCase(),
    'b7ad6b7169203331',
    1,
  ]);
  assert.deepEqual(ids({ t: traceId }, { trace_id: { parse_from: 'body.t' } }), [traceId.toLowerCase(), '', undefined]);
  assert.deepEqual(ids({}), ['', '', undefined]);
  assert.deepEqual(ids({ trace_id: '0'.repeat(32) }), ['', '', undefined]);
  assert.deepEqual(ids({ trace_id: 'xyz', span_id: 'b7ad6b7169203331' }), [
    '',
    'b7ad6b7169203331',
    undefined,
    'warn: the trace id is not 32 hex digits',
  ]);
});

test('scope_name_parser sets the scope, and records of different scopes stand apart', () => {
  assert.equal(run([{ type: 'scope_name_parser' }], 'app.db').entries[0]?.scopeName, 'app.db');
  assert.match(
    run([{ type: 'scope_name_parser', parse_from: 'attributes.x' }], 'a').logged.join(),
    /no text for the name/,
  );
});
