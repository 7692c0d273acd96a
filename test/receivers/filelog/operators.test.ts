import assert from 'node:assert/strict';
import { test } from 'node:test';
import { severityTable } from '../../../src/receivers/filelog/operators/severity.ts';
import { TimeParser } from '../../../src/receivers/filelog/operators/time-parser.ts';
import { process } from './operating.ts';
import type { LogRecord } from './support.ts';

const ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const LINE = `{"time":"2026-11-22T22:30:06.123456789Z","level":"Warn","msg":"m","trace_id":"${ID}","span_id":"${SPAN}","trace_flags":"01"}`;
const TIME_AND_SEVERITY = {
  timestamp: { parse_from: 'attributes.time', layout_type: 'gotime', layout: '2006-01-02T15:04:05.999999999Z07:00' },
  severity: { parse_from: 'attributes.level' },
};

function assertParsed(record: LogRecord | undefined, line: string): void {
  assert.equal(record?.body, line);
  assert.equal(record.timeUnixNano, BigInt(Date.UTC(2026, 10, 22, 22, 30, 6)) * 1_000_000n + 123_456_789n);
  assert.equal(record.severityNumber, 13);
  assert.equal(record.severityText, 'Warn');
  assert.equal(record.traceId, ID);
  assert.equal(record.spanId, SPAN);
  assert.equal(record.flags, 1);
}

test('json_parser sets attributes, time, severity and trace context, and leaves the line as the body', async (t) => {
  const { all } = await process(t, `${LINE}\n`, [{ type: 'json_parser', ...TIME_AND_SEVERITY }]);
  assertParsed(all[0], LINE);
  assert.deepEqual([...(all[0]?.attributes.keys() ?? [])], ['time', 'level', 'msg']);
});

test('the fast and the slow path of json_parser give the same records', async (t) => {
  const lines = [
    LINE,
    LINE.replace('"m"', '"m","deep":{"list":[1,-2,1.5,2.0,null,true,{"k":"v\\n"}],"big":9223372036854775807}'),
    LINE.replace('trace_id', 'traceId').replace('"01"', '"zz"'),
    '{"level":"info","time":"2026-11-22T22:30:06Z","msg":"\\u00fc"}',
  ].join('\n');
  const fast = await process(t, `${lines}\n`, [{ type: 'json_parser', ...TIME_AND_SEVERITY }]);
  // A step that changes nothing is more than the fast path does.
  const slow = await process(t, `${lines}\n`, [
    { type: 'json_parser', ...TIME_AND_SEVERITY },
    { type: 'copy', from: 'attributes.level', to: 'attributes.level' },
  ]);
  const strip = (all: LogRecord[]): object[] => all.map((record) => ({ ...record, observedTimeUnixNano: 0n }));
  assert.equal(fast.all.length, 4);
  assert.deepEqual(strip(fast.all), strip(slow.all));
  assert.equal(fast.rig.context.meter.total('remora_filelog_parse_errors'), 0);
});

test('a later time_parser and severity_parser do what the nested blocks do', async (t) => {
  const { all } = await process(t, `${LINE}\n`, [
    { type: 'json_parser' },
    { type: 'time_parser', ...TIME_AND_SEVERITY.timestamp },
    { type: 'severity_parser', ...TIME_AND_SEVERITY.severity },
  ]);
  assertParsed(all[0], LINE);
});

test('a line with odd JSON takes the slow path and loses nothing', async (t) => {
  const { all } = await process(t, '{"a":1,"a":2,"\\u0062":"x","team":"json"}\n', [{ type: 'json_parser' }], {
    attributes: { team: 'config' },
  });
  assert.deepEqual(Object.fromEntries(all[0]?.attributes ?? []), { team: 'json', a: 2, b: 'x' });
});

test('on_error decides about a line that does not parse; failures are counted', async (t) => {
  const sent = await process(t, 'not json\n{"a":1}\n', [{ type: 'json_parser' }]);
  assert.deepEqual(
    sent.all.map(({ body }) => body),
    ['not json', '{"a":1}'],
  );
  assert.equal(sent.rig.context.meter.total('remora_filelog_parse_errors'), 1);
  const dropped = await process(t, 'not json\n{"a":1}\n', [{ type: 'json_parser', on_error: 'drop' }]);
  assert.deepEqual(
    dropped.all.map(({ body }) => body),
    ['{"a":1}'],
  );
  assert.equal(dropped.rig.context.meter.total('remora_filelog_dropped_lines'), 1);
});

test('regex_parser takes named groups of Go and JavaScript, and parse_to says where they go', async (t) => {
  const { all } = await process(t, '10.0.0.1 GET 503\n', [
    {
      type: 'regex_parser',
      regex: '^(?P<ip>\\S+) (?<method>\\S+) (?P<status>\\d+)(?P<rest>x)?$',
      parse_to: 'attributes.http',
      severity: { parse_from: 'attributes.http.status', mapping: { error: '5xx', warn: [{ min: 400, max: 499 }] } },
    },
  ]);
  const http = new Map([
    ['ip', '10.0.0.1'],
    ['method', 'GET'],
    ['status', '503'],
    ['rest', ''],
  ]);
  assert.deepEqual(all[0]?.attributes, new Map([['http', http]]));
  assert.equal(all[0].severityNumber, 17);
  assert.equal(all[0].severityText, '503');
});

test('move, copy, add, remove and retain change the record', async (t) => {
  const { all } = await process(t, '{"msg":"hello","user":{"name":"ann","age":7},"drop":1}\n', [
    { type: 'json_parser' },
    { type: 'move', from: 'attributes.msg', to: 'body' },
    { type: 'copy', from: 'attributes.user.name', to: 'attributes["user.name"]' },
    { type: 'add', field: 'attributes.env', value: 'prod' },
    { type: 'remove', field: 'attributes.drop' },
    { type: 'retain', fields: ['attributes["user.name"]', 'attributes.env', 'attributes.user.age'] },
  ]);
  assert.equal(all[0]?.body, 'hello');
  assert.deepEqual(
    all[0].attributes,
    new Map<string, unknown>([
      ['user.name', 'ann'],
      ['env', 'prod'],
      ['user', new Map([['age', 7]])],
    ]),
  );
});

test('trace_context copy keeps the attributes, off leaves the record without ids', async (t) => {
  const copied = await process(t, `${LINE}\n`, [{ type: 'json_parser', trace_context: 'copy' }]);
  assert.equal(copied.all[0]?.traceId, ID);
  assert.equal(copied.all[0].attributes.get('trace_id'), ID);
  const off = await process(t, `${LINE}\n`, [{ type: 'json_parser', trace_context: 'off' }]);
  assert.equal(off.all[0]?.traceId, '');
  assert.equal(off.all[0].attributes.get('span_id'), SPAN);
});

test('severity values are the names and numbers of OpenTelemetry, warning, err, and what is mapped', () => {
  const table = severityTable({ preset: 'default', mapping: { fatal: ['PANIC', 0], info2: '2xx' } });
  assert.deepEqual(
    ['trace', 'debug4', '9', 'warning', 'err3', 'panic', '0', '204', 'nothing'].map((value) => table.get(value)),
    [1, 8, 9, 13, 19, 21, 21, 10, undefined],
  );
  assert.throws(() => severityTable({ preset: 'none', mapping: { loud: 'x' } }), /not a severity/);
});

test('times are read by strptime, gotime and epoch layouts', () => {
  const cases: ['strptime' | 'gotime' | 'epoch', string, string, string][] = [
    ['strptime', '%Y-%m-%dT%H:%M:%S.%L%z', '2026-11-22T22:30:06.120+0200', '2026-11-22T20:30:06.120000000Z'],
    ['strptime', '%Y-%m-%d %H:%M:%S', '2026-01-02 03:04:05', '2026-01-02T03:04:05.000000000Z'],
    ['strptime', '%d/%b/%Y:%H:%M:%S %z', '22/Nov/2026:22:30:06 -0130', '2026-11-23T00:00:06.000000000Z'],
    ['strptime', '%F %T,%L', '2026-11-22 22:30:06,007', '2026-11-22T22:30:06.007000000Z'],
    ['strptime', '%b %e %H:%M:%S', 'Mar  1 00:00:00', '2026-03-01T00:00:00.000000000Z'],
    ['strptime', '%m/%d/%y %I:%M:%S %p', '11/22/26 12:00:01 AM', '2026-11-22T00:00:01.000000000Z'],
    [
      'gotime',
      '2006-01-02T15:04:05.000Z07:00',
      '2026-11-22T22:30:06.123456789+01:00',
      '2026-11-22T21:30:06.123456789Z',
    ],
    ['gotime', 'Mon Jan _2 15:04:05 2006', 'Sun Nov 22 22:30:06 2026', '2026-11-22T22:30:06.000000000Z'],
    ['gotime', '02 Jan 06 3:04PM MST', '22 Nov 26 1:05PM UTC', '2026-11-22T13:05:00.000000000Z'],
    ['epoch', 's', '1795386606', '2026-11-22T22:30:06.000000000Z'],
    ['epoch', 'ms', '1795386606007', '2026-11-22T22:30:06.007000000Z'],
    ['epoch', 'ns', '1795386606000000009', '2026-11-22T22:30:06.000000009Z'],
    ['epoch', 's.us', '1795386606.000042', '2026-11-22T22:30:06.000042000Z'],
  ];
  for (const [layoutType, layout, text, expected] of cases) {
    const parser = new TimeParser({ layoutType, layout, location: 'UTC' });
    assert.ok(parser.parse(text, Date.UTC(2026, 5, 1)), `${layout} takes ${text}`);
    const seconds = new Date(parser.seconds * 1000).toISOString().slice(0, 19);
    assert.equal(`${seconds}.${String(parser.nanos).padStart(9, '0')}Z`, expected, `${layout} of ${text}`);
  }
});

test('what is not a time of the layout is refused', () => {
  const parser = new TimeParser({ layoutType: 'strptime', layout: '%Y-%m-%d %H:%M:%S', location: 'UTC' });
  for (const text of ['', '2026-13-01 00:00:00', '2026-01-01 24:00:00', '2026-01-01', '2026-01-01 00:00:00Z', 'x']) {
    assert.ok(!parser.parse(text, 0), text);
  }
  assert.throws(() => new TimeParser({ layoutType: 'epoch', layout: 'days', location: 'UTC' }), /epoch layout/);
});
